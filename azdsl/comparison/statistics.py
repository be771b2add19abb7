"""Statistics of a comparison: success ratios, evaluations per success, speed-up over another algorithm.

The expected running time is the evaluations spent in all runs over the successes (Auger and
Hansen 2005, "Performance evaluation of an advanced local search evolutionary algorithm"): unlike the
mean over successful runs it includes failures. Intervals are for 95 % confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from azdsl.comparison.runs import Run

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

RESAMPLES = 1000
GRID = 120
"""The number of points of a curve, equidistant on a logarithmic axis."""


@dataclass(frozen=True)
class Row:
    """The row of the table for one algorithm or variant; None where a figure does not exist.

    ``needed`` is the expected running time in evaluations per success, ``times`` the baseline's divided by it, with its
    interval; the upper bound is None (unbounded) if the baseline never succeeded.
    """

    name: str
    runs: int
    median: float
    low_quartile: float
    high_quartile: float
    test_median: float
    evaluations: int
    successes: int | None = None
    success_low: float | None = None
    success_high: float | None = None
    needed: float | None = None
    times: float | None = None
    times_low: float | None = None
    times_high: float | None = None


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval for a probability (E. B. Wilson 1927)."""
    share, weight = successes / trials, Z * Z / trials
    centre = (share + weight / 2) / (1 + weight)
    reach = Z / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    return low, 1.0 if successes == trials else min(1.0, centre + reach)


def speedup(
    successes: int, spent: int, other_successes: int, other_spent: int
) -> tuple[float | None, float | None, float | None]:
    """The ratio of two rates of success per evaluation, and its interval; None where it is unbounded.

    Counts are modelled as Poisson, so given their sum the first is binomial. As a run has at most one success, the true
    variance is smaller and the interval conservative.
    """
    total = successes + other_successes
    if total == 0:
        return None, None, None
    low, high = wilson(successes, total)
    odds = [p / (1 - p) * other_spent / spent if p < 1 else None for p in (successes / total, low, high)]
    return odds[0], odds[1], odds[2]


def row(runs: Sequence[Run], other: Sequence[Run], with_target: bool) -> Row:
    """The row for the runs of one algorithm or variant, compared with ``other`` (may be empty)."""
    low, median, high = (float(q) for q in np.quantile([r.fitness for r in runs], (0.25, 0.5, 0.75)))
    spent = sum(run.evaluations for run in runs)
    line = Row(runs[0].name, len(runs), median, low, high, float(np.median([r.test for r in runs])), spent)
    if not with_target:
        return line
    successes = sum(run.reached for run in runs)
    between = wilson(successes, len(runs))
    times: tuple[float | None, float | None, float | None] = (None, None, None)
    if other:
        times = speedup(successes, spent, sum(run.reached for run in other), sum(run.evaluations for run in other))
    return replace(
        line,
        successes=successes,
        success_low=between[0],
        success_high=between[1],
        needed=spent / successes if successes else None,
        times=times[0],
        times_low=times[1],
        times_high=times[2],
    )


def grid(budget: int, first: int) -> NDArray[np.int64]:
    """The numbers of candidates, from ``first`` to ``budget``, at which curves have points."""
    return np.unique(np.round(np.geomspace(first, budget, GRID)).astype(np.int64))


def curves(runs: Sequence[Run], places: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """The best fitness and successes of one algorithm or variant at G numbers of candidates: a float64[G] for each name.

    ``mean`` with its bootstrap interval ``low``, ``high`` (percentiles, runs resampled); ``median`` with the
    quartiles; ``success`` (the share of runs) with Wilson's interval.
    """
    table = np.array([[run.at(place) for place in places] for run in runs])
    draws = np.random.default_rng(0).integers(len(runs), size=(RESAMPLES, len(runs)))
    low, high = np.quantile(table[draws].mean(axis=1), (0.025, 0.975), axis=0)
    quartiles = np.quantile(table, (0.25, 0.5, 0.75), axis=0)
    hits = [sum(run.needed is not None and run.needed <= place for run in runs) for place in places]
    bounds = np.array([wilson(hit, len(runs)) for hit in hits])
    return {
        "mean": table.mean(axis=0),
        "low": low,
        "high": high,
        "median": quartiles[1],
        "low_quartile": quartiles[0],
        "high_quartile": quartiles[2],
        "success": np.array(hits) / len(runs),
        "success_low": bounds[:, 0],
        "success_high": bounds[:, 1],
    }
