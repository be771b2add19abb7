"""The methods of tuning. All move the logarithms of the constants' absolute values and keep the signs.

A method proposes points; the fitness on the search tasks ranks them; the next method starts from the best.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from azdsl.ops import elementary
from azdsl.tasks.normals import standard_normal
from azdsl.tuning.constants import Point, rounded

RANGE = 100.0
"""Random search multiplies a constant by a factor between 1 / RANGE and RANGE, log-uniformly."""

BATCH = 16
"""The batch size of local search; random search has twice the size."""

WIDEST, NARROWEST = elementary.log(3.0), 0.003
"""The first standard deviation of local search, and the one (or the step length) at which a method ends, in logarithms."""

WIDEN, NARROW = 1.3, 0.6
"""The factors of the standard deviation after a batch with an improvement, and after one without."""

LENGTHS = (2.0, 1.0, 0.5, 0.25, 0.125, 0.0625)
"""The step lengths of a batch along a gradient, in multiples of the current length."""

APART = 0.1
"""The least difference between two finalists, in the logarithm of some constant."""

_STREAM = 0x7C2E
"""The stream of random numbers of the methods: no other use of the random seed has it."""

Slope = Callable[[Point], NDArray[np.float64] | None]
"""The gradient of the loss in the logarithms of the constants; None where there is none."""


@dataclass
class Trials:
    """The evaluated points with their fitness, the budget in evaluations, and the deadline (``time.monotonic``).

    ``evaluate`` gives the fitness of several points. ``spent`` counts evaluations.
    """

    evaluate: Callable[[Sequence[Point]], Sequence[float]]
    budget: int
    deadline: float = math.inf
    known: dict[Point, float] = field(default_factory=dict)
    spent: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether the budget is spent or the deadline has passed."""
        return self.spent >= self.budget or time.monotonic() >= self.deadline

    @property
    def best(self) -> Point:
        """The point with the greatest fitness; of equals the first."""
        return max(self.known, key=self.known.__getitem__)

    def fittest(self, count: int) -> list[Point]:
        """The best ``count`` points of which any two differ by ``APART`` in the logarithm of some constant.

        Close points have nearly the same fitness on all tasks, so that a comparison on the selection tasks would not help.
        """
        found: list[Point] = []
        logs: list[NDArray[np.float64]] = []
        for point in sorted(self.known, key=lambda point: -self.known[point]):
            mine = np.array([elementary.log(abs(value)) for value in point])
            if all(np.abs(other - mine).max() >= APART for other in logs):
                found.append(point)
                logs.append(mine)
            if len(found) == count:
                break
        return found

    def spend(self, evaluations: int) -> None:
        """Count work that takes as long as ``evaluations`` evaluations."""
        self.spent += evaluations

    def improve(self, points: Iterable[Point]) -> bool:
        """Evaluate new points within the budget; whether one is better than all before."""
        new = [point for point in dict.fromkeys(points) if point not in self.known]
        new = [] if self.exhausted else new[: self.budget - self.spent]
        if not new:
            return False
        before = max(self.known.values(), default=-math.inf)
        self.known |= zip(new, map(float, self.evaluate(new)), strict=True)
        self.spent += len(new)
        return max(self.known.values()) > before


def run_methods(
    trials: Trials, first: Point, methods: Sequence[str], seed: int, make_slope: Callable[[], Slope]
) -> tuple[tuple[str, int, float], ...]:
    """Run the methods, each with an equal share of the budget and the remainder of the earlier ones.

    Returns for each its name, and the evaluations and the best fitness at its end. ``make_slope`` makes the gradient.
    """
    progress, budget = [], trials.budget
    for number, name in enumerate(methods, 1):
        trials.budget = budget * number // len(methods)
        rng = np.random.default_rng(np.random.SeedSequence((seed, _STREAM, number)))
        match name:
            case "random":
                random_search(trials, first, rng)
            case "local":
                local_search(trials, rng)
            case "gradient":
                gradient_search(trials, make_slope())
        progress.append((name, trials.spent, max(trials.known.values())))
    return tuple(progress)


def random_search(trials: Trials, start: Point, rng: np.random.Generator) -> None:
    """Log-uniform factors around ``start``; each constant changes with probability 1/2, at least one."""
    while not trials.exhausted:
        logs = elementary.log(RANGE) * (2.0 * rng.random((2 * BATCH, len(start))) - 1.0)
        _try(trials, start, np.where(_some(rng, logs.shape), logs, 0.0))


def local_search(trials: Trials, rng: np.random.Generator) -> None:
    """Gaussian steps from the best point, wider after a success and narrower after a failure."""
    spread = WIDEST
    while not trials.exhausted and spread > NARROWEST:
        best = trials.best
        logs = spread * standard_normal(rng, (BATCH, len(best)))
        spread *= WIDEN if _try(trials, best, np.where(_some(rng, logs.shape), logs, 0.0)) else NARROW


def gradient_search(trials: Trials, slope: Slope) -> None:
    """Steps of several lengths against the gradient of the loss, until the fitness no longer improves.

    A gradient counts as two evaluations per constant. The method ends if the gradient is 0 or not finite.
    """
    length = WIDEST
    direction = None
    while not trials.exhausted and length > NARROWEST:
        best = trials.best
        if direction is None:
            direction = slope(best)
            trials.spend(2 * len(best))
            size = 0.0 if direction is None else float(np.abs(direction).max())
            if direction is None or not (math.isfinite(size) and size > 0.0):
                return
            direction = direction / -size
        if _try(trials, best, np.outer([length * factor for factor in LENGTHS], direction)):
            direction = None
        else:
            length *= LENGTHS[-1] / 2.0


def _some(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The constants of each point that change: each with probability 1/2, at least one."""
    chosen = rng.random(shape) < 0.5
    chosen[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = True
    return chosen


def _try(trials: Trials, centre: Point, logs: NDArray[np.float64]) -> bool:
    """Evaluate ``centre`` with its constants multiplied by the exponentials of each row of ``logs``."""
    factors = [[elementary.exp(change) for change in row] for row in np.clip(logs, -50.0, 50.0).tolist()]
    rows = np.array(centre) * np.array(factors)
    return trials.improve(tuple(map(rounded, row.tolist())) for row in rows if np.isfinite(row).all() and row.all())
