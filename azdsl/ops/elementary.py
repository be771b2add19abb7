"""The language's own exp, log, sin, cos, tan, arcsin, arccos and arctan on float64: fixed sequences of IEEE operations.

Each is less than 1 ulp from the true value. The C library's functions have other last bits on other processors. Here every
step is an addition, subtraction, multiplication, division, square root, comparison or integer operation, so that every
machine gives the same bits. The methods are those of fdlibm (Sun Microsystems 1993); the order of operations is this file's, and
the lowering (``codegen.elementary``) repeats it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from azdsl.ops import coefficients as table

Number = TypeVar("Number", float, NDArray[np.float64])

_HIGH_WORD = 0xFFFFFFFF00000000
_ALL_BITS = (1 << 64) - 1
MANTISSA = (1 << 52) - 1
"""The bits of a float64's mantissa."""
ONE_BITS = 0x3FF << 52
"""The bits of 1.0."""
_WINDOW = 192
"""Bits of 2/π that reduce a large argument."""
_GUARD = 62
"""Places before the binary point of 2/π, as zeros, plus the place of the first bit that counts."""


def exp(x: float) -> float:
    """Exponential; overflow gives inf, underflow 0. It is 2**k · e**r with |r| <= ln(2)/2."""
    if math.isnan(x):
        return x
    x = min(max(x, table.EXP_LEAST), table.EXP_MOST)
    k = (x * table.INVERSE_LN2 + table.ROUND) - table.ROUND
    high, low = x - k * table.LN2_HIGH, k * table.LN2_LOW
    r = high - low
    error = (high - r) - low
    value = 1.0 + (r + (r * r * estrin(table.EXP, r) + error))
    # In two steps, so that no power of two overflows: subnormal results are rounded once, at the second.
    half = (int(k) + 2048 >> 1) - 1024
    return value * 2.0**half * 2.0 ** (int(k) - half)


def log(x: float) -> float:
    """Natural logarithm; -inf at 0, NaN below. It is k · ln 2 + ln(1 + f) with 1 + f from sqrt(1/2) to sqrt(2)."""
    if x == 0.0:
        return -math.inf
    if not 0.0 < x < math.inf:
        return x if x > 0.0 or math.isnan(x) else math.nan
    subnormal = x < 2.0**-1022
    bits = _bits(x * 2.0**54 if subnormal else x) + (ONE_BITS - table.SQRT_HALF_BITS)
    k = float(bits >> 52) - (1023.0 + 54.0 if subnormal else 1023.0)
    f = _float((bits & MANTISSA) + table.SQRT_HALF_BITS) - 1.0
    return log_of_parts(k, f)


def log_of_parts(k: Number, f: Number) -> Number:
    """The logarithm k · ln 2 + ln(1 + f), 1 + f from sqrt(1/2) to sqrt(2), of floats or of arrays with equal bits."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    series = w * horner(table.LOG_EVEN, w) + z * horner(table.LOG_ODD, w)
    half_square = 0.5 * f * f
    return (s * (half_square + series) + k * table.LN2_LOW) - half_square + f + k * table.LN2_HIGH


def sin(x: float) -> float:
    """Sine of radians; NaN of an infinity."""
    if not math.isfinite(x) or x == 0.0:
        return x if x == 0.0 else math.nan
    quadrant, high, low = reduce(x)
    value = _cos(high, low) if quadrant & 1 else _sin(high, low)
    return -value if quadrant & 2 else value


def cos(x: float) -> float:
    """Cosine of radians; NaN of an infinity."""
    if not math.isfinite(x):
        return math.nan
    quadrant, high, low = reduce(x)
    value = _sin(high, low) if quadrant & 1 else _cos(high, low)
    return -value if (quadrant + 1) & 2 else value


def tan(x: float) -> float:
    """Tangent of radians; NaN of an infinity."""
    if not math.isfinite(x) or x == 0.0:
        return x if x == 0.0 else math.nan
    quadrant, high, low = reduce(x)
    sign = 1.0 - 2.0 * (quadrant & 1)
    far = abs(high) >= table.TAN_NEAR
    negative = far and high < 0.0
    if negative:
        high, low = -high, -low
    if far:
        high, low = (table.PIO4_HIGH - high) + (table.PIO4_LOW - low), 0.0
    z = high * high
    w = z * z
    cube = z * high
    series = horner(table.TAN[1::2], w) + z * horner(table.TAN[2::2], w)
    rest = low + z * (cube * series + low) + cube * table.TAN[0]
    value = high + rest
    if far:
        turned = sign - 2.0 * (high + (rest - value * value / (value + sign)))
        return -turned if negative else turned
    if sign > 0.0:
        return value
    inverse = -1.0 / value
    value_top, inverse_top = _top(value), _top(inverse)
    return inverse_top + inverse * (1.0 + inverse_top * value_top + inverse_top * (rest - (value_top - high)))


def arctan(x: float) -> float:
    """Inverse tangent, expanded around the nearest of 0, 1/2, 1, 3/2 and infinity."""
    if math.isnan(x):
        return x
    a = abs(x)
    region = sum(a >= bound for bound in table.ATAN_BOUNDS)
    above = (a, 2.0 * a - 1.0, a - 1.0, a - 1.5, -1.0)[region]
    below = (1.0, 2.0 + a, a + 1.0, 1.0 + 1.5 * a, a)[region]
    t = above / below
    z = t * t
    w = z * z
    series = z * horner(table.ATAN_EVEN, w) + w * horner(table.ATAN_ODD, w)
    value = table.ATAN_HIGH[region] - ((t * series - table.ATAN_LOW[region]) - t)
    return math.copysign(value, x)


def arcsin(x: float) -> float:
    """Inverse sine; NaN outside [-1, 1]."""
    a = abs(x)
    if not a <= 1.0:
        return math.nan
    if a < 0.5:
        return x + x * _asin_rest(x * x)
    z = (1.0 - a) * 0.5
    s = math.sqrt(z)
    r = _asin_rest(z)
    if a >= table.ASIN_NEAR_ONE:
        value = table.PIO2_HIGH - (2.0 * (s + s * r) - table.PIO2_LOW)
    else:
        top = _top(s)
        c = (z - top * top) / (s + top)
        value = table.PIO4_HIGH - ((2.0 * s * r - (table.PIO2_LOW - 2.0 * c)) - (table.PIO4_HIGH - 2.0 * top))
    return math.copysign(value, x)


def arccos(x: float) -> float:
    """Inverse cosine; NaN outside [-1, 1]."""
    a = abs(x)
    if not a <= 1.0:
        return math.nan
    if a < 0.5:
        return table.PIO2_HIGH - (x - (table.PIO2_LOW - x * _asin_rest(x * x)))
    z = (1.0 - a) * 0.5
    s = math.sqrt(z)
    r = _asin_rest(z)
    if x < 0.0:
        return 2.0 * (table.PIO2_HIGH - (s + (r * s - table.PIO2_LOW)))
    top = _top(s)
    c = (z - top * top) / (s + top) if x < 1.0 else 0.0
    return 2.0 * (top + (r * s + c))


def reduce(x: float) -> tuple[int, float, float]:
    """``x`` as quadrant · π/2 + high + low: the quadrant modulo 4 and a sum from -π/4 to π/4. ``x`` is finite."""
    if abs(x) >= table.LARGE:
        quadrant, high, low = _reduce_large(abs(x))
        return (quadrant, high, low) if x > 0.0 else (-quadrant & 3, -high, -low)
    n = (x * table.TWO_OVER_PI + table.ROUND) - table.ROUND
    first = x - n * table.PIO2[0]
    second, second_error = _difference(first, n * table.PIO2[1])
    third, third_error = _difference(second, n * table.PIO2[2])
    tail = (second_error + third_error) - n * table.PIO2[3]
    high = third + tail
    return int(n) & 3, high, (third - high) + tail


def _reduce_large(x: float) -> tuple[int, float, float]:
    """``reduce`` for a large positive number (Payne and Hanek 1983): x · 2/π modulo 4, in integers of 192 bits."""
    bits = _bits(x)
    mantissa, power = bits & MANTISSA | 1 << 52, (bits >> 52) - 1075
    start = (
        power + _GUARD
    )  # the first bit of 2/π, after 64 zeros, whose product with the mantissa is not a multiple of 4
    window = table.TWO_OVER_PI_BITS >> 64 + table.TWO_OVER_PI_LENGTH - start - _WINDOW & (1 << _WINDOW) - 1
    product = mantissa * window & (1 << _WINDOW) - 1
    limbs = [product << 2 >> shift & 0xFFFFFFFF for shift in (160, 128, 96, 64, 32)]
    negative = limbs[0] >> 31
    quadrant = (product >> _WINDOW - 2) + negative & 3
    parts = [float(limbs[0] - (negative << 32)) * 2.0**-32]
    parts += [float(limb) * 2.0 ** (-32 * at) for at, limb in enumerate(limbs[1:], 2)]
    first, rest = _sum(parts[0], parts[1])
    second, rest = _sum(rest, parts[2])
    third, rest = _sum(rest, parts[3])
    fourth = rest + parts[4]
    high, rest = _sum(first, second)
    middle, rest_of_middle = _sum(rest, third)
    high, low = _sum(high, middle)
    low = low + (rest_of_middle + fourth)
    value, error = _product(high, table.PIO2_HIGH)
    error = error + (high * table.PIO2_LOW + low * table.PIO2_HIGH)
    total = value + error
    return quadrant, total, (value - total) + error


def _sin(high: float, low: float) -> float:
    """Sine of a sum from -π/4 to π/4."""
    z = high * high
    cube = z * high
    series = horner(table.SIN[1:], z)
    return high - ((z * (0.5 * low - cube * series) - low) - cube * table.SIN[0])


def _cos(high: float, low: float) -> float:
    """Cosine of a sum from -π/4 to π/4."""
    z = high * high
    w = z * z
    series = z * horner(table.COS[:3], z) + w * w * horner(table.COS[3:], z)
    half = 0.5 * z
    value = 1.0 - half
    return value + (((1.0 - value) - half) + (z * series - high * low))


def _asin_rest(z: float) -> float:
    return z * horner(table.ASIN_NUMERATOR, z) / horner(table.ASIN_DENOMINATOR, z)


def horner(coefficients: Sequence[float], x: Number) -> Number:
    """A polynomial of a number or an array, the constant term first, by Horner's rule."""
    value: Number = coefficients[-2] + x * coefficients[-1]
    for coefficient in coefficients[-3::-1]:
        value = coefficient + x * value
    return value


def estrin(coefficients: Sequence[float], x: float) -> float:
    """A polynomial, the constant term first, by Estrin's rule: neighbours are combined, then neighbours of these."""
    values = list(coefficients)
    while len(values) > 1:
        pairs = [a + x * b for a, b in zip(values[::2], values[1::2], strict=False)]
        values, x = pairs + values[2 * len(pairs) :], x * x
    return values[0]


def _sum(a: float, b: float) -> tuple[float, float]:
    """A + b, and its rounding error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _difference(a: float, b: float) -> tuple[float, float]:
    """A - b, and its rounding error."""
    total = a - b
    part = total - a
    return total, (a - (total - part)) - (b + part)


def _product(a: float, b: float) -> tuple[float, float]:
    """A · b, and its rounding error (Dekker)."""
    total = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return total, ((a_high * b_high - total) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: float) -> tuple[float, float]:
    scaled = table.SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def _bits(x: float) -> int:
    """A float64's 64 bits."""
    return int.from_bytes(struct.pack("<d", x), "little")


def _float(bits: int) -> float:
    """The float64 of 64 bits."""
    value: float = struct.unpack("<d", (bits & _ALL_BITS).to_bytes(8, "little"))[0]
    return value


def _top(x: float) -> float:
    """A number without the lower 32 bits of its mantissa."""
    return _float(_bits(x) & _HIGH_WORD)
