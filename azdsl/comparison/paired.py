"""Two programs on the same tasks: the mean difference and its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BISECTIONS = 60
"""The number of bisections after which a float has its full precision."""


@dataclass(frozen=True)
class Difference:
    """The fitness of one program minus that of another, on the same tasks.

    ``low`` and ``high`` bound the mean's 95 % confidence interval (Student's t over tasks); None for one task. ``better`` and
    ``worse`` count tasks.
    """

    mean: float
    low: float | None
    high: float | None
    better: int
    worse: int
    tasks: tuple[float, ...]


def difference(fitness: Sequence[float], other: Sequence[float]) -> Difference:
    """The first program's fitness on each task [T] minus the other's [T]."""
    lost = np.subtract(fitness, other)
    mean, count = float(lost.mean()), len(lost)
    reach = t_quantile(0.95, count - 1) * float(lost.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return Difference(
        mean,
        None if reach is None else mean - reach,
        None if reach is None else mean + reach,
        int((lost > 0).sum()),
        int((lost < 0).sum()),
        tuple(lost.tolist()),
    )


def t_quantile(confidence: float, freedom: int) -> float:
    """The bound of the absolute value of a variable of Student's distribution with probability ``confidence``."""
    low, high = 0.0, math.pi / 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if t_probability(middle, freedom) > confidence:
            high = middle
        else:
            low = middle
    return math.sqrt(freedom) * math.tan(low)


def t_probability(angle: float, freedom: int) -> float:
    """The probability of ``|t| <= sqrt(freedom) * tan(angle)``, by Abramowitz and Stegun 26.7.3 and 26.7.4."""
    odd = freedom % 2
    sine, cosine = math.sin(angle), math.cos(angle)
    steps = np.arange(1 + odd, freedom - 1, 2, dtype=np.float64)
    ratios = steps / (steps + 1) * (cosine * cosine)
    terms = 1.0 + float(np.cumprod(ratios).sum())
    if not odd:
        return sine * terms
    return (angle + (sine * cosine * terms if freedom > 1 else 0.0)) * 2 / math.pi
