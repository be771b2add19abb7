"""The surroundings of an offset in a text, read from its tokens, so that an incomplete statement has surroundings too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from azdsl import editors
from azdsl.syntax.error_list import PhysicalLine
from azdsl.syntax.file_builder import STATEMENTS
from azdsl.syntax.reader import logical_lines, physical_lines

_TOKEN = re.compile(
    rf"(?P<text>{editors.STRING}|\"[^\"\n]*|'[^'\n]*)|(?P<comment>#[^\n]*)|(?P<number>{editors.RANGE}|{editors.NUMBER})"
    rf"|(?P<name>{editors.NAME})|(?P<sign>\S)"
)
_FUNCTION = re.compile(rf"def\s+({editors.NAME})")
_SETTING = re.compile(rf"(?:{'|'.join(STATEMENTS)})\s*\(|task\s+\w")
_HEADING = re.compile(rf"def\b|@|{_SETTING.pattern}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token from offset ``start`` to ``end``: a ``text`` in quotes, ``comment``, ``number``, ``name`` or ``sign``."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """An open call: its callee, the keys that its arguments have, and the key of the argument at the offset."""

    callee: str
    keys: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of an offset.

    ``function`` is the function that the line is in, None above the functions and in the statements that stand there; ``margin`` says
    whether the line is not indented. ``before`` are the tokens of the statement that end before the ``word`` at the offset, ``after`` the
    others; ``calls`` are the open calls, the innermost last.
    """

    offset: int
    function: str | None
    margin: bool
    before: tuple[Token, ...]
    word: Token | None
    after: tuple[Token, ...]
    calls: tuple[Call, ...]

    @property
    def quoted(self) -> bool:
        """Whether the offset is in a comment, in a number or in a text in quotes."""
        around = self.before[-1:] + self.after[:1]
        return any(
            token.kind in ("comment", "text", "number") and token.start < self.offset <= token.end for token in around
        )


def tokens(text: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """The tokens of ``text[start:end]``."""
    for match in _TOKEN.finditer(text, start, len(text) if end is None else end):
        yield Token(match.lastgroup or "sign", match.group(), match.start(), match.end())


def place(text: str, offset: int) -> Place:
    """The surroundings of an offset of ``text``."""
    start, end, function = _statement(text, offset)
    before: list[Token] = []
    after: list[Token] = []
    word = None
    for token in tokens(text, start, end):
        if token.kind == "name" and token.start <= offset <= token.end:
            word = token
        elif token.end <= offset:
            before.append(token)
        else:
            after.append(token)
    begin = min([offset, *(token.start for token in (*before[:1], *after[:1], word) if token)])
    return Place(offset, function, begin == start, tuple(before), word, tuple(after), _calls(before, after))


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """The functions in ``text``: name, and the offsets where ``def`` and where the next function begins."""
    found = [(match[1], line.start) for line in physical_lines(text) if (match := _FUNCTION.match(line.code))]
    for (name, start), (_, end) in pairwise([*found, ("", len(text))]):
        yield name, start, end


def settings(text: str) -> Iterator[tuple[str, int, int]]:
    """The statements that stand above the functions: the word, and the offsets of the complete statement."""
    for line in logical_lines(text):
        if _SETTING.match(line.code):
            yield re.split(r"\W", line.code, maxsplit=1)[0], line.start, line.start + len(line.code)


def is_instruction(code: str) -> bool:
    """Whether a line in a function is neither ``def``, a decorator nor one of the statements that stand above the functions."""
    return _HEADING.match(code) is None


def _statement(text: str, offset: int) -> tuple[int, int, str | None]:
    """The statement at an offset: where it starts and ends, and its function.

    A statement that is not closed, above the functions, goes on over the indented lines below it.
    """
    lines = list(physical_lines(text))
    at = max(number for number, line in enumerate(lines) if line.start <= offset)
    name = next((name for name, start, end in functions(text) if start < lines[at].start < end), None)
    for line in logical_lines(text):
        first, last = line.lines[0], line.lines[-1]
        if first.start <= offset and lines[at].start <= last.start:
            end = _end(text, last)
            if _SETTING.match(line.code) and not line.indent:
                return first.start, end, None
            if len(line.lines) > 1:
                return first.start, end, name
    above = _unclosed(lines, at)
    if above is not None:
        return above.start, _end(text, lines[at]), None
    return lines[at].start, _end(text, lines[at]), name


def _end(text: str, line: PhysicalLine) -> int:
    end = text.find("\n", line.start)
    return len(text) if end < 0 else end


def _unclosed(lines: list[PhysicalLine], at: int) -> PhysicalLine | None:
    """The statement above line ``at`` at the margin whose brackets are open there."""
    if not lines[at].indent and lines[at].code:
        return None
    opened = 0
    for line in reversed(lines[:at]):
        opened += line.opened
        if line.code and not line.indent:
            return line if opened > 0 and _SETTING.match(line.code) else None
    return None


def _calls(before: list[Token], after: list[Token]) -> tuple[Call, ...]:
    """The calls that are open between the tokens before and after an offset."""
    stack: list[Call] = []
    for previous, token, following in zip([None, *before], before, [*before[1:], None], strict=False):
        if token.text in "([":
            stack.append(Call(previous.text if previous and previous.kind == "name" else ""))
        elif token.text in ")]" and stack:
            stack.pop()
        elif stack:
            stack[-1] = _with(stack[-1], token, following or (after[0] if after else None))
    depth = 0
    for token, following in pairwise(after):
        depth += (token.text in "([") - (token.text in ")]")
        if depth < 0:
            break
        if stack and not depth and token.kind == "name" and following.text == "=":
            stack[-1] = replace(stack[-1], keys=(*stack[-1].keys, token.text))
    return tuple(stack)


def _with(call: Call, token: Token, following: Token | None) -> Call:
    """The call after one more token."""
    if token.text == ",":
        return replace(call, key=None)
    if token.kind == "name" and following and following.text == "=":
        return replace(call, keys=(*call.keys, token.text), key=token.text)
    return call
