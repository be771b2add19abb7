"""Diagnostics of a text: place, error and hint; and their rendering on a terminal."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from azdsl.errors import AzdslError
from azdsl.messages import one_line

TAB = "    "
"""A tab in a rendered line."""

WIDTH = 100
"""Columns of a rendered source line; a longer line is cut around the span."""

MAX_SHOWN = 50
"""The number of diagnostics that are rendered; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text: offsets, and 1-based lines and columns. Ends are exclusive."""

    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Source:
    """A text with its name; converts offsets to spans."""

    text: str
    filename: str = "<text>"

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        at = self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def span(self, start: int, end: int) -> Span:
        """The span between the offsets ``start`` and ``end``."""
        first, last = bisect_right(self._starts, start), bisect_right(self._starts, end)
        return Span(start, end, first, start - self._starts[first - 1] + 1, last, end - self._starts[last - 1] + 1)

    def line(self, number: int) -> str:
        """Line ``number`` (from 1), without its line break."""
        start = self._starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error: a stable ``code``, the message, its place, notes and a hint."""

    code: str
    message: str
    span: Span | None = None
    notes: tuple[str, ...] = ()
    hint: str | None = None

    @property
    def text(self) -> str:
        """The message and its hint on one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class SyntaxError(AzdslError):
    """A text is no valid program or experiment. ``diagnostics`` holds every error of the text."""

    def __init__(self, diagnostics: Iterable[Diagnostic], source: Source) -> None:
        found = sorted(diagnostics, key=lambda d: d.span.start if d.span else -1)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(found)
        self.source = source
        super().__init__(render(self.diagnostics, source))

    @property
    def report(self) -> str:
        """The diagnostics as a terminal shows them."""
        return str(self)

    def __reduce__(self) -> tuple[type[SyntaxError], tuple[tuple[Diagnostic, ...], Source]]:
        return type(self), (self.diagnostics, self.source)


def render(diagnostics: Sequence[Diagnostic], source: Source) -> str:
    """The diagnostics as text for a terminal: the first ``MAX_SHOWN``, and the number of the others."""
    parts = [_render_one(d, source) for d in diagnostics[:MAX_SHOWN]]
    rest = len(diagnostics) - len(parts)
    if rest:
        parts.append(f"{one_line(source.filename)}: {rest} more error{'s' if rest > 1 else ''} not shown")
    return "\n".join(parts)


def _render_one(diagnostic: Diagnostic, source: Source) -> str:
    notes = [f"  note: {note}" for note in diagnostic.notes]
    span, name = diagnostic.span, one_line(source.filename)
    if span is None:
        return "\n".join([f"{name}: error: {diagnostic.text}", *notes])
    line = source.line(span.line)
    stop = span.end_column - 1 if span.end_line == span.line else len(line)
    shown, before, carets = _excerpt(line, span.column - 1, stop)
    number = str(span.line)
    return "\n".join(
        [
            f"{name}:{span.line}:{span.column}: error: {diagnostic.text}",
            f"  {number} | {shown}".rstrip(),
            f"  {' ' * len(number)} | {' ' * before}{'^' * carets}",
            *notes,
        ]
    )


def _excerpt(line: str, start: int, stop: int) -> tuple[str, int, int]:
    """The rendered line, the columns before the carets and the number of carets."""
    # Characters too far from the span to be shown are skipped: a line can be very long.
    cut = max(0, start - 2 * WIDTH)
    cells = [_cell(c) for c in line[cut : start + 2 * WIDTH]]
    widths = [sum(_width(c) for c in cell) for cell in cells]
    start, stop = start - cut, min(max(stop, start + 1) - cut, max(len(cells), start - cut + 1))
    first, last = 0, len(cells)
    if cut or sum(widths) > WIDTH or len(line) > cut + len(cells):
        room = WIDTH - 2
        first = start
        while first > 0 and sum(widths[first - 1 : start]) <= room // 3:
            first -= 1
        last = first
        while last < len(cells) and sum(widths[first : last + 1]) <= room:
            last += 1
    head = "…" if first or cut else ""
    tail = "…" if last < len(cells) or len(line) > cut + len(cells) else ""
    shown = head + "".join(cells[first:last]) + tail
    before = len(head) + sum(widths[first:start])
    return shown, before, max(1, sum(widths[start : min(stop, last)]))


def _cell(character: str) -> str:
    """A character as rendered: control characters are replaced."""
    return TAB if character == "\t" else one_line(character)


def _width(character: str) -> int:
    """Columns of a character on a terminal."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
