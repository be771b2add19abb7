"""The plan of a run, or of one of its stages: everything that is fixed before it starts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from azdsl.config.experiment import Experiment
from azdsl.config.search import Range, Search
from azdsl.ir import Metric
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.islands.run_state import RunState
from azdsl.search.islands.schedule import Schedules
from azdsl.search.islands.selection import Judge
from azdsl.search.kernel.space import Space
from azdsl.tasks import describe
from azdsl.taskset import TaskSet

STOPS = ("max_evals", "timeout", "target", "patience")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run without stages, or of a stage. ``experiment`` is the one that the files of the stage store.

    ``islands`` are the plans of the islands, which may differ from the plan in their groups' settings and tasks. ``task_sets`` are the
    tasks of the search: those of the run or stage, then those that islands have of their own. ``costs`` are the
    hurdles' shares of a full evaluation. ``groups`` is the number of task groups. ``given`` describes the
    tasks that are given from Python, and is empty without any.
    """

    experiment: Experiment
    space: Space
    islands: tuple[IslandPlan, ...]
    task_sets: tuple[TaskSet, ...]
    judge: Judge
    schedules: Schedules
    costs: Sequence[float] = ()
    groups: int = 1
    given: str = ""

    @property
    def search(self) -> Search:
        """The search's settings."""
        return self.experiment.search

    @property
    def tasks(self) -> str:
        """A description of the tasks; the path of a file is that of ``experiment``, so that a resumed run writes the same."""
        stated = [describe(self.experiment.task)] if self.experiment.task else []
        return "; ".join([*stated, *([self.given] if self.given else [])])

    @cached_property
    def own_tasks(self) -> dict[str, str]:
        """Descriptions of the tasks that islands have of their own, by the numbers of the islands."""
        return own_tasks(self.experiment)

    @property
    def metric(self) -> Metric:
        """The metric of the run's tasks."""
        return self.judge.search.metric_definition

    @property
    def identity(self) -> str:
        """A digest of the experiment without ``STOPS``: a checkpoint can only be used with the same identity."""
        return hashlib.blake2b(self._text.encode(), digest_size=16).hexdigest()

    @property
    def _text(self) -> str:
        return "\n".join([str(without_stops(self.experiment)), *map(str, self.experiment.further_seeds)])

    def restarts(self, state: RunState) -> bool:
        """Whether the populations are replaced by initial ones after the epoch that is running."""
        restart, end = self.search.restart, self.schedules.average(state.epoch)
        return not state.ending and restart is not None and end - state.restarted_at >= restart

    def redraws(self, state: RunState) -> bool:
        """Whether the islands switch to another task group after the epoch that is running."""
        return self.groups > 1 and self.schedules.average(state.epoch) - state.regrouped_at >= self.search.draw_after


def without_stops(experiment: Experiment) -> Experiment:
    """The experiment with the settings ``STOPS`` at their defaults."""
    default = Search()
    return replace(experiment, search=replace(experiment.search, **{name: getattr(default, name) for name in STOPS}))


def own_tasks(experiment: Experiment) -> dict[str, str]:
    """Descriptions of the tasks that islands have of their own, by the numbers of the islands, such as ``0..3``."""
    tasks = [experiment.island_task(number) for number in range(experiment.search.islands)]
    found, first = {}, 0
    for task, same in itertools.groupby(tasks):
        following = first + len(list(same))
        if task:
            found[str(Range(first, following - 1))] = describe(task)
        first = following
    return found
