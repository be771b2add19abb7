"""Parser: the text of one statement -> syntax tree, by the Lark grammar, or the error with advice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from lark import Lark, Transformer, UnexpectedInput, UnexpectedToken, v_args

from azdsl.syntax import tree
from azdsl.syntax.error_list import choice

Part = Any
"""A child of a rule: a token, or the result of another rule."""

GRAMMAR = "azdsl.lark"


@dataclass(frozen=True, slots=True)
class ParseError:
    """Why a statement does not match the grammar; ``start`` and ``end`` are offsets in the statement."""

    message: str
    start: int
    end: int
    hint: str | None = None


def grammar() -> str:
    """The text of the grammar: beside this file in an installed package, in ``grammar/`` of a checkout."""
    installed = resources.files("azdsl.syntax") / GRAMMAR
    if installed.is_file():
        return installed.read_text("utf-8")
    return (Path(__file__).parents[2] / "grammar" / GRAMMAR).read_text("utf-8")


@cache
def _parser() -> Lark:
    return Lark(
        grammar(),
        parser="lalr",
        start="statement",
        transformer=_Builder(),
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


@lru_cache(maxsize=4096)
def parse_statement(text: str) -> tree.Statement | ParseError:
    """The syntax tree of ``text``, with offsets into it, or its error."""
    try:
        statement: tree.Statement = _parser().parse(text)  # type: ignore[assignment]
    except UnexpectedInput as error:
        return _explain(error, text)
    return statement


def _ends(parts: tuple[Part, ...]) -> tuple[int, int]:
    """The offsets where the first part starts and the last part ends."""
    first, last = parts[0], parts[-1]
    return (
        first.start if isinstance(first, tree.Node) else first.start_pos,
        last.end if isinstance(last, tree.Node) else last.end_pos,
    )


def _depth(*parts: Part) -> int:
    """Levels of nesting of a node with the children ``parts``."""
    return 1 + max((part.depth for part in parts if isinstance(part, tree.Expression)), default=0)


def _only(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts that are nodes, without punctuation."""
    return tuple(part for part in parts if isinstance(part, tree.Node))


def _list(parts: tuple[Part, ...]) -> tuple[tree.Argument, ...]:
    """The arguments among ``parts``; none where there are no brackets."""
    return next((part for part in parts if type(part) is tuple), ())


@v_args(inline=True)
class _Builder(Transformer[Any, Any]):
    """Builds nodes during parsing, without recursion over nested expressions."""

    def number(self, token: Part) -> tree.Number:
        return tree.Number(token.start_pos, token.end_pos, 1, str(token))

    def range(self, token: Part) -> tree.Range:
        return tree.Range(token.start_pos, token.end_pos, 1, str(token))

    def string(self, token: Part) -> tree.String:
        return tree.String(token.start_pos, token.end_pos, 1, re.sub(r"\\(.)", r"\1", token[1:-1]))

    def name(self, token: Part) -> tree.Name:
        return tree.Name(token.start_pos, token.end_pos, 1, str(token))

    def sign(self, sign: Part, operand: tree.Expression) -> tree.Expression:
        start, end = sign.start_pos, operand.end
        if sign == "+":
            return operand
        if isinstance(operand, tree.Number):
            text = operand.text[1:] if operand.text.startswith("-") else f"-{operand.text}"
            return tree.Number(start, end, operand.depth, text)
        return tree.Negation(start, end, _depth(operand), operand)

    def binary(self, left: tree.Expression, operator: Part, right: tree.Expression) -> tree.Binary:
        return tree.Binary(left.start, right.end, _depth(left, right), str(operator), left, right)

    def call(self, *parts: Part) -> tree.Call:
        arguments = _list(parts)
        depth = _depth(*(part for argument in arguments for part in (argument.key, argument.value)))
        return tree.Call(*_ends(parts), depth, self.name(parts[0]), arguments)

    def entry(self, *parts: Part) -> tree.Entry:
        at = _only(parts[1:])
        return tree.Entry(*_ends(parts), _depth(*at), self.name(parts[0]), at)

    def group(self, *parts: Part) -> tree.Expression:
        items = _only(parts)
        comma = len(parts) > 2 + len(items)
        return tree.Items(*_ends(parts), _depth(*items), items) if comma or len(items) > 1 else items[0]

    def arguments(self, *parts: Part) -> tuple[tree.Argument, ...]:
        return _only(parts)

    def argument(self, *parts: Part) -> tree.Argument:
        return tree.Argument(*_ends(parts), parts[0] if len(parts) > 1 else None, parts[-1])

    def function(self, *parts: Part) -> tree.Function:
        return tree.Function(*_ends(parts), self.name(parts[1]))

    def decorator(self, *parts: Part) -> tree.Decorator:
        return tree.Decorator(*_ends(parts), self.name(parts[1]))

    def task(self, *parts: Part) -> tree.Task:
        return tree.Task(*_ends(parts), self.name(parts[0]), self.name(parts[1]), _list(parts))

    def assign(self, target: tree.Expression, _: Part, value: tree.Expression) -> tree.Assign:
        return tree.Assign(target.start, value.end, target, value)

    def declare(self, *parts: Part) -> tree.Declare:
        value = parts[4] if len(parts) > 3 else None
        return tree.Declare(*_ends(parts), self.name(parts[0]), self.name(parts[2]), value)

    def bare(self, value: tree.Expression) -> tree.Bare:
        return tree.Bare(value.start, value.end, value)


_WORDS = {
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUAL": "'='",
    "DEF": "'def'",
    "NAME": "a name",
}
"""The terminals that messages list as expected, in words; operators could follow nearly everywhere."""

_HINTS = {
    r"\*\s*\*": "there is no power operator: write x * x",
    r"[-+*/@]\s*=": "there are no augmented assignments: write w = w + x",
    r"^def\s+\w+\s*(\(\s*\))?\s*$": "end the line with ':', as in def Setup():",
    r"^def\s+\w+\s*\(\s*\)\s*:.": "write instructions on the lines below, indented",
    r"^def\s+\w+\s*\(\s*\w": "functions have no parameters: the features are v0, the label is s0",
    r"\btimeout\s*=\s*[\d.]+[dhms]": 'write a duration in quotes: timeout="5m"',
    r"==|<|>|!=": "there are no comparisons: heaviside(x) is 1 for positive x, else 0",
    r"^(if|for|while|return|import|from|class|lambda)\b": "functions contain only assignments, without control flow",
    r"^[^#\"']*[\"'][^\"']*$": "the quote is never closed",
}
"""Patterns of statements that do not match the grammar, each with advice."""


def _explain(error: UnexpectedInput, text: str) -> ParseError:
    """The message for a statement that the grammar rejects."""
    hint = next((advice for pattern, advice in _HINTS.items() if re.search(pattern, text)), None)
    if not isinstance(error, UnexpectedToken):
        at = error.pos_in_stream or 0
        return ParseError(f"unexpected {_quoted(text[at])}", at, at + 1, hint)
    expected = _expected(set(error.accepts or error.expected))
    token = error.token
    if token.type == "$END":
        code = re.sub(r"#[^\n]*", "", text).rstrip()
        return ParseError(f"the statement ends too early; expected {expected}", len(code), len(code) + 1, hint)
    start, end = token.start_pos or 0, token.end_pos or 0
    return ParseError(f"unexpected {_quoted(str(token))}; expected {expected}", start, end, hint)


def _quoted(text: str) -> str:
    return f"'{text}'" if text.isprintable() and len(text) <= 40 else f"{text[:40]!a}"


def _expected(terminals: set[str]) -> str:
    """The expected terminals in words."""
    if {"NUMBER", "NAME"} <= terminals:
        return "an argument or ')'" if "RPAR" in terminals else "a name, a number or '('"
    if "PLUS" in terminals:
        terminals -= {"LPAR", "LSQB", "EQUAL"}
    words = ["an operator"] if "PLUS" in terminals else []
    words += [word for terminal, word in _WORDS.items() if terminal in terminals]
    if "$END" in terminals:
        words.append("the end of the line")
    return choice(words)
