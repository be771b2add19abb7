"""The schedule of exchanges: the number of candidates of each epoch, a function of the settings and the tasks alone.

It never depends on measured time, since results would then depend on it too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from azdsl import sums
from azdsl.config.search import Search
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet

EPOCH_SECONDS = 0.5
"""Intended time of one island's epoch, on the machine on which the constants below were measured."""

CANDIDATE_SECONDS = 1.5e-6
"""Time to breed one candidate and look it up in the caches."""

COST_SECONDS = 2.0e-10
"""Time of one unit of an op's cost on one task."""

EVALUATED = 0.3
"""Cost of a candidate as a share of an average program's cost. Dead code, caches and early stops save the rest."""

LONGEST, SHORTEST = 1 << 17, 16
"""Limits of an epoch's length, in candidates."""

WARM_UP = 4
"""Epochs before the first epoch of full length; each is twice as long as the previous one."""


@dataclass(frozen=True)
class Schedule:
    """Every epoch of a stage has ``length`` candidates per island; its first ``warm_up`` epochs are shorter.

    The stage begins with epoch ``first``, after ``begin`` candidates per island.
    """

    length: int
    warm_up: int = 0
    first: int = 0
    begin: int = 0

    def end(self, epoch: int) -> int:
        """Candidates of one island up to the end of ``epoch`` (counted from 0)."""
        epochs = epoch + 1 - self.first
        short = sum(max(1, self.length >> (self.warm_up - k)) for k in range(min(epochs, self.warm_up)))
        return self.begin + short + self.length * max(0, epochs - self.warm_up)


def make_schedule(search: Search, space: Space, tasks: TaskSet) -> Schedule:
    """The schedule with ``search.epoch`` candidates per epoch; by default epochs take about ``EPOCH_SECONDS``."""
    if search.epoch is not None:
        return Schedule(search.epoch)
    seconds = CANDIDATE_SECONDS + EVALUATED * COST_SECONDS * tasks.tasks * _expected_cost(space)
    length = SHORTEST
    while length < LONGEST and 2 * length * seconds <= EPOCH_SECONDS:
        length *= 2
    return Schedule(min(length, search.restart or length), WARM_UP)


@dataclass(frozen=True)
class Schedules:
    """The schedules of all islands, by island. Epochs begin and end together, though islands may have other numbers of candidates."""

    each: tuple[Schedule, ...]

    @cached_property
    def _counts(self) -> Counter[Schedule]:
        """How many islands have each schedule."""
        return Counter(self.each)

    def total(self, epoch: int) -> int:
        """Candidates of all islands up to the end of ``epoch``."""
        return sum(count * schedule.end(epoch) for schedule, count in self._counts.items())

    def average(self, epoch: int) -> int:
        """Candidates of an island up to the end of ``epoch``; the average where islands differ."""
        return self.total(epoch) // len(self.each)

    def end(self, island: int, epoch: int, limit: int | None) -> int:
        """Candidates of an island when it waits: at the end of ``epoch``, or at its share of a ``limit`` for all islands.

        The candidates of an epoch that the limit cuts are shared as those of a complete epoch are.
        """
        schedule = self.each[island]
        if limit is None or self.total(epoch) <= limit:
            return schedule.end(epoch)
        before = self.total(epoch - 1)
        left, complete = max(0, limit - before), self.total(epoch) - before

        def share(one: Schedule) -> int:
            return left * (one.end(epoch) - one.end(epoch - 1)) // complete

        rest = left - sum(count * share(one) for one, count in self._counts.items())
        return schedule.end(epoch - 1) + share(schedule) + (island < rest)

    def candidate(self, island: int, birth: int, epoch: int) -> int:
        """About how many candidates all islands had when an island had ``birth``, at its own pace in ``epoch``."""
        own, before = self.each[island], self.total(epoch - 1)
        since, length = birth - own.end(epoch - 1), own.end(epoch) - own.end(epoch - 1)
        reached = max(0, before + since * (self.total(epoch) - before) // length) + island + 1
        return min(reached, self.total(epoch))

    def starting(self, epoch: int, others: Schedules) -> Schedules:
        """The schedules of a stage that begins with ``epoch``, where ``others`` end."""
        each = zip(self.each, others.each, strict=True)
        return Schedules(tuple(replace(own, first=epoch, begin=before.end(epoch - 1)) for own, before in each))


def _expected_cost(space: Space) -> float:
    """Cost of evaluating a random program on one task, computed from the op table."""
    total = 0.0
    for f, function in enumerate(space.functions):
        first, count = int(function["first_op"]), int(function["op_count"])
        if count:
            codes = space.ops[first : first + count]
            length = (int(function["least"]) + int(function["most"])) / 2
            total += length * float(sums.mean(space.table["costs"][codes, f]))
    return min(total, space.budget)
