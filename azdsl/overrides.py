"""Settings given by an option or a keyword, laid over what a file says. They win."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from azdsl.config.experiment import Experiment
from azdsl.config.schema import check_names
from azdsl.config.search import Range, Registers, Search, SettingsError, keys
from azdsl.config.tasks import TASKS, Task, located, location_key
from azdsl.ir import FUNCTIONS
from azdsl.ops import Op

RANGES = ("setup", "predict", "learn")
"""Keys of ``search`` that hold a range."""

OPS_KEYS = ("ops", *(f"{name.lower()}_ops" for name in FUNCTIONS))
"""The statements that name ops."""

_Settings = TypeVar("_Settings", Registers, Search, Task)


def setting_name(field: dataclasses.Field[Any]) -> str:
    """The name a key goes by outside its statement: ``target`` of a table is ``target_column``."""
    return f"{field.name}_column" if field.metadata.get("column") else field.name


def task_settings() -> dict[str, dict[str, dataclasses.Field[Any]]]:
    """For every task setting by its outside name, the field of each task kind that has it."""
    found: dict[str, dict[str, dataclasses.Field[Any]]] = {}
    for kind, schema in TASKS.items():
        for field in keys(schema):
            found.setdefault(setting_name(field), {})[kind] = field
    return found


def known_settings() -> frozenset[str]:
    """Every name that ``override`` takes."""
    plain = (field.name for schema in (Registers, Search) for field in keys(schema))
    return frozenset({"task", "mutations", *OPS_KEYS, *plain, *task_settings()})


def override(experiment: Experiment, settings: Mapping[str, Any], base_dir: Path | None = None) -> Experiment:
    """The experiment with ``settings`` in place of what it says.

    Names are the keys of ``search``, ``registers`` and ``task``, and ``task`` (a kind), ``ops``,
    ``setup_ops``, ``predict_ops``, ``learn_ops`` and ``mutations`` (text as in a file, or a list). A path is
    taken from the current directory and stored relative to ``base_dir``, where the experiment's file is.
    Raises ``SettingsError``, or ``azdsl.SyntaxError`` for ops that do not exist.
    """
    unknown = sorted(settings.keys() - known_settings())
    if unknown:
        raise SettingsError(unknown[0], f"unknown setting {unknown[0]!r}{_nearest(unknown[0])}")
    given = {name: value for name, value in settings.items() if name not in RANGES}
    given |= {name: _range(name, settings[name]) for name in RANGES if name in settings}
    return dataclasses.replace(
        experiment,
        task=_task(experiment.task, given, base_dir),
        registers=_replace(experiment.registers, given),
        search=_replace(experiment.search, given),
        ops=_ops(experiment.ops, given),
        mutations=_mutations(experiment.mutations, given),
    )


def _nearest(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, known_settings(), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _range(name: str, value: Any) -> Range:
    """A range from ``Range``, ``10``, ``"1..23"`` or ``(1, 23)``."""
    try:
        if isinstance(value, tuple):
            return Range(*map(int, value))
        return value if isinstance(value, Range) else Range.parse(str(value))
    except (TypeError, ValueError):
        raise SettingsError(name, f"{name} must be a number or a range such as 1..21, not {value!r}") from None


def _replace(settings: _Settings, given: Mapping[str, Any]) -> _Settings:
    """``settings`` with those values of ``given`` that belong to it."""
    changes = {f.name: given[setting_name(f)] for f in keys(settings) if setting_name(f) in given}
    for name, value in changes.items():
        if value != value:
            raise SettingsError(name, f"{name} must be a number, not {value}")
    try:
        return dataclasses.replace(settings, **changes)
    except TypeError as error:
        raise SettingsError(next(iter(changes)), f"a setting has the wrong type: {error}") from None


def _task(task: Task | None, given: Mapping[str, Any], base_dir: Path | None) -> Task | None:
    """The task with the given kind and keys. Another kind than the file's starts from its defaults."""
    homes = task_settings()
    named = [name for name in given if name in homes]
    kind = given.get("task")
    if kind is None and not named:
        return task
    if kind is not None and kind not in TASKS:
        raise SettingsError("task", f"unknown task {kind!r}: use one of {', '.join(TASKS)}")
    if kind is not None and (task is None or task.kind != kind):
        task = TASKS[kind]()
    elif task is None:
        from azdsl.tasks import DEFAULT_TASK

        task = DEFAULT_TASK
    for name in named:
        if task.kind not in homes[name]:
            raise SettingsError(name, f"a {task.kind} task has no {name}; these have: {', '.join(homes[name])}")
    changed = _replace(task, given)
    for field in keys(changed):
        if field.metadata.get("required") and not getattr(changed, field.name):
            raise SettingsError(field.name, f"a {changed.kind} task needs {setting_name(field)}")
    location = location_key(changed)
    if location is not None and given.get(location):
        return located(changed, location, _relative(str(given[location]), base_dir))
    return changed


def _relative(path: str, base_dir: Path | None) -> str:
    """``path`` as seen from ``base_dir``."""
    if base_dir is None:
        return path
    try:
        return Path(os.path.relpath(path, base_dir)).as_posix()
    except ValueError:
        return str(Path(path).absolute())


def _ops(
    ops: tuple[tuple[Op, ...], ...], given: Mapping[str, Any]
) -> tuple[tuple[Op, ...], tuple[Op, ...], tuple[Op, ...]]:
    """The allowed ops of the three functions; the statement of one function wins over ``ops``."""
    texts = {key: _list_text(given[key]) for key in OPS_KEYS if key in given}
    everywhere = [_parse_ops("ops", texts["ops"])] * 3 if "ops" in texts else ops
    setup, predict, learn = (
        _parse_ops(key, texts[key]) if key in texts else before
        for key, before in zip(OPS_KEYS[1:], everywhere, strict=True)
    )
    return setup, predict, learn


def _parse_ops(key: str, text: str) -> tuple[Op, ...]:
    """Ops from the text between the parentheses of an ``ops(…)`` statement."""
    from azdsl.syntax import parse_experiment

    functions = "".join(f"def {name}():\n" for name in FUNCTIONS)
    return parse_experiment(f"ops({text})\n{functions}", f"<{key}>").ops[0]


def _mutations(mutations: tuple[str, ...] | None, given: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "mutations" not in given:
        return mutations
    from azdsl.config.search import MUTATIONS

    names = tuple(name.strip() for name in _list_text(given["mutations"]).split(",") if name.strip())
    check_names("mutations", "mutation", names, MUTATIONS)
    return names


def _list_text(value: str | Iterable[Any]) -> str:
    """A list as a file writes it."""
    return value if isinstance(value, str) else ", ".join(map(str, value))
