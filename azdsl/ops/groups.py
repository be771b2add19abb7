"""Named groups of ops, which every list of ops may name: ``ops(arithmetic, linear_algebra, arctan)``.

An op says in its definition which groups it belongs to. ``GROUPS`` describes the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from azdsl.ops.definition import Op, defined

ALL = "all"
"""The group of all ops that a function may use."""

GROUPS: Mapping[str, str] = {
    ALL: "every op but NoOp",
    "arithmetic": "constants, sums, differences, products and quotients, entry by entry",
    "linear_algebra": "sums, multiples, products, transposes and norms of vectors and matrices",
    "piecewise": "steps, absolute values, minima and maxima",
    "elementary": "trigonometric functions, exponential and logarithm",
    "statistics": "means and standard deviations",
    "broadcast": "scalars and vectors repeated to vectors and matrices",
    "constants": "constants, and constant entries of vectors and matrices",
    "random": "uniform and normal draws",
    "tables": "the default for tables: sums, products and quotients, linear algebra, and functions that bound or cut a value",
    "network": "the ops of a two-layer network that is trained by gradient descent",
}
"""The groups, in the order in which they are listed, with their meaning."""

_WITH_OUTPUT = tuple(op for op in defined() if op.output)

MEMBERS: Mapping[str, tuple[Op, ...]] = {
    name: tuple(op for op in _WITH_OUTPUT if name == ALL or name in op.groups) for name in GROUPS
}
"""The ops of each group, in order of their codes."""

if undescribed := {group for op in _WITH_OUTPUT for group in op.groups} - GROUPS.keys():
    raise AssertionError(f"groups without a description in GROUPS: {', '.join(sorted(undescribed))}")


def listed(ops: Sequence[Op]) -> list[str]:
    """A list of ops as a file writes it: groups where all of their ops stand together, names for the others.

    Read again, the list has the same ops in the same order. Of several groups at one place, the largest is written.
    """
    words: list[str] = []
    at = 0
    while at < len(ops):
        before, name, count = frozenset(ops[:at]), ops[at].name, 1
        for group, members in MEMBERS.items():
            new = tuple(op for op in members if op not in before)
            if len(new) > count and tuple(ops[at : at + len(new)]) == new:
                name, count = group, len(new)
        words.append(name)
        at += count
    return words
