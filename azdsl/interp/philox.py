"""Random draws: the generator Philox 4x32-10 (Salmon et al. 2011) and the distributions that programs draw from.

A counter-based generator is a pure function of counter and key, so a draw depends only on its position in an evaluation
and not on earlier draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azdsl.ops import Kind, elementary

ROUNDS = 10
_WORD = 0xFFFFFFFF
_MULTIPLIER = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)

Words = tuple[int, int, int, int]


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Four random 32-bit words from a counter of four words and a key of two words."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        first, second = _MULTIPLIER[0] * x0, _MULTIPLIER[1] * x2
        x0, x1, x2, x3 = second >> 32 ^ x1 ^ k0, second & _WORD, first >> 32 ^ x3 ^ k1, first & _WORD
        k0, k1 = k0 + _WEYL[0] & _WORD, k1 + _WEYL[1] & _WORD
    return x0, x1, x2, x3


def seed_key(seed: int) -> tuple[int, int]:
    """The key of a random seed: its low 32 bits and its high 32 bits."""
    return seed & _WORD, seed >> 32 & _WORD


def unit_interval(low: int, high: int) -> float:
    """A float64 in [0, 1) from the upper 53 of 64 random bits."""
    return float((high << 32 | low) >> 11) * 2.0**-53


def standard_uniform(words: Words) -> float:
    """Uniform on [0, 1), float64."""
    return unit_interval(words[0], words[1])


def standard_normal(words: Words) -> float:
    """Standard normal by the Box-Muller transform, float64."""
    u1, u2 = unit_interval(words[0], words[1]), unit_interval(words[2], words[3])
    return math.sqrt(-2.0 * elementary.log(1.0 - u1)) * elementary.cos(2.0 * math.pi * u2)


@dataclass(frozen=True, slots=True)
class Draws:
    """The random source of one instruction in one visit of one task.

    ``number`` is the number type, ``float`` or ``numpy.float32``. The standard draw is computed in float64 and rounded to
    ``number``; scaling and shifting are computed in ``number``.
    """

    key: tuple[int, int]
    draw: int
    visit: int
    task: int
    features: int
    number: Callable[[float], Any]

    def uniform(self, low: Any, high: Any, kind: Kind) -> Any:
        """A number, list or list of rows of uniform draws between ``low`` and ``high``, which may be in either order."""
        least, most = (high, low) if low > high else (low, high)
        width = most - least
        return self._fill(kind, lambda words: least + width * self.number(standard_uniform(words)))

    def gaussian(self, mean: Any, std: Any, kind: Kind) -> Any:
        """A number, list or list of rows of normal draws."""
        return self._fill(kind, lambda words: mean + std * self.number(standard_normal(words)))

    def _fill(self, kind: Kind, entry: Callable[[Words], Any]) -> Any:
        counters = (
            (element, self.draw & _WORD, self.visit & _WORD, self.task & _WORD)
            for element in range(kind.size(self.features))
        )
        entries = [entry(philox(counter, self.key)) for counter in counters]
        if kind is Kind.SCALAR:
            return entries[0]
        if kind is Kind.VECTOR:
            return entries
        return [entries[start : start + self.features] for start in range(0, len(entries), self.features)]
