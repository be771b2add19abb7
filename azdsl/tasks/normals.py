"""Standard normal numbers with the same bits on every machine.

NumPy's generator of uniform numbers uses integers only. That of normal numbers calls the C library, whose last bits differ between
processors, so that it is not used.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from azdsl.ops import coefficients as table
from azdsl.ops.elementary import MANTISSA, ONE_BITS, log_of_parts

Array = NDArray[np.float64]

CHUNK = 4096
"""Pairs of numbers that are computed at a time, so that they stay in the processor's cache. It does not change the result."""


def standard_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal numbers by Marsaglia's polar method (1964, doi:10.1137/1006063), two of each accepted pair of uniform numbers.

    Pairs of numbers uniform on [-1, 1) are drawn until there are enough; none is drawn in excess. The logarithm is the language's own.
    """
    count = math.prod(shape)
    found = np.empty((-(-count // 2), 2))
    done = 0
    while done < len(found):
        pairs = rng.random((min(CHUNK, len(found) - done), 2))
        pairs *= 2.0
        pairs -= 1.0
        x, y = pairs.T
        square = x * x + y * y
        good = np.flatnonzero((square > 0.0) & (square < 1.0))
        square = square[good]
        radius = np.sqrt(-2.0 * log(square) / square)
        np.multiply(pairs.take(good, axis=0), radius[:, None], out=found[done : done + len(good)])
        done += len(good)
    return found.ravel()[:count].reshape(shape)


def log(x: Array) -> Array:
    """``azdsl.ops.elementary.log`` of an array of positive normal numbers, with equal bits."""
    bits = x.view(np.int64) + (ONE_BITS - table.SQRT_HALF_BITS)
    k = (bits >> 52).astype(np.float64) - 1023.0
    bits &= MANTISSA
    bits += table.SQRT_HALF_BITS
    f = bits.view(np.float64) - 1.0
    return log_of_parts(k, f)
