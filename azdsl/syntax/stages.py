"""The statement ``stage(task=linear(features=4), target=0.97)``: tasks that are searched before the run's own, and their end."""

from __future__ import annotations

from azdsl.config.experiment import Stage
from azdsl.config.search import Search, SettingsError, StageSettings, keys
from azdsl.config.task import Task
from azdsl.syntax import setting_values, tree
from azdsl.syntax.error_list import ErrorList, Line
from azdsl.syntax.tree import Argument

_SHARED = {f.name for f in keys(Search)} - {f.name for f in keys(StageSettings)}
"""The settings of a search that no stage overrides."""


def stage(arguments: tuple[Argument, ...], line: Line, errors: ErrorList) -> Stage | None:
    """The stage of a statement; None after reporting errors."""
    before = len(errors.found)
    tasks = [argument for argument in arguments if _named(argument.key) == "task"]
    nested, rest = setting_values.nested(
        tuple(argument for argument in arguments if argument not in tasks),
        ("mutations",),
        "what the search allows",
        line,
        errors,
    )
    for extra in tasks[1:]:
        errors.add("duplicate", "task is given twice", line, extra)
    task = _task(tasks[0], line, errors) if tasks else None
    rest = setting_values.without_shared(rest, _SHARED, "in all stages", line, errors)
    own = setting_values.settings(StageSettings, "stage", rest, line, errors)
    mutations = setting_values.mutations(nested["mutations"], line, errors) if nested else None
    if own is None or len(errors.found) > before:
        return None
    try:
        return Stage(task, own, mutations)
    except SettingsError as error:
        errors.add("setting", str(error), line)
        return None


def _task(argument: Argument, line: Line, errors: ErrorList) -> Task | None:
    """The task of ``task=linear(features=4)``; None after reporting an error."""
    match argument.value:
        case tree.Call(callee=kind, arguments=given):
            return setting_values.task(kind, given, line, errors)
        case tree.Name() as kind:
            return setting_values.task(kind, (), line, errors)
    errors.add(
        "setting", "the task of a stage must be a kind of task", line, argument.value, "write task=linear(features=4)"
    )
    return None


def _named(key: tree.Expression | None) -> str:
    """The key of an argument; empty without one."""
    return key.text if isinstance(key, tree.Name) else ""
