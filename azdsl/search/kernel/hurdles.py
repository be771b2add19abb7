"""Hurdles: early-stopping thresholds, each on more examples or tasks than the one before it.

At a hurdle a program is evaluated on the first training examples of the first tasks. It passes when its score is at least the
hurdle's threshold: a percentile of the distinct scores of the latest ``hurdle_every`` programs at this hurdle (Real et al. 2020,
after the progressive dynamic hurdles of So et al. 2019). A threshold is 0 until ``hurdle_every`` programs reached its hurdle, and
is reset when the population is replaced.

The fitness of a stopped program is its score times 2**-20, once for the last hurdle, twice for the hurdle before it and so on. It is
below the fitness of every program that was evaluated in full. Stopped programs are ordered by the hurdle that stopped them, then by
score. Since the factor is a power of two, the hurdle and the score can be recovered from the fitness; a cached fitness is valid only
while its score is below the present threshold. Scores and fitness below 2**-20 count as 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.numba_jit import inline, jit
from azdsl.config.search import Hurdle, Search, SettingsError
from azdsl.taskset import TaskSet

STOPPED_BELOW = 2.0**-20
"""A fitness below this value and not 0 is that of a program that a hurdle stopped."""

SAMPLES = 512
"""Evaluations that the proxy is fitted to: the latest ones of an island."""

SAMPLED = 16
"""One program in 16, chosen by its hash, is evaluated in full whatever its scores: a sample for the proxy."""

_MOST = 1.0 - 2.0**-53
_SAMPLE_MASK = np.uint64(SAMPLED - 1)
_NONE = np.uint64(0)
CONSTANT, SIZE, FIRST_HURDLE, PER_HURDLE = 0, 1, 2, 3
"""Columns of a sample's features: the constant 1; the size as a share of the greatest size; from ``FIRST_HURDLE`` on,
``PER_HURDLE`` columns for each hurdle: mean, least and greatest fitness of its tasks."""

FINAL, PREDICTED = 0, 1
"""Columns after the features: the fitness of the full evaluation, and its prediction at the last hurdle."""


class Hurdles(NamedTuple):
    """The state of K hurdles of an island.

    ``scores`` float64[K, W] are the latest scores and ``filled`` int64[K] their number; ``thresholds`` float64[K].
    ``reached`` int64[K + 1] counts the programs at each hurdle and those evaluated in full. ``samples``
    float64[S, 2 + 3 K + 2] is a ring buffer of the proxy's samples, ``sampled`` int64[1] counts all samples so far.
    ``coefficients`` float64[K, 2 + 3 K] are the proxy's linear model at each hurdle, 0 until its first fit.
    """

    scores: NDArray[np.float64]
    filled: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    reached: NDArray[np.int64]
    samples: NDArray[np.float64]
    sampled: NDArray[np.int64]
    coefficients: NDArray[np.float64]


def make_hurdles(search: Search) -> Hurdles:
    """The state before the first program."""
    count = len(search.hurdle_list)
    features = FIRST_HURDLE + PER_HURDLE * count
    return Hurdles(
        scores=aligned((count, search.hurdle_every), np.float64),
        filled=aligned(count, np.int64),
        thresholds=aligned(count, np.float64),
        reached=aligned(count + 1, np.int64),
        samples=aligned((SAMPLES if search.proxy else 0, features + 2), np.float64),
        sampled=aligned(1, np.int64),
        coefficients=aligned((count, features), np.float64),
    )


def reset_thresholds(hurdles: Hurdles) -> None:
    """Reset all thresholds to 0 and discard the scores. Call this when the population is replaced."""
    hurdles.filled[:] = 0
    hurdles.thresholds[:] = 0.0


def hurdle_tasks(tasks: TaskSet, place: Hurdle) -> TaskSet:
    """The tasks and examples of a hurdle. The share of validation examples equals the share of training examples.

    Raises ``SettingsError`` when the hurdle has more examples or tasks than ``tasks``, or all of them.
    """
    count, length = place.tasks or tasks.tasks, int(tasks.train_X.shape[1])
    if count > tasks.tasks or place.train > length:
        raise SettingsError(
            "hurdles", f"hurdle {place}: there are only {tasks.tasks} tasks of {length} training examples"
        )
    if count == tasks.tasks and place.train == length and tasks.epochs == 1:
        raise SettingsError("hurdles", f"hurdle {place} is the full evaluation; choose fewer examples or tasks")
    valid = -(-int(tasks.valid_X.shape[1]) * place.train // length)
    return tasks.beginning(count, place.train, valid)


def costs(tasks: TaskSet, search: Search) -> list[float]:
    """The number of examples visited at each hurdle, as a share of those of a full evaluation."""
    return [hurdle_tasks(tasks, place).visits / tasks.visits for place in search.hurdle_list]


@jit
def sort(values: Any) -> None:
    """Sort in place without further memory (Shell's sort with the gaps of Gonnet and Baeza-Yates)."""
    gap = values.size
    while gap > 1:
        gap = max(1, gap * 5 // 11)
        for i in range(gap, values.size):
            value, at = values[i], i
            while at >= gap and values[at - gap] > value:
                values[at] = values[at - gap]
                at -= gap
            values[at] = value


@jit
def percentile_of_unique(values: Any, percentile: Any) -> Any:
    """The percentile of the distinct values, rounded down to one of them. Rearranges ``values``."""
    sort(values)
    unique = 1
    for i in range(1, values.size):
        if values[i] != values[unique - 1]:
            values[unique] = values[i]
            unique += 1
    return values[int(percentile * (unique - 1) / 100.0)]


@jit
def judge(hurdles: Hurdles, k: Any, score: Any, percentile: Any) -> Any:
    """Whether a score passes hurdle ``k``. Records the score, and updates the threshold when the record is full."""
    scores, at = hurdles.scores[k], hurdles.filled[k]
    enough = score >= hurdles.thresholds[k]
    scores[at] = score
    hurdles.filled[k] = at + 1
    if at + 1 == scores.size:
        hurdles.thresholds[k] = percentile_of_unique(scores, percentile)
        hurdles.filled[k] = 0
    return enough


@inline
def start_sample(hurdles: Hurdles, size: Any) -> None:
    """Start the features of a program. ``learn_from`` completes the sample with the fitness."""
    row = hurdles.samples[hurdles.sampled[0] % hurdles.samples.shape[0]]
    row[CONSTANT], row[SIZE] = 1.0, size


@jit
def observe(hurdles: Hurdles, k: Any, task_fitness: Any) -> None:
    """Write the features of hurdle ``k``: mean, least and greatest fitness of its tasks."""
    row = hurdles.samples[hurdles.sampled[0] % hurdles.samples.shape[0]]
    total, least, most = 0.0, 1.0, 0.0
    for i in range(task_fitness.size):
        total += task_fitness[i]
        least, most = min(least, task_fitness[i]), max(most, task_fitness[i])
    at = FIRST_HURDLE + PER_HURDLE * k
    row[at], row[at + 1], row[at + 2] = total / task_fitness.size, least, most


@jit
def predict(hurdles: Hurdles, k: Any, score: Any) -> Any:
    """The proxy's prediction of the full fitness at hurdle ``k``; ``score`` until the proxy has been fitted."""
    row, coefficients = hurdles.samples[hurdles.sampled[0] % hurdles.samples.shape[0]], hurdles.coefficients[k]
    fitted, total = False, 0.0
    for i in range(coefficients.size):
        if coefficients[i] != 0.0:
            fitted = True
            total += coefficients[i] * row[i]
    if fitted:
        score = total
    row[coefficients.size + PREDICTED] = score
    return score


@jit
def learn_from(hurdles: Hurdles, proxy: Any, program_hash: Any, fitness: Any) -> Any:
    """The fitness of a program after its full evaluation, 0 if below 2**-20. Completes the proxy's sample with it."""
    fitness = fitness if fitness >= STOPPED_BELOW else 0.0
    if proxy and is_sampled(program_hash):
        size = hurdles.samples.shape[0]
        hurdles.samples[hurdles.sampled[0] % size, hurdles.coefficients.shape[1] + FINAL] = fitness
        hurdles.sampled[0] += 1
    return fitness


@inline
def is_sampled(program_hash: Any) -> Any:
    """Whether the program with this canonical hash is a sample for the proxy."""
    return (program_hash & _SAMPLE_MASK) == _NONE


@inline
def bounded(score: Any) -> Any:
    """A score limited to the range that hurdles compare: [2**-20, 1), or 0."""
    return min(score, _MOST) if score >= STOPPED_BELOW else 0.0


@inline
def stopped_fitness(score: Any, hurdles_left: Any) -> Any:
    """The fitness of a stopped program. ``hurdles_left`` counts the hurdles that it did not pass."""
    for _ in range(hurdles_left):
        score *= STOPPED_BELOW
    return score


@jit
def would_pass(hurdles: Hurdles, fitness: Any) -> Any:
    """Whether a fitness is that of a stopped program whose score would pass the present threshold."""
    if fitness == 0.0 or fitness >= STOPPED_BELOW:
        return False
    k, score = hurdles.thresholds.size - 1, fitness / STOPPED_BELOW
    while score < STOPPED_BELOW:
        k, score = k - 1, score / STOPPED_BELOW
    return score >= hurdles.thresholds[k]
