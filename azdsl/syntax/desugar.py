"""Desugaring: expressions without an op of their own are rewritten as expressions that have one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from azdsl.syntax.tree import Argument, Assign, Bare, Binary, Call, Declare, Expression, Name, Negation, Number


def _relu(call: Call) -> Expression:
    """``relu(x)`` is ``maximum(x, 0)``."""
    zero = Number(call.end, call.end, 1, "0")
    maximum = Name(call.callee.start, call.callee.end, 1, "maximum")
    arguments = (*call.arguments, Argument(call.end, call.end, None, zero))
    return Call(call.start, call.end, call.depth, maximum, arguments)


SUGAR: Mapping[str, Callable[[Call], Expression]] = {"relu": _relu}
"""Functions that are rewritten as other functions, each with one argument."""


def desugar(statement: Assign | Declare | Bare) -> Assign | Declare | Bare:
    """The statement with a desugared value."""
    match statement:
        case Assign(value=value) | Declare(value=Expression() as value):
            return replace(statement, value=desugar_expression(value))
    return statement


def desugar_expression(expression: Expression) -> Expression:
    """The expression without sugar. ``-x`` is ``-1 * x``, which is exact for every x."""
    match expression:
        case Negation(start=start, end=end, depth=depth, operand=operand):
            minus = Number(start, start + 1, 1, "-1")
            return Binary(start, end, depth, "*", minus, desugar_expression(operand))
        case Binary(left=left, right=right):
            first, second = desugar_expression(left), desugar_expression(right)
            return expression if (first, second) == (left, right) else replace(expression, left=first, right=second)
        case Call(callee=callee, arguments=arguments):
            inner = tuple(map(_desugar_argument, arguments))
            call = expression if inner == arguments else replace(expression, arguments=inner)
            return SUGAR[callee.text](call) if callee.text in SUGAR and len(inner) == 1 else call
    return expression


def _desugar_argument(argument: Argument) -> Argument:
    value = desugar_expression(argument.value)
    return argument if value == argument.value else replace(argument, value=value)
