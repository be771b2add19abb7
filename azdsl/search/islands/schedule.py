"""When islands meet: how many candidates an epoch has, as a function of the settings and the tasks alone.

Nothing here looks at a clock: a schedule that depended on measured time would make results depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from azdsl.config.search import Search
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet

EPOCH_SECONDS = 0.5
"""What an epoch of one island should take on the machine that the constants below were measured on."""

CANDIDATE_SECONDS = 1.5e-6
"""Breeding one candidate, up to the caches."""

COST_SECONDS = 2.0e-10
"""One unit of an op's cost on one task."""

EVALUATED = 0.3
"""The share of an average program's cost that a candidate causes: dead code, caches and early stops save the rest."""

LONGEST, SHORTEST = 1 << 17, 16
WARM_UP = 4
"""Epochs before the first one of full length, each twice as long as the one before it."""


@dataclass(frozen=True)
class Schedule:
    """``length`` candidates of every island in each epoch; the first ``warm_up`` epochs are shorter."""

    length: int
    warm_up: int = 0

    def end(self, epoch: int) -> int:
        """Candidates of one island up to the end of ``epoch`` (which count from 0)."""
        short = sum(max(1, self.length >> (self.warm_up - k)) for k in range(min(epoch + 1, self.warm_up)))
        return short + self.length * max(0, epoch + 1 - self.warm_up)


def make_schedule(search: Search, space: Space, tasks: TaskSet) -> Schedule:
    """The schedule that ``search.epoch`` gives, or one of epochs of about half a second."""
    if search.epoch is not None:
        return Schedule(search.epoch)
    seconds = CANDIDATE_SECONDS + EVALUATED * COST_SECONDS * tasks.tasks * _expected_cost(space)
    length = SHORTEST
    while length < LONGEST and 2 * length * seconds <= EPOCH_SECONDS:
        length *= 2
    return Schedule(min(length, search.restart or length), WARM_UP)


def shares(total: int | None, islands: int) -> list[int | None]:
    """The candidates that each island may have in all, when together they may have ``total``."""
    if total is None:
        return [None] * islands
    return [total // islands + (island < total % islands) for island in range(islands)]


def _expected_cost(space: Space) -> float:
    """Work of evaluating a random program on one task, as the op table reckons it."""
    total = 0.0
    for f, function in enumerate(space.functions):
        first, count = int(function["first_op"]), int(function["op_count"])
        if count:
            codes = space.ops[first : first + count]
            length = (int(function["least"]) + int(function["most"])) / 2
            total += length * float(space.table["costs"][codes, f].mean())
    return min(total, space.budget)
