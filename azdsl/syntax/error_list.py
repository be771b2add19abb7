"""The lines of a file, and the list of its errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from azdsl.diagnostics import Diagnostic, Source
from azdsl.errors import AzdslError
from azdsl.limits import MAX_ERRORS
from azdsl.syntax.tree import Node

LONGEST_NAME = 40
"""Characters of a word of the file that a message repeats."""


@dataclass(frozen=True, slots=True)
class PhysicalLine:
    """A line of the text: its offset, indentation, code, comment, and brackets opened less brackets closed."""

    start: int
    indent: str
    code: str
    comment: str
    opened: int


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: one statement on one or more physical lines. ``start`` is the offset of its code."""

    start: int
    indent: str
    code: str
    lines: tuple[PhysicalLine, ...]


class StatementError(AzdslError):
    """An error at ``node`` of the statement that is being compiled, with the fields of a ``Diagnostic``."""

    def __init__(
        self, code: str, message: str, node: Node, hint: str | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.node, self.hint, self.notes = code, message, node, hint, notes


@dataclass
class ErrorList:
    """The errors of a text: all of them are reported together."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        line: Line,
        node: Node | None = None,
        hint: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Add an error at ``node`` of ``line``, by default at the code of the line."""
        start, end = (node.start, node.end) if node else (0, len(line.code))
        span = self.source.span(line.start + start, line.start + end)
        self.found.append(Diagnostic(code, message, span, notes, hint))

    def add_error(self, line: Line, error: StatementError) -> None:
        """Add the error of the statement in ``line``."""
        self.add(error.code, error.message, line, error.node, error.hint, error.notes)

    @property
    def full(self) -> bool:
        """Whether the limit on errors is reached."""
        return len(self.found) >= MAX_ERRORS

    def number(self, line: Line) -> int:
        """The line's number, from 1."""
        return self.source.span(line.start, line.start).line


def brief(text: str) -> str:
    """A word of the file for a message, truncated if it is long."""
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """``did you mean 'dot'?`` for the known word most similar to ``word``; None if none is similar."""
    by_lower = {option.lower(): option for option in known}
    close = get_close_matches(word[:LONGEST_NAME].lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean '{by_lower[close[0]]}'?" if close else None


def choice(options: Iterable[str]) -> str:
    """``a, b or c``."""
    words = list(dict.fromkeys(options))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
