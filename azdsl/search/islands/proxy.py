"""The learned proxy of the fitness, and the summary of the hurdles.

At each hurdle a linear model predicts the full fitness from the mean, least and greatest fitness of the tasks at this and earlier
hurdles, and from the program's size. The compiled loop applies the model. It is fitted by ridge regression at the end of every epoch,
to a sample of programs that are evaluated in full whatever their scores, so that the sample is not biased to programs that passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl import sums
from azdsl.search.kernel.hurdles import FINAL, FIRST_HURDLE, PER_HURDLE, PREDICTED, Hurdles, reset_thresholds

LEAST_SAMPLES = 48
"""Samples needed for the first fit."""

RIDGE = 1e-4
"""The penalty on squared coefficients, relative to the mean of squared errors."""


def fit(hurdles: Hurdles) -> None:
    """Fit the models of an island to its samples. The first fit resets the thresholds, since scores become predictions."""
    samples = _samples(hurdles)
    features = hurdles.coefficients.shape[1]
    if len(samples) < LEAST_SAMPLES:
        return
    if not hurdles.coefficients.any():
        reset_thresholds(hurdles)
    for k in range(len(hurdles.coefficients)):
        X, y = samples[:, : FIRST_HURDLE + PER_HURDLE * (k + 1)], samples[:, features + FINAL]
        normal = sums.total(X[:, :, None] * X[:, None, :]) + RIDGE * len(X) * np.eye(X.shape[1])
        hurdles.coefficients[k, : X.shape[1]] = solve(normal, sums.total(X * y[:, None]))


def solve(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The solution [n] of linear equations with a positive definite matrix [n, n], by Gauss and Jordan's elimination.

    A linear-algebra library has other last bits on another processor, and a search amplifies every difference.
    """
    rows = np.concatenate([matrix, right[:, None]], axis=1)
    for k in range(len(rows)):
        rows[k] /= rows[k, k]
        others = np.arange(len(rows)) != k
        rows[others] -= rows[others, k, None] * rows[k]
    solution: NDArray[np.float64] = rows[:, -1]
    return solution


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Spearman's rank correlation; equal values share their mean rank. None if all values of ``a`` or ``b`` are equal."""
    if len(a) < 2 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return None
    x, y = (_ranks(values) - (len(values) + 1) / 2.0 for values in (a, b))
    # Ranks start at 1 and are multiples of 1/2, so that these sums are exact.
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def summary(by_island: Sequence[Hurdles], costs: Sequence[float]) -> dict[str, Any]:
    """The results of a run's hurdles, as JSON values.

    ``reached`` counts the programs at each hurdle and those evaluated in full. ``thresholds`` are those of each island. ``saved``
    is the share of examples not visited, of those that full evaluations of all programs at the first hurdle would visit. It is
    negative when hurdles cost more than they save. With a proxy, ``samples`` counts its samples, ``rank_correlation`` is that
    between its predictions at the last hurdle and the full fitness, and ``score_rank_correlation`` that between the scores there
    and the full fitness.
    """
    reached = np.sum([hurdles.reached for hurdles in by_island], axis=0)
    all_costs = np.array([*costs, 1.0])
    found: dict[str, Any] = {
        "reached": reached.tolist(),
        "thresholds": [hurdles.thresholds.tolist() for hurdles in by_island],
        "saved": float(1.0 - (reached * all_costs).sum() / reached[0]) if reached[0] else 0.0,
    }
    if by_island[0].samples.size:
        features = by_island[0].coefficients.shape[1]
        samples = np.concatenate([_samples(hurdles) for hurdles in by_island])
        final = samples[:, features + FINAL]
        found |= {
            "samples": int(sum(hurdles.sampled[0] for hurdles in by_island)),
            "rank_correlation": rank_correlation(samples[:, features + PREDICTED], final),
            "score_rank_correlation": rank_correlation(samples[:, features - PER_HURDLE], final),
        }
    return found


def describe(found: Mapping[str, Any]) -> str:
    """The text of a ``summary``."""
    first, *_, last = found["reached"]
    text = f"{first - last:,} of {first:,} programs stopped; {100 * found['saved']:.0f} % of the examples saved"
    predicted, score = found.get("rank_correlation"), found.get("score_rank_correlation")
    if predicted is not None and score is not None:
        text += f"; rank correlation with the full fitness {predicted:.2f} (proxy), {score:.2f} (score)"
    return text


def _samples(hurdles: Hurdles) -> NDArray[np.float64]:
    """The complete samples."""
    return hurdles.samples[: min(int(hurdles.sampled[0]), len(hurdles.samples))]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2.0
    return middles[places]
