"""The NumPy and the LaTeX text of an op, from its record: template, signature and constants, or what the op states itself.

NumPy texts are ``str.format`` templates with the slots of ``Op.template`` and ``{old}``, the old value of the output, and
``{draw}``, the number of a random draw. LaTeX texts have three kinds of slots for an operand: ``{a}`` without brackets,
``(a)`` with brackets around a sum, ``[a]`` with brackets around a sum or a product.
"""

from __future__ import annotations

import re

import numpy as np

from azdsl.export.readable.numpy_templates import DRAWS, HELPERS
from azdsl.ops import Kind, Op, Role

SUM, PRODUCT, ATOM = 1, 2, 3
"""Operator precedence of a text; ``ATOM`` for calls, names and numbers."""

_SIGNS = {" + ": SUM, " - ": SUM, " * ": PRODUCT, " / ": PRODUCT}

_SHAPES = {Kind.SCALAR: "()", Kind.VECTOR: "n", Kind.MATRIX: "(n, n)"}
"""Shapes of registers in a NumPy module, where n is the number of features."""

_COMMANDS = frozenset(
    {"arccos", "arcsin", "arctan", "cos", "cosh", "cot", "coth", "csc", "det", "exp", "log", "max", "min", "sec", "sin"}
    | {"sinh", "sup", "tan", "tanh", "inf"}
)
"""Functions that LaTeX has commands for."""

_AXES = {"0": r"_{\mathrm{columns}}", "1": r"_{\mathrm{rows}}"}


def right_side(op: Op) -> str:
    """The template after its equals sign."""
    return op.template.partition(" = ")[2]


def level(text: str) -> int:
    """Return the precedence of the operator in a template; ``ATOM`` for a call or a constant."""
    return next((binds for sign, binds in _SIGNS.items() if sign in text and "(" not in text), ATOM)


def needs_brackets(text: str, slot: str, inner: int) -> bool:
    """Whether an operand that binds as ``inner`` needs brackets in ``slot`` of a template.

    The operand to the right of an operator needs them unless it binds more strongly.
    """
    right = any(sign in text.partition(f"{{{slot}}}")[0] for sign in _SIGNS)
    return level(text) != ATOM and inner < level(text) + right


def numpy_text(op: Op) -> str:
    """The op's NumPy expression. Raises ``ValueError`` where NumPy has no function of the op's name."""
    if op.numpy is not None:
        return op.numpy
    right = right_side(op)
    if op.updates and "[" in op.template:
        index = ", ".join(f"{{c{n}}}" for n, role in enumerate(op.constants) if role is Role.INDEX)
        return f"with_entry({{old}}, {right}, {index})"
    if not op.callee:
        return f"np.float64({right})" if not op.inputs else right
    if op.random and f"def {op.callee}(" in DRAWS:
        constants = ", ".join(f"{{c{n}}}" for n in range(len(op.constants)))
        return f"self.draws.{op.callee}({{draw}}, self.visit, {constants}, {_SHAPES[op.output or Kind.SCALAR]})"
    if op.name in HELPERS:
        return right.replace(op.callee, op.name, 1)
    if op.callee in HELPERS:
        return right
    if op.context or not hasattr(np, op.callee):
        raise ValueError(
            f"op {op.name}: NumPy has no function {op.callee!r}; state the NumPy text with numpy= in the op's definition"
        )
    return f"np.{right}"


def latex_text(op: Op) -> str:
    """The op's LaTeX."""
    if op.latex is not None:
        return op.latex
    right = right_side(op)
    call = re.fullmatch(r"(\w+)\((.*)\)", right)
    if call:
        return _latex_call(*call.groups())
    first, sign, second = (*right.split(" "), "", "")[:3]
    match sign:
        case "+" | "-":
            return f"{_slot(first, '()')} {sign} {_slot(second, '[]')}"
        case "*":
            entrywise = op.inputs == (op.output, op.output) and op.output is not Kind.SCALAR
            times = r"\odot" if entrywise else r"\,"
            return f"{_slot(first, '()')} {times} {_slot(second, '[]')}"
        case "/":
            return rf"\frac{{{first}}}{{{second}}}"
    return right


def _slot(text: str, brackets: str) -> str:
    """A slot ``{a}`` with other brackets."""
    return brackets[0] + text.strip("{}") + brackets[1] if text.startswith("{") else text


def _latex_call(name: str, arguments: str) -> str:
    """A call as a function with its operands in brackets; an axis is an index of the function."""
    axis, kept = "", []
    for argument in arguments.split(", "):
        if argument.startswith("axis="):
            axis = _AXES[argument.removeprefix("axis=")]
        elif "n_features" not in argument:
            kept.append(argument)
    spelled = name.replace("_", r"\_")
    command = rf"\{name}" if name in _COMMANDS else rf"\operatorname{{{spelled}}}"
    return rf"{command}{axis}\left( {', '.join(kept)} \right)"
