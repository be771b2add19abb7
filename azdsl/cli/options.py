"""Command-line options for settings: one for every key that a file may set."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from azdsl.config.experiment import OPS_KEYS, Experiment
from azdsl.config.schema import Range, keys, metadata, value_types
from azdsl.config.search import MUTATIONS, Registers, Search
from azdsl.config.tasks import TASKS
from azdsl.setting_overrides import known_settings, override, task_settings

Function = TypeVar("Function", bound=Callable[..., Any])


def length_range(text: str | Range) -> Range:
    """Read ``10`` or ``1..23``. Raises ``click.BadParameter`` for other text."""
    try:
        return text if isinstance(text, Range) else Range.parse(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor a range such as 1..21") from None


def int_range(schema: type, name: str) -> click.IntRange:
    """The integers that key ``name`` of a schema allows, for an option that stands for this key."""
    bounds = metadata(schema, name)
    return click.IntRange(bounds["least"], bounds["most"])


def experiment_options(function: Function) -> Function:
    """Decorate a command with an option for every setting; the value of an option that is not given is None."""
    for option in reversed(list(_options())):
        function = option(function)
    return function


def apply_options(experiment: Experiment, values: Mapping[str, Any], base_dir: Path | None = None) -> Experiment:
    """The experiment overridden by the options given; other entries of ``values`` are ignored."""
    known = known_settings()
    given = {name: value for name, value in values.items() if name in known and value is not None}
    return override(experiment, given, base_dir)


def _options() -> Iterator[Callable[[Function], Function]]:
    for schema in (Search, Registers):
        types = value_types(schema)
        for field in keys(schema):
            yield _option(
                field.name, types[field.name], field.metadata["help"] + _default(field), field.metadata.get("choices")
            )
    for key in OPS_KEYS:
        where = key.removesuffix("_ops").capitalize() if key != "ops" else "all three functions"
        help = f'Ops that the search may use in {where}, such as "arithmetic, dot" (default: all; for tables: tables).'
        yield click.option(_flag(key), key, metavar="OPS", help=help)
    help = f"Kinds of mutation, some of {', '.join(MUTATIONS)} (default: all that the lengths permit)."
    yield click.option("--mutations", metavar="NAMES", help=help)
    kinds = ", ".join(TASKS)
    yield click.option("--task", type=click.Choice(list(TASKS)), metavar="KIND", help=f"Kind of task: {kinds}.")
    for name, homes in task_settings().items():
        first, field = next(iter(homes.items()))
        allowed = [field.metadata.get("choices") or () for field in homes.values()]
        choices = list(dict.fromkeys(itertools.chain(*allowed))) if all(allowed) else None
        yield _option(name, value_types(TASKS[first])[field.name], _task_help(homes), choices)


def _task_help(homes: Mapping[str, dataclasses.Field[Any]]) -> str:
    """The help of a task key, by kind of task unless all kinds have it with the same help and default."""
    meanings: dict[str, list[str]] = {}
    for kind, field in homes.items():
        meanings.setdefault(field.metadata["help"] + _default(field), []).append(kind)
    if len(meanings) == 1 and len(homes) == len(TASKS):
        return next(iter(meanings))
    return "; ".join(f"{', '.join(kinds)}: {text}" for text, kinds in meanings.items())


def _option(name: str, kind: type, help: str, choices: Sequence[Any] | None) -> Callable[[Function], Function]:
    text = help[:1].upper() + help[1:] + "."
    if kind is bool:
        return click.option(f"{_flag(name)}/--no-{_flag(name)[2:]}", name, default=None, help=text)
    if kind is Range:
        return click.option(_flag(name), name, type=length_range, metavar="RANGE", default=None, help=text)
    chosen: Any = click.Choice(choices) if choices else kind
    return click.option(_flag(name), name, type=chosen, default=None, help=text)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _default(field: dataclasses.Field[Any]) -> str:
    """The default in brackets, unless the help states it."""
    if field.default is None or field.default == "" or "default" in field.metadata["help"]:
        return ""
    value = ("no", "yes")[field.default] if isinstance(field.default, bool) else field.default
    return f" [{value}]"
