"""Overrides of an experiment's settings: command-line options and Python keywords win over the file."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import Any, TypeVar

from azdsl.config.experiment import OPS_KEYS, Experiment
from azdsl.config.image_tasks import ImageTask
from azdsl.config.schema import TYPE_WORDS, Range, SettingsError, check_names, keys, value_types
from azdsl.config.search import MUTATIONS, Registers, Search
from azdsl.config.task import Task
from azdsl.config.tasks import BUNDLED, DEFAULT_TASK, TASKS, FileTask, SklearnTask, located, location_key
from azdsl.ir import FUNCTIONS
from azdsl.ops import Op

_Settings = TypeVar("_Settings", Registers, Search, Task)


def task_settings() -> dict[str, dict[str, dataclasses.Field[Any]]]:
    """For the name of every task setting, the field of each kind of task that has it, by kind."""
    found: dict[str, dict[str, dataclasses.Field[Any]]] = {}
    for kind, schema in TASKS.items():
        for field in keys(schema):
            found.setdefault(field.name, {})[kind] = field
    return found


@cache
def former_names() -> Mapping[str, tuple[str, ...]]:
    """The older names of settings, by their present name. A name that another setting has by now is not among them."""
    found: dict[str, list[str]] = {}
    for name, homes in task_settings().items():
        for field in homes.values():
            former = field.metadata.get("formerly")
            if former and former not in known_settings() and former not in found.setdefault(name, []):
                found[name].append(former)
    return {name: tuple(former) for name, former in found.items() if former}


@cache
def known_settings() -> frozenset[str]:
    """Every name that ``override`` accepts."""
    plain = (field.name for schema in (Registers, Search) for field in keys(schema))
    return frozenset({"task", "mutations", *OPS_KEYS, *plain, *task_settings()})


def override(experiment: Experiment, settings: Mapping[str, Any], base_dir: Path | None = None) -> Experiment:
    """The experiment with ``settings`` in place of its own.

    Names are those of ``known_settings``: the keys of ``search``, ``registers`` and all tasks, ``task`` (a kind),
    ``ops``, ``setup_ops``, ``predict_ops``, ``learn_ops`` and ``mutations`` (text as in a file, or a list). A path is
    relative to the current directory and stored relative to ``base_dir``, the directory of the experiment's file. ``data``
    without ``task`` makes a table of a task that cannot have this data. Older names of settings are read too.
    Raises ``SettingsError``, or ``azdsl.SyntaxError`` for unknown ops.
    """
    settings = _renamed(settings)
    unknown = sorted(settings.keys() - known_settings())
    if unknown:
        raise SettingsError(unknown[0], f"unknown setting {unknown[0]!r}{_nearest(unknown[0])}")
    types = value_types(Search)
    given = {
        name: _range(name, value)
        if types.get(name) is Range
        else (os.fspath(value) if isinstance(value, os.PathLike) else value)
        for name, value in settings.items()
    }
    return dataclasses.replace(
        experiment,
        task=_task(experiment.task, given, base_dir),
        registers=_replace(experiment.registers, given),
        search=_replace(experiment.search, given),
        ops=_ops(experiment.ops, given),
        mutations=_mutations(experiment.mutations, given),
    )


def _renamed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by their present names. Raises ``SettingsError`` for one that is given twice."""
    present = {former: name for name, names in former_names().items() for former in names}
    found: dict[str, Any] = {}
    for given, value in settings.items():
        name = present.get(given, given)
        if name in found:
            former = given if given != name else former_names()[name][0]
            raise SettingsError(name, f"{former} is an older name of {name}: give only {name}")
        found[name] = value
    return found


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, known_settings(), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _range(name: str, value: Any) -> Range:
    """A range from ``Range``, ``10``, ``"1..23"`` or ``(1, 23)``."""
    try:
        if isinstance(value, tuple):
            return Range(*map(int, value))
        return value if isinstance(value, Range) else Range.parse(str(value))
    except (TypeError, ValueError):
        raise SettingsError(name, f"{name} must be {TYPE_WORDS[Range]}, not {value!r}") from None


def _replace(settings: _Settings, given: Mapping[str, Any]) -> _Settings:
    """``settings`` with the values of ``given`` that are keys of its schema. Raises ``SettingsError``."""
    return dataclasses.replace(settings, **{f.name: given[f.name] for f in keys(settings) if f.name in given})


def _task(task: Task | None, given: Mapping[str, Any], base_dir: Path | None) -> Task | None:
    """The task with the given kind and keys. Another kind than the file's starts from the defaults of that kind."""
    homes = task_settings()
    named = [name for name in given if name in homes]
    kind, data = given.get("task"), given.get("data")
    if kind is None and data and not _readable(task, data):
        kind = FileTask.kind
    if kind is None and not named:
        return task
    if kind is not None and kind not in TASKS:
        raise SettingsError("task", f"unknown kind of task {kind!r}: use one of {', '.join(TASKS)}")
    if kind is not None and (task is None or task.kind != kind):
        task = TASKS[kind]()
    task = task or DEFAULT_TASK
    for name in named:
        if task.kind not in homes[name]:
            raise SettingsError(
                name, f"a task of kind {task.kind} has no {name}; these kinds have it: {', '.join(homes[name])}"
            )
    changed = _replace(task, given)
    for field in keys(changed):
        if field.metadata.get("required") and not getattr(changed, field.name):
            raise SettingsError(field.name, f"a task of kind {changed.kind} needs {field.name}")
    location = location_key(changed)
    if location is not None and given.get(location):
        return located(changed, location, _relative(given[location], base_dir))
    return changed


def _readable(task: Task | None, data: str) -> bool:
    """Whether a task of this kind may have these data: a bundled data set, images, or a table."""
    if isinstance(task, SklearnTask):
        return data in BUNDLED
    if isinstance(task, ImageTask):
        return PurePath(data).suffix.lower() not in (".csv", ".parquet")
    return isinstance(task, FileTask)


def _relative(path: str, base_dir: Path | None) -> str:
    """``path`` relative to ``base_dir``; absolute on another drive."""
    if base_dir is None:
        return path
    try:
        return Path(os.path.relpath(path, base_dir)).as_posix()
    except ValueError:
        return str(Path(path).absolute())


def _ops(
    ops: Iterable[tuple[Op, ...] | None], given: Mapping[str, Any]
) -> tuple[tuple[Op, ...] | None, tuple[Op, ...] | None, tuple[Op, ...] | None]:
    """The ops given for Setup, Predict and Learn; the setting of one function wins over ``ops``."""
    texts = {key: _list_text(given[key]) for key in OPS_KEYS if key in given}
    everywhere: Iterable[tuple[Op, ...] | None] = [_parse_ops("ops", texts["ops"])] * 3 if "ops" in texts else ops
    setup, predict, learn = (
        _parse_ops(key, texts[key]) if key in texts else before
        for key, before in zip(OPS_KEYS[1:], everywhere, strict=True)
    )
    return setup, predict, learn


def _parse_ops(key: str, text: str) -> tuple[Op, ...] | None:
    """The ops in the text between the parentheses of an ``ops(…)`` statement. Raises ``azdsl.SyntaxError``."""
    from azdsl.syntax import parse_experiment

    functions = "".join(f"def {name}():\n" for name in FUNCTIONS)
    return parse_experiment(f"ops({text})\n{functions}", f"<{key}>").ops[0]


def _mutations(mutations: tuple[str, ...] | None, given: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "mutations" not in given:
        return mutations
    names = tuple(name.strip() for name in _list_text(given["mutations"]).split(",") if name.strip())
    check_names("mutations", "mutation", names, MUTATIONS)
    return names


def _list_text(value: str | Iterable[Any]) -> str:
    """A list as text, in a file's syntax."""
    return value if isinstance(value, str) else ", ".join(map(str, value))
