"""Hurdles: evaluations in stages, each on more examples or tasks, that stop where a program falls behind.

At a hurdle a program is run on the first training examples of the first tasks. It goes on when its score
there is at least the hurdle's threshold: a percentile of the different scores that programs got at that hurdle
not long ago (Real et al. 2020, after So et al. 2019, progressive dynamic hurdles). Thresholds are 0 until as many
programs have come as set one, and again when a population starts afresh.

A program that is stopped gets its score times 2**-20, once for the last hurdle, twice for the one before it
and so on. So it is below every program that was evaluated in full, in the order of how far programs came and then of
their scores; and since the factor is a power of two, the hurdle and the score can be read off the fitness: a cached one
holds only as long as its score would still be stopped. Scores and fitness below 2**-20 count 0.
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
"""Fitness below this, but for 0, is of programs that a hurdle stopped."""

SAMPLES = 512
"""Evaluations that the proxy learns from: the newest ones of an island."""

SAMPLED = 16
"""One program in so many, chosen by its hash, is evaluated in full whatever it scores, for the proxy to learn from."""

_MOST = 1.0 - 2.0**-53
_SAMPLE_MASK = np.uint64(SAMPLED - 1)
_NONE = np.uint64(0)
CONSTANT, SIZE, STAGES, PER_STAGE = 0, 1, 2, 3
"""Features of a sample: 1, the size as a share of the greatest; then from STAGES on, for each hurdle, the mean, least and
greatest fitness of its tasks."""

FINAL, PREDICTED = 0, 1
"""The columns after the features: the fitness in the end, and what was predicted of it at the last hurdle."""


class Hurdles(NamedTuple):
    """An island's state at K hurdles.

    ``scores`` float64[K, W] are the newest scores, ``filled`` int64[K] how many there are; ``thresholds`` float64[K].
    ``reached`` int64[K + 1] counts programs at each hurdle, and those that were evaluated in full.
    ``samples`` float64[S, 2 + 3 K + 2] is a ring of what the proxy learns from, ``sampled`` int64[1] counts them;
    ``coefficients`` float64[K, 2 + 3 K] make a prediction at each hurdle, all 0 while there are none.
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
    features = STAGES + PER_STAGE * count
    return Hurdles(
        scores=aligned((count, search.hurdle_every), np.float64),
        filled=aligned(count, np.int64),
        thresholds=aligned(count, np.float64),
        reached=aligned(count + 1, np.int64),
        samples=aligned((SAMPLES if search.proxy else 0, features + 2), np.float64),
        sampled=aligned(1, np.int64),
        coefficients=aligned((count, features), np.float64),
    )


def lower(hurdles: Hurdles) -> None:
    """Let everything pass until new scores have come: the population is another one."""
    hurdles.filled[:] = 0
    hurdles.thresholds[:] = 0.0


def stage_tasks(tasks: TaskSet, stage: Hurdle) -> TaskSet:
    """What a hurdle evaluates on: validation examples are taken in the same share as training examples.

    Raises ``SettingsError`` when it is not less than the whole.
    """
    count, length = stage.tasks or tasks.tasks, int(tasks.train_X.shape[1])
    if count > tasks.tasks or stage.train > length:
        raise SettingsError(
            "hurdles", f"hurdle {stage}: there are only {tasks.tasks} tasks of {length} training examples"
        )
    if count == tasks.tasks and stage.train == length and tasks.epochs == 1:
        raise SettingsError("hurdles", f"hurdle {stage} is the whole evaluation; take fewer examples or tasks")
    valid = -(-int(tasks.valid_X.shape[1]) * stage.train // length)
    return tasks.beginning(count, stage.train, valid)


def costs(tasks: TaskSet, search: Search) -> list[float]:
    """The examples that each hurdle visits, as a share of a full evaluation's."""

    def visits(some: TaskSet) -> int:
        return some.tasks * (some.steps + some.steps // some.epoch_length * int(some.valid_X.shape[1]))

    return [visits(stage_tasks(tasks, stage)) / visits(tasks) for stage in search.hurdle_list]


@jit
def sort(values: Any) -> None:
    """Sort in place, without memory of its own (Shell's sort, gaps of Gonnet and Baeza-Yates)."""
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
    """The percentile of the different values, rounded down to one of them. Rearranges ``values``."""
    sort(values)
    unique = 1
    for i in range(1, values.size):
        if values[i] != values[unique - 1]:
            values[unique] = values[i]
            unique += 1
    return values[int(percentile * (unique - 1) / 100.0)]


@jit
def judge(hurdles: Hurdles, k: Any, score: Any, percentile: Any) -> Any:
    """Whether a score is enough; remembers it, and sets the hurdle anew when enough scores have come."""
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
    """Begin the features of a program; the sample becomes one when ``learn_from`` is told the fitness."""
    row = hurdles.samples[hurdles.sampled[0] % hurdles.samples.shape[0]]
    row[CONSTANT], row[SIZE] = 1.0, size


@jit
def observe(hurdles: Hurdles, k: Any, task_fitness: Any) -> None:
    """Write the features of a hurdle: mean, least and greatest fitness of its tasks."""
    row = hurdles.samples[hurdles.sampled[0] % hurdles.samples.shape[0]]
    total, least, most = 0.0, 1.0, 0.0
    for i in range(task_fitness.size):
        total += task_fitness[i]
        least, most = min(least, task_fitness[i]), max(most, task_fitness[i])
    at = STAGES + PER_STAGE * k
    row[at], row[at + 1], row[at + 2] = total / task_fitness.size, least, most


@jit
def predict(hurdles: Hurdles, k: Any, score: Any) -> Any:
    """The final fitness that the proxy expects of a program at a hurdle; its score as long as there is no proxy."""
    row, coefficients = hurdles.samples[hurdles.sampled[0] % hurdles.samples.shape[0]], hurdles.coefficients[k]
    known, total = False, 0.0
    for i in range(coefficients.size):
        if coefficients[i] != 0.0:
            known = True
            total += coefficients[i] * row[i]
    if known:
        score = total
    row[coefficients.size + PREDICTED] = score
    return score


@jit
def learn_from(hurdles: Hurdles, proxy: Any, key: Any, fitness: Any) -> Any:
    """The fitness of a program that was evaluated in full, as it counts; the proxy's sample is complete with it."""
    fitness = fitness if fitness >= STOPPED_BELOW else 0.0
    if proxy and is_sampled(key):
        size = hurdles.samples.shape[0]
        hurdles.samples[hurdles.sampled[0] % size, hurdles.coefficients.shape[1] + FINAL] = fitness
        hurdles.sampled[0] += 1
    return fitness


@inline
def is_sampled(key: Any) -> Any:
    """Whether the proxy learns from a program of this hash."""
    return (key & _SAMPLE_MASK) == _NONE


@inline
def bounded(score: Any) -> Any:
    """A score as hurdles compare it: in [2**-20, 1), or 0."""
    return min(score, _MOST) if score >= STOPPED_BELOW else 0.0


@inline
def stopped_fitness(score: Any, hurdles_left: Any) -> Any:
    """The fitness of a program that is stopped with so many hurdles left, the one that it fails among them."""
    for _ in range(hurdles_left):
        score *= STOPPED_BELOW
    return score


@jit
def would_pass(hurdles: Hurdles, fitness: Any) -> Any:
    """Whether a fitness is that of a program stopped with a score that passes by now."""
    if fitness == 0.0 or fitness >= STOPPED_BELOW:
        return False
    k, score = hurdles.thresholds.size - 1, fitness / STOPPED_BELOW
    while score < STOPPED_BELOW:
        k, score = k - 1, score / STOPPED_BELOW
    return score >= hurdles.thresholds[k]
