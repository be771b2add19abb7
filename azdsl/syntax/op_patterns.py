"""The pattern of each op, from its canonical text in the op table; and matching of expressions against patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from azdsl.ops import OPS, Op
from azdsl.syntax.desugar import SUGAR
from azdsl.syntax.parser import parse_statement
from azdsl.syntax.tree import Argument, Assign, Bare, Binary, Call, Entry, Expression, Name, Number, show

LITERAL = "a number"
"""Head of the op whose value is a number."""

ENTRY = "an entry"
"""Head of the ops that assign one entry of a vector or matrix."""

RECIPROCAL = "1 /"
"""Head of the reciprocal."""

SLOTS = ("a", "b", "c0", "c1", "c2")
"""Placeholders of a canonical text: inputs and constants."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The notation of one op: its head (``dot``, ``+``) and its slots in order.

    ``extras`` are optional arguments after the slots (``1.0`` of ``heaviside``); ``keywords`` are required arguments.
    """

    op: Op
    head: str
    slots: tuple[str, ...]
    extras: tuple[str, ...] = ()
    keywords: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class OpMatch:
    """An expression that matches a pattern; ``operands`` are its expressions for the slots."""

    pattern: Pattern
    operands: tuple[Expression, ...]

    @property
    def op(self) -> Op:
        """The op of the pattern."""
        return self.pattern.op

    @property
    def inputs(self) -> tuple[Expression, ...]:
        """The operands that are inputs of the op; the others are its constants."""
        return self.operands[: len(self.op.inputs)]


@cache
def patterns() -> dict[str, tuple[Pattern, ...]]:
    """The patterns of all ops, by head."""
    table: dict[str, list[Pattern]] = {}
    for op in OPS:
        pattern = _pattern(op)
        table.setdefault(pattern.head, []).append(pattern)
    return {head: tuple(found) for head, found in table.items()}


def _pattern(op: Op) -> Pattern:
    """The pattern of an op, parsed from its template."""
    match parse_statement(op.template.format(out="out", **{slot: slot for slot in SLOTS})):
        case Assign(target=Entry(at=at)):
            return Pattern(op, ENTRY, ("c",) * (len(at) + 1))
        case Assign(value=Name(text=slot)):
            return Pattern(op, LITERAL, (slot,))
        case Assign(value=Binary(left=Number(), operator="/")):
            return Pattern(op, RECIPROCAL, ("a",))
        case Assign(value=Binary(operator=operator)):
            return Pattern(op, operator, ("a", "b"))
        case (Assign(value=Call() as call)) | (Bare(value=Call() as call)):
            positional = [plain(argument.value) for argument in call.arguments if argument.key is None]
            slots = tuple(text for text in positional if text in SLOTS)
            return Pattern(op, call.callee.text, slots, tuple(positional[len(slots) :]), _keywords(call.arguments))
    raise AssertionError(f"the canonical text of {op.name} is no statement: {op.template}")


def plain(node: Expression) -> str:
    """An expression as text for comparison: numbers by value."""
    return repr(node.value) if isinstance(node, Number) else show(node)


def _keywords(arguments: tuple[Argument, ...]) -> frozenset[tuple[str, str]]:
    return frozenset((show(argument.key), plain(argument.value)) for argument in arguments if argument.key)


def op_matches(expression: Expression) -> list[OpMatch]:
    """The patterns that match the form of an expression, of any kinds of operands."""
    match expression:
        case Binary(operator="@", left=left, right=right):
            products = [pattern for head in ("matmul", "dot") for pattern in patterns()[head]]
            return [OpMatch(pattern, (left, right)) for pattern in products]
        case Binary(operator=operator, left=left, right=right):
            found = [OpMatch(pattern, (left, right)) for pattern in patterns()[operator]]
            if operator == "*":
                found += [
                    OpMatch(pattern, (right, left))
                    for pattern in patterns()[operator]
                    if len(set(pattern.op.inputs)) > 1
                ]
            if operator == "/" and isinstance(left, Number) and left.value == 1:
                found = [OpMatch(pattern, (right,)) for pattern in patterns()[RECIPROCAL]] + found
            return found
        case Call(callee=callee, arguments=arguments):
            positional = tuple(argument.value for argument in arguments if argument.key is None)
            keywords = _keywords(arguments)
            return [
                OpMatch(pattern, positional[: len(pattern.slots)])
                for pattern in patterns().get(callee.text, ())
                if pattern.keywords == keywords
                and len(positional) >= len(pattern.slots)
                and _fits(tuple(map(plain, positional[len(pattern.slots) :])), pattern)
            ]
    return []


def _fits(rest: tuple[str, ...], pattern: Pattern) -> bool:
    """Whether the arguments after the slots of a pattern are its extras or none."""
    return rest in ((), pattern.extras)


def callees() -> list[str]:
    """The names that a program can call: ops and sugar."""
    return [head for head in patterns() if head.isidentifier()] + list(SUGAR)


def unknown_calls(expression: Expression) -> Iterator[Call]:
    """The calls of unknown ops, in the order of the text."""
    match expression:
        case Binary(left=left, right=right):
            yield from unknown_calls(left)
            yield from unknown_calls(right)
        case Call(callee=callee, arguments=arguments):
            if callee.text not in callees():
                yield expression
            for argument in arguments:
                yield from unknown_calls(argument.value)


def takes(head: str) -> str:
    """``dot takes (v, v) or (m, v)``: the operands that a head accepts, for a message."""
    shapes = [pattern.op.expression for pattern in patterns()[head]]
    if head.isidentifier():
        shapes = [shape.removeprefix(head) for shape in shapes]
    words = list(dict.fromkeys(shapes))
    listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{head} takes {listed}"
