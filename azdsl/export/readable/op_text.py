"""The text of an op in a Python module and in LaTeX, from its record: template, signature and constants, or what the op states itself.

Python texts are ``str.format`` templates with the slots of ``Op.template`` and ``{old}``, the old value of the output, and
``{draw}``, the number of a random draw. LaTeX texts have three kinds of slots for an operand: ``{a}`` without brackets,
``(a)`` with brackets around a sum, ``[a]`` with brackets around a sum or a product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from azdsl.errors import AzdslError
from azdsl.ops import Kind, Op, Role

SUM, PRODUCT, ATOM = 1, 2, 3
"""Operator precedence of a text; ``ATOM`` for calls, names and numbers."""

_SIGNS = {" + ": SUM, " - ": SUM, " * ": PRODUCT, " / ": PRODUCT}

_COMMANDS = frozenset(
    {"arccos", "arcsin", "arctan", "cos", "cosh", "cot", "coth", "csc", "det", "exp", "log", "max", "min", "sec", "sin"}
    | {"sinh", "sup", "tan", "tanh", "inf"}
)
"""Functions that LaTeX has commands for."""

_AXES = {"0": r"_{\mathrm{columns}}", "1": r"_{\mathrm{rows}}"}


class NoText(AzdslError, ValueError):
    """An op that a kind of module cannot express."""


@dataclass(frozen=True)
class Library:
    """How a Python module writes ops with a library of arrays.

    ``module`` is the library's name in the module; ``knows`` says whether it has a function of a name. ``helpers`` are the texts of
    functions that the module may define, by the function's name in the language or by the name of an op. ``number`` is the text of a
    constant, ``draw`` that of a random draw, with the slots ``{callee}``, ``{word}`` (of the kind), ``{constants}`` and ``{shape}``.
    ``draws`` is the text of a class with a method for each random draw, if the module has one. ``entrywise`` has the helpers for
    operators that the library does not apply entry by entry.
    """

    name: str
    module: str
    knows: Callable[[str], bool]
    helpers: Mapping[str, str]
    number: str
    draw: str
    draws: str = ""
    entrywise: Mapping[str, str] = field(default_factory=dict)


_SHAPES = {Kind.SCALAR: "()", Kind.VECTOR: "n", Kind.MATRIX: "(n, n)"}
"""Shapes of registers in a Python module, where n is the number of features."""


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


def python_text(op: Op, library: Library) -> str:
    """The op's expression in a module with this library. Raises ``NoText`` where neither library nor helpers have its function."""
    right = right_side(op)
    if op.updates and "[" in op.template:
        index = ", ".join(f"{{c{n}}}" for n, role in enumerate(op.constants) if role is Role.INDEX)
        return f"with_entry({{old}}, {right}, {index})"
    if not op.callee:
        sign = right.split(" ")[1:2]
        if (
            op.inputs
            and op.output is not Kind.SCALAR
            and op.inputs[0] is op.inputs[-1]
            and sign[0] in library.entrywise
        ):
            first, second = right.split(f" {sign[0]} ")
            return f"{library.entrywise[sign[0]]}({first}, {second})"
        return right if op.inputs else library.number
    if op.random and (not library.draws or f"def {op.callee}(" in library.draws):
        kind = op.output or Kind.SCALAR
        constants = ", ".join(f"{{c{n}}}" for n in range(len(op.constants)))
        return library.draw.format(callee=op.callee, word=kind.word, constants=constants, shape=_SHAPES[kind])
    if "features" in op.context and op.callee in library.helpers:
        return f"{right.removesuffix(')')}, n=n)"
    if op.name in library.helpers:
        return right.replace(op.callee, op.name, 1)
    if op.callee in library.helpers:
        return right
    if op.context or not library.knows(op.callee):
        raise NoText(f"op {op.name}: {library.name} has no function {op.callee!r}")
    return f"{library.module}.{right}"


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
