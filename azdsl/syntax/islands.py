"""The statement ``island(0, task=linear(train=20), tournament=20)``: a task and settings that some islands have of their own."""

from __future__ import annotations

from azdsl.config.experiment import OPS_KEYS, Group
from azdsl.config.search import IslandSettings, Range, Search, keys
from azdsl.syntax import setting_values, tree
from azdsl.syntax.error_list import ErrorList, Line, brief
from azdsl.syntax.opspecs import op_list
from azdsl.syntax.tree import Argument

_SHARED = {f.name for f in keys(Search)} - {f.name for f in keys(IslandSettings)}
"""Settings of a search that ``island`` cannot override."""


def group(arguments: tuple[Argument, ...], line: Line, errors: ErrorList) -> Group | None:
    """Return the islands of a statement and their settings, or None after adding errors to ``errors``."""
    first = arguments[0] if arguments else None
    which = _range(first.value) if first and first.key is None else None
    if which is None:
        message = "the first argument of island() must be the number of an island or a range"
        errors.add("setting", message, line, first, "write island(0, …) or island(0..3, …)")
        return None
    if which.least > which.most:
        message = f"the range {which.least}..{which.most} contains no island"
        errors.add("setting", message, line, first, f"write {which.most}..{which.least}")
        return None
    task, rest = setting_values.own_task(arguments[1:], "islands", line, errors)
    nested, rest = setting_values.nested(
        rest, (*OPS_KEYS, "mutations"), "the same as on the other islands", line, errors
    )
    ops = {word: op_list(inner, line, errors) for word, inner in nested.items() if word in OPS_KEYS}
    mutations = setting_values.mutations(nested["mutations"], line, errors) if "mutations" in nested else None
    rest = setting_values.without_shared(rest, _SHARED, "on all islands", line, errors)
    own = setting_values.settings(IslandSettings, "island", rest, line, errors)
    if own is None:
        return None
    return Group(which, own, tuple(ops.get(word, ops.get("ops")) for word in OPS_KEYS[1:]), mutations, task)


def _range(node: tree.Expression) -> Range | None:
    """Return the islands that a number or a range denotes; None for any other expression."""
    if not isinstance(node, tree.Number | tree.Range):
        return None
    try:
        return Range.parse(brief(node.text))
    except ValueError:
        return None
