"""Lines of a text -> statements: an error in one line does not hide errors in others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from azdsl.limits import MAX_NESTING, MAX_STATEMENT
from azdsl.syntax.error_list import ErrorList, Line, PhysicalLine
from azdsl.syntax.parser import ParseError, parse_statement
from azdsl.syntax.tree import Assign, Bare, Declare, Expression, Node, Statement, Task

_LEXEME = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#.*|[()\[\]]")
_OPENING, _CLOSING = "([", ")]"
_NEW_STATEMENT = re.compile(r"def\b|@\s*\w+\s*$")


def physical_lines(text: str) -> Iterator[PhysicalLine]:
    """The physical lines of a text, split into code and comment."""
    at = 0
    for raw in text.split("\n"):
        body = raw.rstrip()
        code = body.lstrip()
        indent = body[: len(body) - len(code)]
        comment, opened = "", 0
        for match in _LEXEME.finditer(code):
            lexeme = match.group()
            if lexeme[0] == "#":
                comment, code = lexeme, code[: match.start()].rstrip()
                break
            opened += (lexeme in _OPENING) - (lexeme in _CLOSING)
        yield PhysicalLine(at, indent, code, comment, opened)
        at += len(raw) + 1


def logical_lines(text: str) -> Iterator[Line]:
    """The logical lines of a text: a bracket that stays open continues a statement on the next lines."""
    lines = list(physical_lines(text))
    closed = _closed(lines)
    at = 0
    while at < len(lines):
        stop = closed.get(at, at) + 1
        first, last = lines[at], lines[stop - 1]
        start, end = first.start + len(first.indent), last.start + len(last.indent) + len(last.code)
        yield Line(start, first.indent, text[start:end], tuple(lines[at:stop]))
        at = stop


def _closed(lines: list[PhysicalLine]) -> dict[int, int]:
    """For each line that leaves a bracket open, the line that closes it before the next function, if there is one."""
    closed: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    depth = 0
    for number, line in enumerate(lines):
        if _NEW_STATEMENT.match(line.code):
            waiting.clear()
        if line.opened > 0:
            waiting.append((number, depth))
        depth += line.opened
        while waiting and waiting[-1][1] >= depth:
            closed[waiting.pop()[0]] = number
    return closed


def read(errors: ErrorList) -> Iterator[tuple[Line, Statement]]:
    """The statements that match the grammar; the others are reported in ``errors``."""
    for line in logical_lines(errors.source.text):
        if not line.code:
            continue
        if errors.full:
            return
        statement = _length_error(line) or _bracket_error(line) or parse_statement(line.code)
        if not isinstance(statement, ParseError) and _deepest(statement) > MAX_NESTING:
            statement = ParseError(_TOO_DEEP, 0, len(line.code), _SPLIT)
        if isinstance(statement, ParseError):
            code = "nesting" if statement.message == _TOO_DEEP else "syntax"
            errors.add(code, statement.message, line, Node(statement.start, statement.end), statement.hint)
        else:
            yield line, statement


_TOO_DEEP = f"nested deeper than {MAX_NESTING} levels"
_SPLIT = "assign a part of it to a variable"


def _length_error(line: Line) -> ParseError | None:
    """The error of a statement beyond ``MAX_STATEMENT``, or None."""
    if len(line.code) <= MAX_STATEMENT:
        return None
    return ParseError(f"this statement has more than {MAX_STATEMENT:,} characters", 0, 1, "divide it into several")


def _bracket_error(line: Line) -> ParseError | None:
    """The error in the brackets of a statement, or None."""
    opened: list[tuple[str, int]] = []
    for match in _LEXEME.finditer(line.code):
        lexeme, at = match.group(), match.start()
        if lexeme in _OPENING:
            opened.append((lexeme, at))
            if len(opened) > MAX_NESTING:
                return ParseError(_TOO_DEEP, at, at + 1, _SPLIT)
        elif lexeme in _CLOSING and (not opened or _OPENING.index(opened.pop()[0]) != _CLOSING.index(lexeme)):
            return ParseError(f"this '{lexeme}' has no opening bracket", at, at + 1)
    if opened:
        lexeme, at = opened[-1]
        return ParseError(f"this '{lexeme}' is not closed", at, at + 1)
    return None


def _deepest(statement: Statement) -> int:
    """Levels of nesting of the deepest expression of a statement."""
    return max((part.depth for part in _expressions(statement)), default=0)


def _expressions(statement: Statement) -> Iterator[Expression]:
    match statement:
        case Assign(target=target, value=value):
            yield from (target, value)
        case Declare(value=value) if value:
            yield value
        case Bare(value=value):
            yield value
        case Task(arguments=arguments):
            for argument in arguments:
                yield from (argument.key, argument.value) if argument.key else (argument.value,)
