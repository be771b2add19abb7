"""Lines of a file, and the list of what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from azdsl.diagnostics import Diagnostic, Source
from azdsl.limits import MAX_ERRORS
from azdsl.syntax.tree import Node

LONGEST_NAME = 40
"""Characters of a user's word that a message repeats."""


@dataclass(frozen=True, slots=True)
class Physical:
    """A line of the text: offset, indentation, code without its comment, comment, depth of brackets after it."""

    start: int
    indent: str
    code: str
    comment: str
    opened: int


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: one statement, perhaps over several physical lines. ``start`` is where its code begins."""

    start: int
    indent: str
    code: str
    lines: tuple[Physical, ...]


@dataclass
class Report:
    """Collects the errors of a text, so that all of them are told at once."""

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
        """Note an error at ``node`` of ``line``; by default at all of the line's code."""
        start, end = (node.start, node.end) if node else (0, len(line.code))
        span = self.source.span(line.start + start, line.start + end)
        self.found.append(Diagnostic(code, message, span, notes, hint))

    @property
    def full(self) -> bool:
        """Whether there are so many errors that more would help nobody."""
        return len(self.found) >= MAX_ERRORS

    def number(self, line: Line) -> int:
        """The line's number, from 1."""
        return self.source.span(line.start, line.start).line


def brief(text: str) -> str:
    """A user's word for a message, cut when it is very long."""
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """``did you mean 'dot'?`` for the known word most like ``word``, or None."""
    by_lower = {option.lower(): option for option in known}
    close = get_close_matches(word[:LONGEST_NAME].lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean '{by_lower[close[0]]}'?" if close else None


def choice(options: Iterable[str]) -> str:
    """``a, b or c``."""
    words = list(dict.fromkeys(options))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
