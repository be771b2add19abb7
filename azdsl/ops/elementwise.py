"""Ops that are one scalar function applied to every entry: on scalars, vectors and matrices alike.

A vector is a list of F numbers, a matrix a list of F rows. ``entrywise`` lifts a function of numbers
to any of the three; the families below say which op numbers it gets at which kind.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from azdsl.ops import numbers
from azdsl.ops.definition import op


def entrywise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lift ``function`` on numbers to lists and lists of lists of them."""

    def apply(*arguments: Any) -> Any:
        if isinstance(arguments[0], list):
            return [apply(*entries) for entries in zip(*arguments, strict=True)]
        return function(*arguments)

    apply.__doc__ = function.__doc__
    return apply


def _define(
    codes: dict[str, int], family: str, function: Callable[..., Any], template: str, *derivative: str, **facts: Any
) -> None:
    """Define the op ``function`` at each kind in ``codes``; ``family`` names it, as ``vector_add``.

    ``derivative`` (see ``definition.Op``) holds at every kind, since its text does. ``groups`` has for each group the
    kinds at which the op belongs to it, such as ``{"network": "vm"}``.
    """
    doc, arity = facts.pop("doc"), 1 + ("{b}" in template)
    groups: dict[str, str] = facts.pop("groups", {})
    words = {"s": "scalar", "v": "vector", "m": "matrix"}
    for kind, code in codes.items():
        body = entrywise(function)
        body.__doc__ = doc if kind == "s" else f"{doc.rstrip('.')}, entry by entry."
        name = family if len(codes) == 1 else f"{words[kind]}_{family}"
        mine = tuple(group for group, kinds in groups.items() if kind in kinds)
        op(code, f"{' '.join([kind] * arity)} -> {kind}", template, derivative, name=name, groups=mine, **facts)(body)


_define(
    {"s": 1, "v": 23, "m": 39},
    "add",
    operator.add,
    "{out} = {a} + {b}",
    "{da}",
    "{db}",
    groups={"arithmetic": "svm", "linear_algebra": "vm", "network": "svm", "tables": "svm"},
    doc="Sum.",
    commutative=True,
)
_define(
    {"s": 2, "v": 24, "m": 40},
    "subtract",
    operator.sub,
    "{out} = {a} - {b}",
    "{da}",
    "-{db}",
    groups={"arithmetic": "svm", "linear_algebra": "vm", "network": "sv", "tables": "svm"},
    doc="Difference.",
)
_define(
    {"s": 3, "v": 25, "m": 41},
    "multiply",
    operator.mul,
    "{out} = {a} * {b}",
    "{da} * {b}",
    "{a} * {db}",
    groups={"arithmetic": "svm", "network": "sv", "tables": "sv"},
    doc="Product.",
    commutative=True,
)
_define(
    {"s": 4, "v": 26, "m": 42},
    "divide",
    numbers.divide,
    "{out} = {a} / {b}",
    "{da} / {b}",
    "-({out} * {db} / {b})",
    groups={"arithmetic": "svm", "tables": "sv"},
    doc="Quotient; x/0 is ±inf, 0/0 NaN.",
    weight=4.0,
)
_define(
    {"s": 5, "v": 22, "m": 38},
    "abs",
    abs,
    "{out} = abs({a})",
    "(heaviside({a}) - heaviside(-{a})) * {da}",
    groups={"piecewise": "svm", "tables": "sv"},
    doc="Absolute value.",
    latex=r"\left| {a} \right|",
)
_define(
    {"s": 6, "v": 20, "m": 30},
    "reciprocal",
    lambda a: numbers.divide(type(a)(1.0), a),
    "{out} = 1 / {a}",
    "-({out} * {out} * {da})",
    groups={"arithmetic": "svm"},
    doc="Reciprocal; 1/0 is ±inf.",
    weight=4.0,
)
_define(
    {"s": 7},
    "sin",
    numbers.sin,
    "{out} = sin({a})",
    "cos({a}) * {da}",
    groups={"elementary": "s"},
    doc="Sine of radians.",
    weight=20.0,
)
_define(
    {"s": 8},
    "cos",
    numbers.cos,
    "{out} = cos({a})",
    "-(sin({a}) * {da})",
    groups={"elementary": "s"},
    doc="Cosine of radians.",
    weight=20.0,
)
_define(
    {"s": 9},
    "tan",
    numbers.tan,
    "{out} = tan({a})",
    "(1 + {out} * {out}) * {da}",
    groups={"elementary": "s"},
    doc="Tangent of radians.",
    weight=20.0,
)
_define(
    {"s": 10},
    "arcsin",
    numbers.arcsin,
    "{out} = arcsin({a})",
    "{da} / cos({out})",
    groups={"elementary": "s"},
    doc="Inverse sine; NaN outside [-1, 1].",
    weight=20.0,
)
_define(
    {"s": 11},
    "arccos",
    numbers.arccos,
    "{out} = arccos({a})",
    "-({da} / sin({out}))",
    groups={"elementary": "s"},
    doc="Inverse cosine; NaN outside [-1, 1].",
    weight=20.0,
)
_define(
    {"s": 12},
    "arctan",
    numbers.arctan,
    "{out} = arctan({a})",
    "{da} / (1 + {a} * {a})",
    groups={"elementary": "s", "tables": "s"},
    doc="Inverse tangent.",
    weight=20.0,
)
_define(
    {"s": 13},
    "exp",
    numbers.exp,
    "{out} = exp({a})",
    "{out} * {da}",
    groups={"elementary": "s"},
    doc="Exponential; overflow is inf.",
    weight=20.0,
)
_define(
    {"s": 14},
    "log",
    numbers.log,
    "{out} = log({a})",
    "{da} / {a}",
    groups={"elementary": "s"},
    doc="Natural logarithm; -inf at 0, NaN below.",
    weight=20.0,
)
_define(
    {"s": 15},
    "scalar_heaviside",
    lambda a: type(a)(1.0 if a >= 0 else 0.0),
    "{out} = heaviside({a}, 1.0)",
    "0",
    groups={"piecewise": "s", "tables": "s"},
    doc="Step: 1 if a >= 0 else 0 (NaN gives 0).",
    numpy="np.where({a} >= 0, 1.0, 0.0)[()]",
    latex=r"\mathbf{1}\left[ {a} \geq 0 \right]",
)
_define(
    {"v": 16, "m": 17},
    "heaviside",
    lambda a: type(a)(1.0 if a > 0 else 0.0),
    "{out} = heaviside({a}, 1.0)",
    "0",
    groups={"piecewise": "vm", "network": "v", "tables": "v"},
    doc="Step: 1 where a > 0 else 0 (0 at 0: not as printed, as the reference computes it).",
    numpy="np.where({a} > 0, 1.0, 0.0)",
    latex=r"\mathbf{1}\left[ {a} > 0 \right]",
)
_LESSER = "(1 - heaviside({a} - {b})) * {da}", "heaviside({a} - {b}) * {db}"
_GREATER = "(1 - heaviside({b} - {a})) * {da}", "heaviside({b} - {a}) * {db}"
"""Derivatives of the smaller and the larger of two numbers: that of the one chosen."""

_define(
    {"s": 44, "v": 45},
    "minimum",
    numbers.second_if_less,
    "{out} = minimum({a}, {b})",
    *_LESSER,
    groups={"piecewise": "sv", "tables": "sv"},
    doc="b if b < a else a (a NaN on either side: a).",
    latex=r"\min\left( {a}, {b} \right)",
)
_define(
    {"m": 46},
    "matrix_minimum",
    numbers.first_if_less,
    "{out} = minimum({a}, {b})",
    *_LESSER,
    groups={"piecewise": "m"},
    doc="a if a < b else b (a NaN on either side: b).",
    latex=r"\min\left( {a}, {b} \right)",
)
_define(
    {"s": 47, "v": 48},
    "maximum",
    numbers.second_if_greater,
    "{out} = maximum({a}, {b})",
    *_GREATER,
    groups={"piecewise": "sv", "network": "v", "tables": "sv"},
    doc="b if a < b else a (a NaN on either side: a).",
    latex=r"\max\left( {a}, {b} \right)",
)
_define(
    {"m": 49},
    "matrix_maximum",
    numbers.first_if_greater,
    "{out} = maximum({a}, {b})",
    *_GREATER,
    groups={"piecewise": "m"},
    doc="a if a > b else b (a NaN on either side: b).",
    latex=r"\max\left( {a}, {b} \right)",
)
