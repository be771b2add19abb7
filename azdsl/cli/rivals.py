"""The programs that ``azdsl score`` compares a program with: others, and the program without some of its lines."""

from __future__ import annotations

from collections.abc import Sequence

import click

from azdsl.program_score import Rival

MOST_LINES = 10_000


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
