"""The search's random number generator: xoshiro256++ (Blackman and Vigna 2019, https://prng.di.unimi.it/).

The state is an array of four uint64, which checkpoints contain. All functions use only integer and IEEE 754 arithmetic, so that a
random seed gives the same stream on every machine. The logarithm and the exponential are implemented here because those of C
libraries differ between machines.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.numba_jit import inline, multiply_high

Words = NDArray[np.uint64]

_17, _23, _41, _45, _19 = (np.uint64(n) for n in (17, 23, 41, 45, 19))
_11 = np.uint64(11)
_UNIT = 2.0**-53
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""ln 2 in two parts, the first with trailing zeros so that its products with small integers are exact."""
_EXP = tuple(1.0 / math.factorial(k) for k in range(14))
_ARTANH = tuple(1.0 / (2 * k + 1) for k in range(1, 12))
"""Coefficients of the two series, up to the precision of float64."""


def seeded(seed: int, island: int) -> Words:
    """The initial state of island number ``island`` for the random seed ``seed``. The streams of islands are independent."""
    state = aligned(4, np.uint64)
    state[:] = np.random.SeedSequence(seed, spawn_key=(island,)).generate_state(4, np.uint64)
    return state


@inline
def next_word(state: Words) -> Any:
    """The next 64 random bits."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << _23) | (total >> _41)) + s0
    shifted = s1 << _17
    s2 ^= s0
    s3 ^= s1
    state[1] = s1 ^ s2
    state[0] = s0 ^ s3
    state[2] = s2 ^ shifted
    state[3] = (s3 << _45) | (s3 >> _19)
    return result


@inline
def digit(word: Any, n: Any) -> Any:
    """A number below ``n`` from ``word``, and the rest of the word, from which the next digit can be taken.

    The word is a fraction of 2**64 (Lemire 2019, arXiv 1805.10941): of its product with n, the integer part is the digit and the
    fractional part is uniform again. The bias of several digits from one word is at most the product of their n in 2**64.
    """
    count = np.uint64(n)
    return np.int64(multiply_high(word, count)), word * count


@inline
def below(state: Words, n: Any) -> Any:
    """A uniform integer from 0 to n - 1."""
    return np.int64(multiply_high(next_word(state), np.uint64(n)))


@inline
def uniform(state: Words) -> Any:
    """A uniform float64 in [0, 1), a multiple of 2**-53."""
    return np.float64(np.int64(next_word(state) >> _11)) * _UNIT


@inline
def log(x: Any) -> Any:
    """Natural logarithm of a positive number: ln 2 times the exponent, plus the series of artanh."""
    fraction, exponent = math.frexp(x)
    if fraction < 0.7071067811865476:
        fraction *= 2.0
        exponent -= 1
    s = (fraction - 1.0) / (fraction + 1.0)
    square = s * s
    series = 0.0
    for k in range(len(_ARTANH) - 1, -1, -1):
        series = (series + _ARTANH[k]) * square
    return exponent * _LN2_HIGH + (exponent * _LN2_LOW + (2.0 * s * series + 2.0 * s))


@inline
def exp(x: Any) -> Any:
    """Exponential of a number within ±700: a power of two times the series of the remainder."""
    power = math.floor(x * 1.4426950408889634 + 0.5)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = 0.0
    for k in range(len(_EXP) - 1, -1, -1):
        series = series * rest + _EXP[k]
    return math.ldexp(series, int(power))


@inline
def normal(state: Words) -> Any:
    """A standard normal number (Marsaglia's polar method; the second number of the pair is discarded)."""
    while True:
        x = 2.0 * uniform(state) - 1.0
        y = 2.0 * uniform(state) - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            return x * math.sqrt(-2.0 * log(square) / square)
