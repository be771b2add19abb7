"""The statement ``stage(task=linear(features=4), target=0.97)``: tasks that are searched before the run's own, and their end."""

from __future__ import annotations

from azdsl.config.experiment import Stage
from azdsl.config.search import Search, SettingsError, StageSettings, keys
from azdsl.syntax import setting_values
from azdsl.syntax.error_list import ErrorList, Line
from azdsl.syntax.tree import Argument

_SHARED = {f.name for f in keys(Search)} - {f.name for f in keys(StageSettings)}
"""The settings of a search that no stage overrides."""


def stage(arguments: tuple[Argument, ...], line: Line, errors: ErrorList) -> Stage | None:
    """The stage of a statement; None after reporting errors."""
    before = len(errors.found)
    task, rest = setting_values.own_task(arguments, "a stage", line, errors)
    nested, rest = setting_values.nested(rest, ("mutations",), "what the search allows", line, errors)
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
