"""Two programs on the same tasks: the mean difference and its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from azdsl import sums
from azdsl.ops import elementary

BISECTIONS = 60
"""The number of bisections after which a float has its full precision."""


@dataclass(frozen=True)
class Difference:
    """The fitness of one program minus that of another, on the same tasks.

    ``error`` is the standard error of the mean, ``low`` and ``high`` bound its 95 % confidence interval (Student's t over
    tasks); None where it cannot be told. ``better`` and ``worse`` count tasks.
    """

    mean: float
    low: float | None
    high: float | None
    better: int
    worse: int
    tasks: tuple[float, ...]
    error: float | None = None


def difference(
    fitness: Sequence[float], other: Sequence[float], overlap: float = 0.0, halves: bool = False
) -> Difference:
    """The first program's fitness on each task [T] minus the other's [T].

    Tasks that validate on random m of the same M rows are not independent: two of them have m/M of their rows in common, so
    the variance over tasks is too small by the factor 1 - m/M, and more tasks do not make the mean more certain than M rows
    allow. ``overlap`` is m / (M - m), 0 for independent tasks. The variance of the mean over T tasks is estimated as
    (1/T + overlap) times that over tasks (Nadeau and Bengio 2003, "Inference for the generalization error"). An infinite
    overlap, where all tasks validate on the same rows, leaves no interval.

    With ``halves``, tasks 2k and 2k+1 have the same training examples and validate on the two halves of the rows. Then half
    the difference within a pair is the error of the mean by the choice of rows (balanced half-samples, McCarthy 1969), the
    variance over pairs is that by training, and the variances of both add up; Student's t is over pairs.
    """
    lost = np.subtract(fitness, other)
    mean, count = float(sums.mean(lost)), len(lost)
    known = count > 1 and math.isfinite(overlap)
    error = float(sums.deviation(lost, 1)) * math.sqrt(1.0 / count + overlap) if known else None
    freedom = count - 1
    if halves and count >= 4 and count % 2 == 0:
        first, second = lost[0::2], lost[1::2]
        by_rows = float(sums.mean((first - second) ** 2)) / 4.0
        training = float(sums.deviation((first + second) / 2.0, 1))
        error, freedom = math.sqrt(by_rows + training * training / len(first)), len(first) - 1
    reach = None if error is None else t_quantile(0.95, freedom) * error
    return Difference(
        mean,
        None if reach is None else mean - reach,
        None if reach is None else mean + reach,
        int((lost > 0).sum()),
        int((lost < 0).sum()),
        tuple(lost.tolist()),
        error,
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
    return math.sqrt(freedom) * elementary.tan(low)


def t_probability(angle: float, freedom: int) -> float:
    """The probability of ``|t| <= sqrt(freedom) * tan(angle)``, by Abramowitz and Stegun 26.7.3 and 26.7.4."""
    odd = freedom % 2
    sine, cosine = elementary.sin(angle), elementary.cos(angle)
    steps = np.arange(1 + odd, freedom - 1, 2, dtype=np.float64)
    ratios = steps / (steps + 1) * (cosine * cosine)
    terms = 1.0 + float(np.cumsum(np.cumprod(ratios))[-1]) if len(ratios) else 1.0
    if not odd:
        return sine * terms
    return (angle + (sine * cosine * terms if freedom > 1 else 0.0)) * 2 / math.pi
