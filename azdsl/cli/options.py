"""Command-line options for settings: one for every key that a file may set."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from azdsl.config.experiment import OPS_KEYS, Experiment
from azdsl.config.quantities import count, duration
from azdsl.config.schema import Range, keys, metadata, value_types
from azdsl.config.search import BLIND_MUTATIONS, DATA_FLOW_MUTATIONS, MUTATIONS, Registers, Search
from azdsl.config.tasks import TASKS
from azdsl.setting_overrides import former_names, known_settings, override, task_settings

Function = TypeVar("Function", bound=Callable[..., Any])


def length_range(text: str | Range) -> Range:
    """Read ``10`` or ``1..23``. Raises ``click.BadParameter`` for other text."""
    try:
        return text if isinstance(text, Range) else Range.parse(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor a range such as 1..21") from None


class Count(click.ParamType[int]):
    """A whole number such as 10, 1_000 or 1e6, from ``least`` to ``most``, both included."""

    name = "integer"

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; a usage error if there is none or it is out of range."""
        try:
            number = value if isinstance(value, int) else count(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if self._least is not None and number < self._least:
            self.fail(f"{value} is less than {self._least:,}", param, ctx)
        if self._most is not None and number > self._most:
            self.fail(f"{value} is more than {self._most:,}", param, ctx)
        return number


class Duration(click.ParamType[float]):
    """A time in seconds: 90, 90s, 5m, 1h30m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; a usage error for other text."""
        try:
            return value if isinstance(value, float) else duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Renamed(click.Option):
    """An option that is also read under its older names, ``formerly``, which no help lists."""

    def __init__(self, *declarations: Any, formerly: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self._formerly = [flag(name) for name in formerly]

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Register the option with all of its names."""
        super().add_to_parser(parser, ctx)
        for former in self._formerly:
            parser.add_option(self, [former], former, nargs=1)

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """The value under any of the names; an error if several are given."""
        given = [former for former in self._formerly if former in opts]
        if given and (self.name in opts or len(given) > 1):
            raise click.UsageError(f"{given[0]} is an older name of {self.opts[0]}: give only {self.opts[0]}", ctx)
        return super().handle_parse_result(ctx, {**opts, **{str(self.name): opts[former] for former in given}}, args)


def count_of(schema: type, name: str) -> Count:
    """The numbers that key ``name`` of a schema allows, for an option that stands for this key."""
    bounds = metadata(schema, name)
    return Count(bounds["least"], bounds["most"])


def experiment_options(function: Function, without: Collection[str] = ()) -> Function:
    """Decorate a command with an option for every setting but ``without``; the value of an option that is not given is None."""
    for name, option in reversed(list(_options())):
        if name not in without:
            function = option(function)
    return function


def apply_options(experiment: Experiment, values: Mapping[str, Any], base_dir: Path | None = None) -> Experiment:
    """The experiment overridden by the options given; other entries of ``values`` are ignored."""
    known = known_settings()
    given = {name: value for name, value in values.items() if name in known and value is not None}
    return override(experiment, given, base_dir)


def _options() -> Iterator[tuple[str, Callable[[Function], Function]]]:
    """The name of every setting, with its option."""
    for schema in (Search, Registers):
        types = value_types(schema)
        for field in keys(schema):
            help = field.metadata["help"] + _default(field)
            yield field.name, _option(field, types[field.name], help, field.metadata.get("choices"))
    for key in OPS_KEYS:
        where = key.removesuffix("_ops").capitalize() if key != "ops" else "all three functions"
        help = f'Ops that the search may use in {where}, such as "arithmetic, dot" (default: all; for tables: tables).'
        yield key, click.option(flag(key), key, metavar="OPS", help=help)
    default = f"for tables {', '.join(DATA_FLOW_MUTATIONS)}; else {', '.join(BLIND_MUTATIONS)}"
    help = f"Kinds of mutation, some of {', '.join(MUTATIONS)} (default: {default})."
    yield "mutations", click.option("--mutations", metavar="NAMES", help=help)
    kinds = ", ".join(TASKS)
    help = f"Kind of task: {kinds}; --data without it makes a file task."
    yield "task", click.option("--task", type=click.Choice(list(TASKS)), metavar="KIND", help=help)
    for name, homes in task_settings().items():
        first, field = next(iter(homes.items()))
        allowed = [field.metadata.get("choices") or () for field in homes.values()]
        choices = list(dict.fromkeys(itertools.chain(*allowed))) if all(allowed) else None
        yield name, _option(field, value_types(TASKS[first])[name], _task_help(homes), choices)


def _task_help(homes: Mapping[str, dataclasses.Field[Any]]) -> str:
    """The help of a task key, by kind of task unless all kinds have it with the same help and default."""
    meanings: dict[str, list[str]] = {}
    for kind, field in homes.items():
        meanings.setdefault(field.metadata["help"] + _default(field), []).append(kind)
    if len(meanings) == 1 and len(homes) == len(TASKS):
        return next(iter(meanings))
    return "; ".join(f"{', '.join(kinds)}: {text}" for text, kinds in meanings.items())


def _option(
    field: dataclasses.Field[Any], kind: type, help: str, choices: Sequence[Any] | None
) -> Callable[[Function], Function]:
    name = field.name
    text = help[:1].upper() + help[1:] + "."
    if kind is bool:
        return click.option(f"{flag(name)}/--no-{flag(name)[2:]}", name, default=None, help=text)
    if kind is Range:
        return click.option(flag(name), name, type=length_range, metavar="RANGE", default=None, help=text)
    given: Any = Duration() if field.metadata.get("duration") else Count() if kind is int else kind
    chosen = click.Choice(choices) if choices else given
    former = former_names().get(name, ())
    return click.option(flag(name), name, cls=Renamed, formerly=former, type=chosen, default=None, help=text)


def flag(name: str) -> str:
    """The option of a setting."""
    return "--" + name.replace("_", "-")


def _default(field: dataclasses.Field[Any]) -> str:
    """The default in brackets, unless the help states it."""
    if field.default is None or field.default == "" or "default" in field.metadata["help"]:
        return ""
    value = ("no", "yes")[field.default] if isinstance(field.default, bool) else field.default
    return f" [{value}]"
