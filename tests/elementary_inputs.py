"""Inputs for the elementary functions, their true values, and their lowering as a function of arrays."""

from __future__ import annotations

import math

import mpmath
import numpy as np

from azdsl.codegen import elementary
from azdsl.ops import coefficients as table

NAMES = tuple(elementary.FUNCTIONS)
TRUE = {
    **{name: getattr(mpmath, name) for name in ("exp", "log", "sin", "cos", "tan")},
    **{f"arc{name}": getattr(mpmath, f"a{name}") for name in ("sin", "cos", "tan")},
}
ANGLES = ("sin", "cos", "tan")
WIDE_BITS, NARROW_BITS = 1300, 160
"""Precision of true values: an angle of 2**1023 loses a thousand bits when it is reduced."""

_EDGES = (
    *(0.0, 5e-324, 2.0**-1074, 2.0**-1022, 1e-300, 2.0**-60, 2.0**-28, 0.5, 1.0, 1e308, 1.7976931348623157e308),
    *(709.782712893384, 709.7827128933841, 708.4, 745.13, 745.1332191019412, 745.14, 746.0, 747.0, 710.0, 711.0),
    *(math.sqrt(0.5), math.sqrt(2.0), math.log(2.0) / 2, math.pi / 4, math.pi / 2, math.pi, table.LARGE),
    *table.ATAN_BOUNDS,
    *(table.ASIN_NEAR_ONE, table.TAN_NEAR),
    6381956970095103.0 * 2.0**797,  # the float64 nearest to a multiple of π/2 (Muller, Elementary Functions, 11.2)
    *(k * math.pi / 2 for k in (3, 355, 710, 103993, 2**20 - 1, 2**20, 2**20 + 1, 2**40)),
)
EDGES = tuple(
    sign * near
    for edge in _EDGES
    for near in (edge, math.nextafter(edge, 0.0), math.nextafter(edge, math.inf))
    for sign in (1.0, -1.0)
)
"""Where a definition changes its course, and their neighbours, of either sign."""


def inputs(rng: np.random.Generator, count: int) -> np.ndarray:
    """The edges, infinities and NaN, then numbers of all magnitudes and of those where the functions change."""
    sign = rng.choice([-1.0, 1.0], count)
    ways = (
        rng.uniform(-1.0, 1.0, count),
        rng.standard_normal(count) * 10.0,
        sign * np.exp2(rng.uniform(-1074.0, 1023.9, count)),
        rng.uniform(-746.0, 710.0, count),
        rng.uniform(-2e6, 2e6, count),
        sign * np.exp2(rng.uniform(-60.0, 4.0, count)),
        sign * (1.0 - np.exp2(-rng.uniform(0.0, 53.0, count))),
        np.round(rng.uniform(0.0, 2.0**21, count)) * (math.pi / 2),
    )
    chosen = np.choose(rng.integers(0, len(ways), count), ways)
    special = np.array([*EDGES, math.inf, -math.inf, math.nan])[:count]
    chosen[: len(special)] = special
    return chosen


def ulps(name: str, x: float, y: float) -> float:
    """How far ``y`` is from the function's true value at ``x``, in units of the true value's last place."""
    with mpmath.workprec(WIDE_BITS if name in ANGLES and abs(x) > 1e6 else NARROW_BITS):
        true = TRUE[name](mpmath.mpf(x))
        near = float(true)
        if math.isinf(near) and math.isinf(y):
            return 0.0
        if math.isinf(y):  # the step after the greatest finite number
            y = math.copysign(2.0**1023, y)
            return float(abs(mpmath.mpf(y) * 2 - true) / mpmath.mpf(2) ** 971)
        return float(abs(mpmath.mpf(y) - true) / mpmath.mpf(math.ulp(near)))
