"""Coefficients of the language's own exp, log, sin, cos, tan, arcsin, arccos and arctan.

The definition (``ops.elementary``) and the lowering (``codegen.elementary``) share this table and nothing else. The numbers
for log, sin, cos, tan, arcsin, arccos and arctan are those of fdlibm (Sun Microsystems 1993), a public set of minimax
approximations; those of exp are the Taylor series'.
"""

from __future__ import annotations

import math

ROUND = 1.5 * 2.0**52
"""Added to a number and subtracted again, this rounds it to the nearest integer, ties to even, if it is below 2**51."""

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""ln 2 as a sum. The high part ends in 21 zero bits: its product with an exponent is exact."""

EXP_LEAST, EXP_MOST = -746.0, 710.0
"""Beyond these the exponential is 0 or infinite."""
INVERSE_LN2 = 1.44269504088896338700e00
EXP = tuple(1.0 / math.factorial(k) for k in range(2, 14))
"""exp(r) = 1 + r + r² · (these, from the constant term), for |r| <= ln(2)/2."""

SQRT_HALF_BITS = 0x3FE6A09E00000000
"""The float64 that starts the interval of mantissas that log uses, about sqrt(1/2), as its bits."""
LOG_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
LOG_ODD = (6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860510658591e-01)
"""log(1 + f) in powers of s², s = f / (2 + f): ``LOG_ODD`` are the coefficients of s², s⁶, …, ``LOG_EVEN`` of s⁴, s⁸, …"""

TWO_OVER_PI = 6.36619772367581382433e-01
PIO2 = (1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624871116645580e-21, 8.47842766036889956997e-32)
"""π/2 as a sum. The first three parts have 33 bits: their products with an integer below 2**20 are exact."""
PIO2_HIGH, PIO2_LOW = 1.57079632679489655800e00, 6.12323399573676603587e-17
"""π/2 as a sum of two float64."""
LARGE = 2.0**20 * PIO2_HIGH
"""From here on the argument of sin, cos and tan is reduced in integers."""
TWO_OVER_PI_BITS = int(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561"
    "b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484"
    "e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980f"
    "ef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b"
    "3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babf0cfbc209af4361d",
    16,
)
"""The first 1280 bits of 2/π."""
TWO_OVER_PI_LENGTH = 1280
SPLIT = 2.0**27 + 1.0
"""Dekker's constant, which splits a float64 into two halves of 26 bits."""

SIN = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
"""sin(x) = x + x³ · (these in powers of x²), for |x| <= π/4."""
COS = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)
"""cos(x) = 1 - x²/2 + x⁴ · (these in powers of x²), for |x| <= π/4."""
TAN = (
    3.33333333333334091986e-01,
    1.33333333333201242699e-01,
    5.39682539762260521377e-02,
    2.18694882948595424599e-02,
    8.86323982359930005737e-03,
    3.59207910759131235356e-03,
    1.45620945432529025516e-03,
    5.88041240820264096874e-04,
    2.46463134818469906812e-04,
    7.81794442939557092300e-05,
    7.14072491382608190305e-05,
    -1.85586374855275456654e-05,
    2.59073051863633712884e-05,
)
"""tan(x) = x + x³ · (these in powers of x²), for |x| <= ``TAN_NEAR``."""
TAN_NEAR = 0.67434
PIO4_HIGH, PIO4_LOW = 7.85398163397448278999e-01, 3.06161699786838301793e-17
"""π/4 as a sum."""

ATAN_BOUNDS = (0.4375, 0.6875, 1.1875, 2.4375)
"""Where arctan changes the point that it expands around: 0, 1/2, 1, 3/2 and infinity."""
ATAN_HIGH = (
    0.0,
    4.63647609000806093515e-01,
    7.85398163397448278999e-01,
    9.82793723247329054082e-01,
    1.57079632679489655800e00,
)
ATAN_LOW = (
    0.0,
    2.26987774529616870924e-17,
    3.06161699786838301793e-17,
    1.39033110312309984516e-17,
    6.12323399573676603587e-17,
)
"""arctan of these points, as sums."""
ATAN_EVEN = (
    3.33333333333329318027e-01,
    1.42857142725034663711e-01,
    9.09088713343650656196e-02,
    6.66107313738753120669e-02,
    4.97687799461593236017e-02,
    1.62858201153657823623e-02,
)
ATAN_ODD = (
    -1.99999999998764832476e-01,
    -1.11111104054623557880e-01,
    -7.69187620504482999495e-02,
    -5.83357013379057348645e-02,
    -3.65315727442169155270e-02,
)
"""arctan(x) = x - x · (sum of ``ATAN_EVEN`` of x², x⁶, … and of ``ATAN_ODD`` of x⁴, x⁸, …), for |x| <= 7/16."""

ASIN_NUMERATOR = (
    1.66666666666666657415e-01,
    -3.25565818622400915405e-01,
    2.01212532134862925881e-01,
    -4.00555345006794114027e-02,
    7.91534994289814532176e-04,
    3.47933107596021167570e-05,
)
ASIN_DENOMINATOR = (
    1.0,
    -2.40339491173441421878e00,
    2.02094576023350569471e00,
    -6.88283971605453293030e-01,
    7.70381505559019352791e-02,
)
"""arcsin(x) = x + x · z · numerator / denominator, both in powers of z = x², for |x| <= 1/2."""
ASIN_NEAR_ONE = 0.975
"""From here on arcsin needs no correction of the square root."""
