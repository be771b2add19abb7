"""The programs that ``azdsl score`` compares a program with: others, and the program without some of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from azdsl.ir import Program
from azdsl.paired import Difference

MOST_LINES = 10_000


@dataclass(frozen=True)
class Rival:
    """A program to compare with, and its name in the output."""

    name: str
    program: Program


def lines(text: str) -> tuple[int, ...]:
    """The line numbers in a text such as ``12,15..17``."""
    try:
        ends = [
            (int(first), int(last if dots else first))
            for first, dots, last in (p.partition("..") for p in text.split(","))
        ]
    except ValueError:
        ends = []
    if not ends or any(first < 1 or last < first or last - first > MOST_LINES for first, last in ends):
        raise click.BadParameter(f"{text!r} is not a list of line numbers such as 12 or 12,15..17")
    return tuple(sorted({number for first, last in ends for number in range(first, last + 1)}))


def rivals(text: str, file: str, against: Sequence[str], without: Sequence[Sequence[int]]) -> list[Rival]:
    """The programs in the files ``against``, and the program in ``text`` without each group of lines."""
    from azdsl import syntax

    others = [Rival(f"against {other}", syntax.load(other)) for other in against]
    return [*others, *(_ablated(text, file, group) for group in without)]


def _ablated(text: str, file: str, numbers: Sequence[int]) -> Rival:
    """The program without some lines of its file. Raises ``UsageError`` for a line without an instruction."""
    from azdsl import syntax
    from azdsl.syntax.source_edit import statement_lines, without_lines

    there = statement_lines(text)
    for number in numbers:
        if number not in there:
            where = f"lines {there[0]} to {there[-1]}" if there else "no line"
            raise click.UsageError(
                f"--without {number}: line {number} of {file} has no instruction; instructions are in {where}"
            )
    name = f"without line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
    return Rival(name, syntax.parse(without_lines(text, numbers), f"{file} {name}"))


def facts(rival: Rival, fitness: float, found: Difference) -> dict[str, Any]:
    """The figures of a comparison as JSON values."""
    return {"name": rival.name, "fitness": fitness, "difference": asdict(found)}


def described(rival: Rival, fitness: float, found: Difference, accuracy: bool) -> str:
    """The figures of a comparison as text."""
    unit, digits, scale = (" points", 2, 100.0) if accuracy else ("", 6, 1.0)
    score = f"{100 * fitness:.2f} %" if accuracy else f"{fitness:.6f}"
    line = f"{rival.name}: {score}, difference {scale * found.mean:+.{digits}f}{unit}"
    if found.low is None or found.high is None:
        return line
    count = len(found.tasks)
    return (
        f"{line} (95 %: {scale * found.low:+.{digits}f} to {scale * found.high:+.{digits}f}), "
        f"better on {found.better} of {count} tasks, worse on {found.worse}"
    )
