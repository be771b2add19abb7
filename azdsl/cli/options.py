"""Command-line options made from the schema of settings: one for every key that a file may set."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from azdsl.config.experiment import Experiment
from azdsl.config.search import MUTATIONS, Range, Registers, Search, keys
from azdsl.config.tasks import TASKS
from azdsl.overrides import OPS_KEYS, known_settings, override, task_settings

Function = TypeVar("Function", bound=Callable[..., Any])


def length_range(text: str | Range) -> Range:
    """The range that ``10`` or ``1..23`` means."""
    try:
        return text if isinstance(text, Range) else Range.parse(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor a range such as 1..21") from None


def experiment_options(function: Function) -> Function:
    """Give a command an option for every setting. Those not given are None."""
    for option in reversed(list(_options())):
        function = option(function)
    return function


def apply_options(experiment: Experiment, values: Mapping[str, Any], base_dir: Path | None = None) -> Experiment:
    """The experiment with the options that were given: ``values`` may hold others, which are left alone."""
    known = known_settings()
    given = {name: value for name, value in values.items() if name in known and value is not None}
    return override(experiment, given, base_dir)


def _options() -> Iterator[Callable[[Function], Function]]:
    for schema in (Search, Registers):
        hints = typing.get_type_hints(schema)
        for field in keys(schema):
            yield _option(field.name, hints[field.name], field.metadata["help"] + _default(field), field.metadata)
    for key in OPS_KEYS:
        where = key.removesuffix("_ops").capitalize() if key != "ops" else "all three functions"
        yield click.option(_flag(key), key, metavar="OPS", help=f'Ops that {where} may use, such as "dot, s - s".')
    yield click.option("--mutations", metavar="NAMES", help=f"Kinds of mutation, some of {', '.join(MUTATIONS)}.")
    kinds = ", ".join(TASKS)
    yield click.option("--task", type=click.Choice(list(TASKS)), metavar="KIND", help=f"Kind of task: {kinds}.")
    for name, homes in task_settings().items():
        first, field = next(iter(homes.items()))
        hint = typing.get_type_hints(TASKS[first])[field.name]
        yield _option(
            name, hint, _task_help(homes), {**field.metadata, "choices": None} if name == "path" else field.metadata
        )


def _task_help(homes: Mapping[str, dataclasses.Field[Any]]) -> str:
    """What a task key means; with the kinds that have it, if not all do."""
    meanings: dict[str, list[str]] = {}
    for kind, field in homes.items():
        meanings.setdefault(field.metadata["help"] + _default(field), []).append(kind)
    if len(meanings) == 1 and len(homes) == len(TASKS):
        return next(iter(meanings))
    return "; ".join(f"{', '.join(kinds)}: {text}" for text, kinds in meanings.items())


def _option(name: str, hint: Any, help: str, facts: Mapping[str, Any]) -> Callable[[Function], Function]:
    kind = next(t for t in typing.get_args(hint) if t is not type(None)) if isinstance(hint, types.UnionType) else hint
    text = help[:1].upper() + help[1:] + "."
    if kind is bool:
        return click.option(f"{_flag(name)}/--no-{_flag(name)[2:]}", name, default=None, help=text)
    if kind is Range:
        return click.option(_flag(name), name, type=length_range, metavar="RANGE", default=None, help=text)
    chosen: Any = click.Choice(facts["choices"]) if facts.get("choices") else kind
    return click.option(_flag(name), name, type=chosen, default=None, help=text)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _default(field: dataclasses.Field[Any]) -> str:
    """The default, when there is one and the help does not say it itself."""
    if field.default is None or field.default == "" or "default" in field.metadata["help"]:
        return ""
    value = ("no", "yes")[field.default] if isinstance(field.default, bool) else field.default
    return f" [{value}]"
