"""The statement ``island(0, tournament=20, ops(dot, s - s))``: settings that some islands override."""

from __future__ import annotations

from azdsl.config.experiment import OPS_KEYS, Group
from azdsl.config.search import IslandSettings, Range, Search, keys
from azdsl.ops import Op
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
    ops: dict[str, tuple[Op, ...]] = {}
    mutations: tuple[str, ...] | None = None
    rest: list[Argument] = []
    for argument in arguments[1:]:
        word = argument.value.callee.text if isinstance(argument.value, tree.Call) and argument.key is None else ""
        inner = argument.value.arguments if isinstance(argument.value, tree.Call) else ()
        if word in ops or (word == "mutations" and mutations is not None):
            errors.add("duplicate", f"{word} is given twice", line, argument)
        elif word in (*OPS_KEYS, "mutations") and not inner:
            errors.add(
                "setting", f"{word}() is empty", line, argument, "remove it to allow the same as on the other islands"
            )
        elif word in OPS_KEYS:
            ops[word] = op_list(inner, line, errors)
        elif word == "mutations":
            mutations = setting_values.mutations(inner, line, errors)
        elif isinstance(argument.key, tree.Name) and argument.key.text in _SHARED:
            key = argument.key.text
            errors.add(
                "unknown-key", f"{key} is the same on all islands", line, argument.key, f"set it in search({key}=…)"
            )
        else:
            rest.append(argument)
    own = setting_values.settings(IslandSettings, "island", tuple(rest), line, errors)
    if own is None:
        return None
    return Group(which, own, tuple(ops.get(word, ops.get("ops")) for word in OPS_KEYS[1:]), mutations)


def _range(node: tree.Expression) -> Range | None:
    """Return the islands that a number or a range denotes; None for any other expression."""
    if not isinstance(node, tree.Number | tree.Range):
        return None
    try:
        return Range.parse(brief(node.text))
    except ValueError:
        return None
