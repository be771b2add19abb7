"""Symbols: the statements, functions and variables of a text, for the outline of an editor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from azdsl.lsp.names import Occurrence, kind_of, meaning, occurrences
from azdsl.lsp.place import functions, settings
from azdsl.syntax.name_resolution import register


@dataclass(frozen=True, slots=True)
class Symbol:
    """A part of a text with a name, a remark, its offsets, those of its name, and its parts."""

    name: str
    remark: str
    start: int
    end: int
    selected: tuple[int, int]
    parts: tuple[Symbol, ...] = ()


def symbols(text: str) -> Iterator[Symbol]:
    """The statements above the functions, then the functions with the variables that each assigns first."""
    for name, start, end in settings(text):
        yield Symbol(name, "", start, end, (start, start + len(name)))
    known = meaning(text).known
    written: dict[str, Occurrence] = {}
    for found in occurrences(text):
        if found.written and not register(found.name):
            written.setdefault(found.name, found)
    for name, start, end in functions(text):
        variables = tuple(
            Symbol(
                one.name,
                kind.word if (kind := kind_of(one.name, known)) else "",
                one.start,
                one.end,
                (one.start, one.end),
            )
            for one in written.values()
            if start <= one.start < end
        )
        heading = text.index(name, start + len("def"))
        stop = start + len(text[start:end].rstrip())
        yield Symbol(name, "function", start, stop, (heading, heading + len(name)), variables)
