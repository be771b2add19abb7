"""Canonical layout of a text: indentation, spaces and blank lines change, everything else stays."""

from __future__ import annotations

import re
from collections.abc import Iterator

from azdsl.diagnostics import Source, SyntaxError
from azdsl.syntax.error_list import ErrorList, Line
from azdsl.syntax.reader import logical_lines, read

INDENT = "  "

_TOKEN = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    r"|[0-9]+\.\.[0-9]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?"
    r"|\w+|\S"
)
_OPERATORS = frozenset("+-*/@=")


def format_lines(source: Source) -> str:
    """The text of ``source`` in canonical layout. Raises ``SyntaxError`` if a statement does not match the grammar."""
    errors = ErrorList(source)
    for _ in read(errors):
        pass
    if errors.found:
        raise SyntaxError(errors.found, source)
    lines = list(logical_lines(source.text))
    indented = _next_indented(lines)
    out: list[str] = []
    in_function = False
    for line, next_indented in zip(lines, indented, strict=True):
        in_function = in_function or line.code.startswith("def")
        if line.code:
            out += _statement(line, INDENT if line.indent else "")
        elif line.lines[0].comment:
            inside = next_indented or (in_function and bool(line.indent))
            out.append((INDENT if inside else "") + line.lines[0].comment)
        elif out and out[-1]:
            out.append("")
    return "\n".join(out).rstrip("\n") + "\n" if any(out) else ""


def _next_indented(lines: list[Line]) -> list[bool]:
    """For each line, whether it, or the next line with code, is indented."""
    result: list[bool] = []
    indented = False
    for line in reversed(lines):
        indented = bool(line.indent) if line.code else indented
        result.append(indented)
    return result[::-1]


def _statement(line: Line, indent: str) -> Iterator[str]:
    """The physical lines of a statement in canonical layout."""
    spaced = re.match(r"\w*ops\b", line.code) is not None
    depth, previous = 0, ""
    for physical in line.lines:
        text = ""
        leading = indent + INDENT * (depth - _closing(physical.code))
        for token in _TOKEN.findall(physical.code):
            tight = token == "=" and (depth > 1 or (depth == 1 and not spaced))
            text += _space(previous, token, tight, not text) + token
            depth += (token in "([") - (token in ")]")
            previous = _role(previous, token, tight)
        if text and physical.comment:
            yield f"{leading}{text}  {physical.comment}"
        elif text or physical.comment:
            yield leading + (text or physical.comment)


def _closing(code: str) -> int:
    """The number of closing brackets at the start of a line."""
    return len(code) - len(code.lstrip(")]"))


def _role(previous: str, token: str, tight: bool) -> str:
    """The role of a token for the space after it: no space follows a sign, a decorator or a tight '='."""
    is_sign = token in ("+", "-") and (previous in ("", "(", "[", ",", "tight") or previous in _OPERATORS)
    decorates = token == "@" and not previous
    return "tight" if tight or is_sign or decorates else token


def _space(previous: str, token: str, tight: bool, first: bool) -> str:
    """The space before a token, after one of role ``previous``."""
    if first or tight or previous in ("(", "[", "tight") or token in (",", ")", "]", ":"):
        return ""
    if token in ("(", "["):
        return "" if previous not in _OPERATORS and previous != "," else " "
    return " "
