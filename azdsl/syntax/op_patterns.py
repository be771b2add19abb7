"""How each op is written, read off the op table's canonical texts; and sugar for what has no op of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from azdsl.ops import OPS, Op
from azdsl.syntax.parser import parse_statement
from azdsl.syntax.tree import Argument, Assign, Bare, Binary, Call, Entry, Expression, Name, Negation, Number, show

LITERAL = "a number"
"""Head of the op that takes a number and nothing else."""

ENTRY = "an entry"
"""Head of the ops that set one entry."""

RECIPROCAL = "1 /"

SLOTS = ("a", "b", "c0", "c1", "c2")
"""The places of a canonical text that a program fills: inputs and constants."""


@dataclass(frozen=True, slots=True)
class Form:
    """The text of one op: its head (``dot``, ``+``), its slots in order, and what else it says.

    ``extras`` are arguments after the slots that may be left out (``1.0`` of ``heaviside``);
    ``keywords`` must be there.
    """

    op: Op
    head: str
    slots: tuple[str, ...]
    extras: tuple[str, ...] = ()
    keywords: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Use:
    """An expression read as a form: what it puts into each slot."""

    form: Form
    operands: tuple[Expression, ...]


@cache
def forms() -> dict[str, tuple[Form, ...]]:
    """All ops' forms, by head."""
    table: dict[str, list[Form]] = {}
    for op in OPS:
        form = _form(op)
        table.setdefault(form.head, []).append(form)
    return {head: tuple(found) for head, found in table.items()}


def _form(op: Op) -> Form:
    """The form of an op, from its template."""
    match parse_statement(op.template.format(out="out", **{slot: slot for slot in SLOTS})):
        case Assign(target=Entry(at=at)):
            return Form(op, ENTRY, ("c",) * (len(at) + 1))
        case Assign(value=Name(text=slot)):
            return Form(op, LITERAL, (slot,))
        case Assign(value=Binary(left=Number(), operator="/")):
            return Form(op, RECIPROCAL, ("a",))
        case Assign(value=Binary(operator=operator)):
            return Form(op, operator, ("a", "b"))
        case (Assign(value=Call() as call)) | (Bare(value=Call() as call)):
            positional = [plain(argument.value) for argument in call.arguments if argument.key is None]
            slots = tuple(text for text in positional if text in SLOTS)
            return Form(op, call.callee.text, slots, tuple(positional[len(slots) :]), _keywords(call.arguments))
    raise AssertionError(f"the canonical text of {op.name} is no statement: {op.template}")


def plain(node: Expression) -> str:
    """An expression as comparable text: numbers by value."""
    return repr(node.value) if isinstance(node, Number) else show(node)


def _keywords(arguments: tuple[Argument, ...]) -> frozenset[tuple[str, str]]:
    return frozenset((show(argument.key), plain(argument.value)) for argument in arguments if argument.key)


def uses(expression: Expression) -> list[Use]:
    """All forms that the expression has the shape of, whatever its operands are."""
    match expression:
        case Binary(operator="@", left=left, right=right):
            products = [form for head in ("matmul", "dot") for form in forms()[head]]
            return [Use(form, (left, right)) for form in products]
        case Binary(operator=operator, left=left, right=right):
            found = [Use(form, (left, right)) for form in forms()[operator]]
            if operator == "*":
                found += [Use(form, (right, left)) for form in forms()[operator] if len(set(form.op.inputs)) > 1]
            if operator == "/" and isinstance(left, Number) and left.value == 1:
                found = [Use(form, (right,)) for form in forms()[RECIPROCAL]] + found
            return found
        case Call(callee=callee, arguments=arguments):
            positional = tuple(argument.value for argument in arguments if argument.key is None)
            keywords = _keywords(arguments)
            return [
                Use(form, positional[: len(form.slots)])
                for form in forms().get(callee.text, ())
                if form.keywords == keywords
                and len(positional) >= len(form.slots)
                and _fits(tuple(map(plain, positional[len(form.slots) :])), form)
            ]
    return []


def _fits(rest: tuple[str, ...], form: Form) -> bool:
    """Whether the arguments after a form's slots are those it may have."""
    return rest in ((), form.extras)


def callees() -> list[str]:
    """Names that a program can call."""
    return [head for head in forms() if head.isidentifier()] + list(SUGAR)


def unknown_calls(expression: Expression) -> Iterator[Call]:
    """Calls of what is no op, the first in the text first."""
    match expression:
        case Binary(left=left, right=right):
            yield from unknown_calls(left)
            yield from unknown_calls(right)
        case Call(callee=callee, arguments=arguments):
            if callee.text not in callees():
                yield expression
            for argument in arguments:
                yield from unknown_calls(argument.value)


def takes(head: str, arguments: str = "") -> str:
    """``dot takes (v, v) or (m, v)``: the shapes of a head's ops, for a message."""
    shapes = [form.op.expression for form in forms()[head]]
    if head.isidentifier():
        shapes = [shape.removeprefix(head) for shape in shapes]
    words = list(dict.fromkeys(shapes))
    listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{head} takes {listed}"


def _relu(call: Call) -> Expression:
    """maximum(x, 0)."""
    zero = Number(call.end, call.end, 1, "0")
    maximum = Name(call.callee.start, call.callee.end, 1, "maximum")
    arguments = (*call.arguments, Argument(call.end, call.end, None, zero))
    return Call(call.start, call.end, call.depth, maximum, arguments)


SUGAR = {"relu": _relu}
"""Functions that are written as others."""


def written_out(expression: Expression) -> Expression:
    """The expression without sugar. ``-x`` is ``-1 * x``: exact, whatever x is."""
    match expression:
        case Negation(start=start, end=end, depth=depth, operand=operand):
            minus = Number(start, start + 1, 1, "-1")
            return Binary(start, end, depth, "*", minus, written_out(operand))
        case Binary(left=left, right=right):
            first, second = written_out(left), written_out(right)
            return expression if (first, second) == (left, right) else replace(expression, left=first, right=second)
        case Call(callee=callee, arguments=arguments):
            inner = tuple(_argument_written_out(argument) for argument in arguments)
            call = expression if inner == arguments else replace(expression, arguments=inner)
            return SUGAR[callee.text](call) if callee.text in SUGAR and len(inner) == 1 else call
    return expression


def _argument_written_out(argument: Argument) -> Argument:
    value = written_out(argument.value)
    return argument if value == argument.value else replace(argument, value=value)
