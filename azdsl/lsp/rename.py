"""Rename: a register or variable gets another name, if the program stays the same."""

from __future__ import annotations

import re
from collections.abc import Mapping

from azdsl import editors
from azdsl.config.experiment import Experiment
from azdsl.diagnostics import SyntaxError
from azdsl.errors import AzdslError
from azdsl.ir import RMSE, Metric
from azdsl.ir.metric import MULTICLASS
from azdsl.lsp.names import Occurrence, at, kind_of, meaning, occurrences
from azdsl.ops import Kind
from azdsl.syntax import parse_experiment
from azdsl.syntax.file_builder import PLURALS
from azdsl.syntax.name_resolution import ALIASES, RESERVED, register

_WORDS = ("def", "pass")


class RenameError(AzdslError):
    """A name that cannot be changed, or cannot be changed to the given one."""


def renamed_at(text: str, offset: int) -> Occurrence:
    """The name at an offset. Raises ``RenameError`` for anything but a register or variable, and for one with a fixed meaning."""
    found = at(text, offset)
    if found is None:
        raise RenameError("only registers and variables in functions can be renamed")
    if found.name in ALIASES or found.name in RESERVED:
        raise RenameError(f"{found.name} has a fixed meaning and cannot be renamed")
    return found


def rename(text: str, offset: int, new: str) -> tuple[Occurrence, ...]:
    """The places where the name at an offset stands, which ``new`` may replace.

    Raises ``RenameError`` if ``new`` is no name or stands in the functions already, if either name has a fixed meaning, if the text has an
    error, because then some places may be missing, and if it had one, or other kinds of variables, with the new name.
    """
    old = renamed_at(text, offset).name
    if not re.fullmatch(editors.NAME, new):
        raise RenameError(f"{new!r} is not a name: use letters, digits and _, not a digit first")
    found = tuple(occurrences(text))
    if any(one.name == new for one in found):
        raise RenameError(f"{new} is used already; use another name")
    experiment = _experiment(text)
    if experiment is None:
        raise RenameError("the file has an error: correct it first")
    if register(old) in _metric(experiment, found).fixed:
        raise RenameError(f"{old} has a fixed meaning and cannot be renamed")
    if new in (*ALIASES, *RESERVED, *_WORDS) or register(new) in _metric(experiment, found).fixed:
        raise RenameError(f"{new} has a fixed meaning; use another name")
    places = tuple(one for one in found if one.name == old)
    if not register(new) and not any(one.written for one in places):
        raise RenameError(f"{old} is never assigned, as a variable must be: {new} would be an error")
    changed = replaced(text, places, new)
    if _experiment(changed) is None or _kinds(text, {}) != _kinds(changed, {new: old}):
        raise RenameError(f"with the name {new} the program would not be the same; use another name")
    return places


def replaced(text: str, places: tuple[Occurrence, ...], new: str) -> str:
    """``text`` with ``new`` at ``places``."""
    for one in reversed(places):
        text = text[: one.start] + new + text[one.end :]
    return text


def _experiment(text: str) -> Experiment | None:
    """The experiment in a text; None if it has an error."""
    try:
        return parse_experiment(text)
    except SyntaxError:
        return None


def _metric(experiment: Experiment, found: tuple[Occurrence, ...]) -> Metric:
    """The metric that decides which registers have a fixed meaning."""
    if any(one.name in PLURALS for one in found):
        return MULTICLASS
    return experiment.task.metric_definition if experiment.task else RMSE


def _kinds(text: str, former: Mapping[str, str]) -> Mapping[str, Kind | None]:
    """The kinds of all names in ``text``, under their ``former`` names."""
    known = meaning(text).known
    return {former.get(one.name, one.name): kind_of(one.name, known) for one in occurrences(text)}
