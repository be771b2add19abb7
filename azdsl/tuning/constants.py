"""The tunable numbers in a program's text, and the constants of the program that they become."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from azdsl.config.search import SettingsError
from azdsl.diagnostics import SyntaxError
from azdsl.ir import RMSE, Metric, Program, liveness
from azdsl.ops import Role
from azdsl.syntax import parse
from azdsl.syntax.source_edit import Literal, literals, with_values
from azdsl.tuning.differentiate import Place

DIGITS = 3
"""Significant digits of tried values; more would not change the fitness noticeably."""

_PROBE = 1.0 + 2.0**-20
"""The factor by which a literal is changed to find the constants that depend on it."""

Point = tuple[float, ...]
"""A value for each tunable number."""


@dataclass(frozen=True)
class Tunable:
    """A tunable number in the text, and the live constants that it becomes."""

    literal: Literal
    places: tuple[Place, ...]

    @property
    def label(self) -> str:
        """The variable or register that the statement assigns to, or the line if there is none."""
        return self.literal.name or f"line {self.literal.line}"


def rounded(value: float) -> float:
    """``value`` to ``DIGITS`` significant digits."""
    return float(f"{value:.{DIGITS - 1}e}")


def tunables(text: str, metric: Metric = RMSE, only: Collection[str] | None = None) -> tuple[Tunable, ...]:
    """The tunable numbers in a program's text.

    Not tunable are zeros (they have no scale), indices of entries, numbers that cannot reach a prediction, and numbers that
    are part of an op (the 1 of ``1 / s2``). ``only`` selects numbers by variable, register or line. Raises
    ``SettingsError`` if a name selects none.
    """
    program = parse(text)
    live = liveness(program, metric)
    found = []
    for literal in literals(text):
        changed = literal.value != 0.0 and _changed(program, text, literal)
        places = [place for place in changed or () if live[place[0]][place[1]]]
        if places:
            found.append(Tunable(literal, tuple(places)))
    if only is None:
        return tuple(found)
    names = {name for item in found for name in (item.literal.name, str(item.literal.line))}
    for name in only:
        if name not in names:
            known = ", ".join(dict.fromkeys(item.label for item in found)) or "none"
            raise SettingsError("only", f"only={name} selects no tunable number; tunable are: {known}")
    return tuple(item for item in found if {item.literal.name, str(item.literal.line)} & set(only))


def _changed(program: Program, text: str, literal: Literal) -> list[Place]:
    """The constants that change with a literal; none if the literal is more than a constant."""
    try:
        other = parse(with_values(text, {literal: literal.value * _PROBE}))
    except SyntaxError:
        return []
    places = []
    for function, blocks in enumerate(zip(program.functions, other.functions, strict=True)):
        if len(blocks[0]) != len(blocks[1]):
            return []
        for at, (mine, its) in enumerate(zip(*blocks, strict=True)):
            if (mine.op, mine.inputs, mine.output) != (its.op, its.inputs, its.output):
                return []
            roles = zip(mine.op.constants, mine.constants, its.constants, strict=True)
            places += [
                (function, at, slot) for slot, (role, a, b) in enumerate(roles) if a != b and role is not Role.INDEX
            ]
    return places


def start(items: Sequence[Tunable]) -> Point:
    """The values in the text."""
    return tuple(item.literal.value for item in items)


def with_point(program: Program, items: Sequence[Tunable], point: Point) -> Program:
    """The program with the numbers of ``point``."""
    values: dict[Place, float] = {}
    for item, value in zip(items, point, strict=True):
        for function, at, slot in item.places:
            before = program.functions[function][at].constants[slot]
            values[function, at, slot] = (
                math.copysign(value, before)
                if abs(before) == abs(item.literal.value)
                else (before * (value / item.literal.value))
            )
    blocks = [
        tuple(
            replace(i, constants=tuple(values.get((function, at, slot), c) for slot, c in enumerate(i.constants)))
            for at, i in enumerate(block)
        )
        for function, block in enumerate(program.functions)
    ]
    return Program(*blocks)
