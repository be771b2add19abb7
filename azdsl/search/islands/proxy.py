"""The learned proxy, and what hurdles saved.

At each hurdle a linear model predicts the final fitness from the early part of the learning curve: from the
mean, least and greatest fitness of the tasks at this hurdle and those before it, and the program's size. It is fitted by ridge
regression, at the end of every epoch, to programs that were evaluated in full whatever the hurdles said, so that it does not learn from
survivors alone; and applied in the compiled loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.search.kernel.hurdles import FINAL, PER_STAGE, PREDICTED, STAGES, Hurdles, lower

LEAST_SAMPLES = 48
"""Samples that the first fit waits for."""

RIDGE = 1e-4
"""The penalty on squared coefficients, beside a mean of squared errors."""

UNIT = 2.0**-20
"""Coefficients are multiples of this, so that the last bits of a linear-algebra library do not matter."""


def fit(hurdles: Hurdles) -> None:
    """Fit the models of an island to its samples. The first fit lowers the hurdles: scores mean something else now."""
    samples = _samples(hurdles)
    features = hurdles.coefficients.shape[1]
    if len(samples) < LEAST_SAMPLES:
        return
    if not hurdles.coefficients.any():
        lower(hurdles)
    for k in range(len(hurdles.coefficients)):
        X, y = samples[:, : STAGES + PER_STAGE * (k + 1)], samples[:, features + FINAL]
        normal = X.T @ X + RIDGE * len(X) * np.eye(X.shape[1])
        hurdles.coefficients[k, : X.shape[1]] = np.round(np.linalg.solve(normal, X.T @ y) / UNIT) * UNIT


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Spearman's coefficient, equals sharing their mean rank; None when one of the two has no order."""
    if len(a) < 2 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def summary(many: Sequence[Hurdles], costs: Sequence[float]) -> dict[str, Any]:
    """What the hurdles of a run did, as JSON values.

    ``reached`` counts the programs at each hurdle and those evaluated in full, ``thresholds`` are those of each
    island. ``saved`` is the share of examples that need not be visited, of what evaluating in full all that came to the first
    hurdle would have taken: negative when the hurdles cost more than they save. With a proxy ``samples`` counts what it
    learned from, ``rank_correlation`` is that of its predictions, made before the fitness was known, and
    ``score_rank_correlation`` that of the plain scores at the last hurdle.
    """
    reached = np.sum([hurdles.reached for hurdles in many], axis=0)
    all_costs = np.array([*costs, 1.0])
    facts: dict[str, Any] = {
        "reached": reached.tolist(),
        "thresholds": [hurdles.thresholds.tolist() for hurdles in many],
        "saved": float(1.0 - (reached * all_costs).sum() / reached[0]) if reached[0] else 0.0,
    }
    if many[0].samples.size:
        samples, features = np.concatenate([_samples(hurdles) for hurdles in many]), many[0].coefficients.shape[1]
        final = samples[:, features + FINAL]
        facts |= {
            "samples": int(sum(hurdles.sampled[0] for hurdles in many)),
            "rank_correlation": rank_correlation(samples[:, features + PREDICTED], final),
            "score_rank_correlation": rank_correlation(samples[:, features - PER_STAGE], final),
        }
    return facts


def describe(facts: Mapping[str, Any]) -> str:
    """A summary in words."""
    first, *_, last = facts["reached"]
    text = f"{first - last:,} of {first:,} programs stopped; {100 * facts['saved']:.0f} % of the examples saved"
    if facts.get("rank_correlation") is not None and facts["score_rank_correlation"] is not None:
        text += (
            f"; rank correlation {facts['rank_correlation']:.2f} predicted, {facts['score_rank_correlation']:.2f} plain"
        )
    return text


def _samples(hurdles: Hurdles) -> NDArray[np.float64]:
    """The samples that are complete."""
    return hurdles.samples[: min(int(hurdles.sampled[0]), len(hurdles.samples))]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2.0
    return middles[places]
