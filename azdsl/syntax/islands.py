"""``island(0, tournament=20, ops(dot, s - s))``: what some islands have of their own."""

from __future__ import annotations

from azdsl.config.experiment import Group
from azdsl.config.search import IslandSettings, Range, Search, keys
from azdsl.ops import Op
from azdsl.syntax import setting_values, tree
from azdsl.syntax.error_list import ErrorList, Line, brief
from azdsl.syntax.opspecs import op_list
from azdsl.syntax.tree import Argument

_SHARED = {f.name for f in keys(Search)} - {f.name for f in keys(IslandSettings)}
"""Settings of a search that no island has for itself."""


def group(
    arguments: tuple[Argument, ...], ops_of: dict[str, int | None], line: Line, errors: ErrorList
) -> Group | None:
    """The islands that a statement names and their settings; None after reporting what is wrong.

    ``ops_of`` has the words that list ops, with the function that they are for (None: all).
    """
    which = _range(arguments[0].value) if arguments and arguments[0].key is None else None
    if which is None or which.least > which.most:
        errors.add(
            "setting", "island() needs the islands that it is for", line, hint="write island(0, …) or island(0..3, …)"
        )
        return None
    ops: dict[str, tuple[Op, ...]] = {}
    mutations: tuple[str, ...] | None = None
    rest: list[Argument] = []
    for argument in arguments[1:]:
        word = argument.value.callee.text if isinstance(argument.value, tree.Call) and argument.key is None else ""
        inner = argument.value.arguments if isinstance(argument.value, tree.Call) else ()
        if word in ops or (word == "mutations" and mutations is not None):
            errors.add("duplicate", f"{word} is there twice", line, argument)
        elif word in (*ops_of, "mutations") and not inner:
            errors.add(
                "setting", f"{word}() allows none", line, argument, "leave it out for what the other islands have"
            )
        elif word in ops_of:
            ops[word] = op_list(inner, line, errors)
        elif word == "mutations":
            mutations = setting_values.mutations(inner, line, errors)
        elif isinstance(argument.key, tree.Name) and argument.key.text in _SHARED:
            key = argument.key.text
            errors.add(
                "unknown-key", f"{key} is the same for all islands", line, argument.key, f"set it in search({key}=…)"
            )
        else:
            rest.append(argument)
    own = setting_values.settings(IslandSettings, "island", tuple(rest), line, errors)
    if own is None:
        return None
    return Group(
        which, own, tuple(ops.get(word, ops.get("ops")) for word in ops_of if ops_of[word] is not None), mutations
    )


def _range(node: tree.Expression) -> Range | None:
    """The islands that a number or a range means."""
    if not isinstance(node, tree.Number | tree.Range):
        return None
    try:
        return Range.parse(brief(node.text))
    except ValueError:
        return None
