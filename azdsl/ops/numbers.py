"""Arithmetic on one number, as the language defines it.

A number is a Python float (binary64) or a ``numpy.float32``; every function returns its argument's
type, so one body serves both precisions. Additions, subtractions and multiplications are Python's own
operators: both types round them as IEEE 754 says. Division by zero has its IEEE value here. An elementary
function is the language's own (``elementary``); in float32 it is the float64 one, rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from azdsl.ops import elementary

Number = TypeVar("Number", bound=Any)
Unary = Callable[[Number], Number]


def divide(a: Number, b: Number) -> Number:
    """IEEE division: x/0 is an infinity of the right sign, 0/0 is NaN."""
    if b != 0:
        return a / b
    if a == 0 or a != a:
        return type(a)(math.nan)
    return type(a)(math.copysign(math.inf, a) * math.copysign(1.0, b))


def sqrt(a: Number) -> Number:
    """Square root, correctly rounded; NaN below zero."""
    return type(a)(math.sqrt(a)) if a >= 0 else type(a)(math.nan) if a != 0 else a


def _rounded(function: Callable[[float], float]) -> Unary[Any]:
    """A function of float64, its result rounded to the argument's type."""

    def apply(a: Number) -> Number:
        return type(a)(function(float(a)))

    return apply


sin = _rounded(elementary.sin)
cos = _rounded(elementary.cos)
tan = _rounded(elementary.tan)
arcsin = _rounded(elementary.arcsin)
arccos = _rounded(elementary.arccos)
arctan = _rounded(elementary.arctan)
exp = _rounded(elementary.exp)
log = _rounded(elementary.log)


def second_if_less(a: Number, b: Number) -> Number:
    """``b if b < a else a``: a NaN on either side gives a."""
    return b if b < a else a


def second_if_greater(a: Number, b: Number) -> Number:
    """``b if a < b else a``: a NaN on either side gives a."""
    return b if a < b else a


def first_if_less(a: Number, b: Number) -> Number:
    """``a if a < b else b``: a NaN on either side gives b."""
    return a if a < b else b


def first_if_greater(a: Number, b: Number) -> Number:
    """``a if a > b else b``: a NaN on either side gives b."""
    return a if a > b else b


def total(terms: Sequence[Number]) -> Number:
    """The sum, from left to right, starting with the first term and not with 0: a sum of -0.0 is -0.0."""
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def mean(terms: Sequence[Number]) -> Number:
    """Total over count."""
    return total(terms) / type(terms[0])(len(terms))


def norm(terms: Sequence[Number]) -> Number:
    """Square root of the total of squares."""
    return sqrt(total([x * x for x in terms]))


def std(terms: Sequence[Number]) -> Number:
    """sqrt(mean(x^2) - mean(x)^2), unclamped: NaN when rounding makes the difference negative."""
    centre = mean(terms)
    return sqrt(mean([x * x for x in terms]) - centre * centre)
