"""Edits of a text: numbers in the functions are replaced, or statements removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from azdsl.diagnostics import Source, SyntaxError
from azdsl.ir import format_constant
from azdsl.syntax.error_list import ErrorList, Line
from azdsl.syntax.reader import read
from azdsl.syntax.tree import Assign, Bare, Declare, Entry, Function, Name, Node, Number


@dataclass(frozen=True, slots=True)
class Literal:
    """A number at offsets ``start`` to ``end`` of a text, in the 1-based ``line`` of a statement that assigns ``name``."""

    start: int
    end: int
    value: float
    line: int
    name: str


def literals(text: str) -> tuple[Literal, ...]:
    """The numbers in the functions of ``text``, in order. Raises ``SyntaxError`` for a statement outside the grammar."""
    found = []
    for line, statement in _statements(text):
        for node in _numbers(statement):
            start = line.start + node.start
            found.append(Literal(start, line.start + node.end, node.value, _number(text, start), _target(statement)))
    return tuple(found)


def statement_lines(text: str) -> tuple[int, ...]:
    """The 1-based lines of the statements in the functions of ``text``. Raises ``SyntaxError`` as ``literals`` does."""
    return tuple(_number(text, line.start) for line, _ in _statements(text))


def with_values(text: str, values: Mapping[Literal, float]) -> str:
    """``text`` with the values of some literals replaced."""
    for literal in sorted(values, key=lambda literal: -literal.start):
        text = text[: literal.start] + format_constant(values[literal]) + text[literal.end :]
    return text


def without_lines(text: str, numbers: Collection[int]) -> str:
    """``text`` with some lines made blank, so that the other lines keep their numbers."""
    return "\n".join("" if at in numbers else row for at, row in enumerate(text.split("\n"), 1))


def _statements(text: str) -> list[tuple[Line, Assign | Declare | Bare]]:
    """The statements in the functions. Raises ``SyntaxError``."""
    errors = ErrorList(Source(text, "<text>"))
    found = []
    inside = False
    for line, statement in read(errors):
        inside = inside or isinstance(statement, Function)
        if inside and isinstance(statement, Assign | Declare | Bare):
            found.append((line, statement))
    if errors.found:
        raise SyntaxError(errors.found, errors.source)
    return found


def _number(text: str, start: int) -> int:
    """The 1-based line of an offset."""
    return text.count("\n", 0, start) + 1


def _target(statement: Assign | Declare | Bare) -> str:
    match statement:
        case (
            Assign(target=Name(text=name)) | Assign(target=Entry(base=Name(text=name))) | Declare(name=Name(text=name))
        ):
            return name
    return ""


def _numbers(node: Node) -> Iterator[Number]:
    """The numbers in a node, in the order of the text."""
    if isinstance(node, Number):
        yield node
        return
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Node):
                yield from _numbers(part)
