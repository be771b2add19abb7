"""The plan of a run, or of one of its stages: everything that is fixed before it starts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.ir import Metric
from azdsl.search.islands.run_state import RunState
from azdsl.search.islands.schedule import Schedule
from azdsl.search.islands.selection import Judge
from azdsl.search.kernel.space import Space
from azdsl.tasks import describe

STOPS = ("max_evals", "timeout", "target", "patience")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run without stages, or of a stage. ``experiment`` is the one that the files of the stage store.

    ``spaces`` are the search spaces of the islands, which may differ from ``space`` in their groups' settings. ``costs`` are the
    hurdles' shares of a full evaluation. ``groups`` is the number of task groups. ``given`` describes the
    tasks that are given from Python, and is empty without any.
    """

    experiment: Experiment
    space: Space
    spaces: tuple[Space, ...]
    judge: Judge
    schedule: Schedule
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
        restart = self.search.restart
        return (
            not state.ending and restart is not None and self.schedule.end(state.epoch) - state.restarted_at >= restart
        )

    def redraws(self, state: RunState) -> bool:
        """Whether the islands switch to another task group after the epoch that is running."""
        return self.groups > 1 and self.schedule.end(state.epoch) - state.regrouped_at >= self.search.draw_after


def without_stops(experiment: Experiment) -> Experiment:
    """The experiment with the settings ``STOPS`` at their defaults."""
    default = Search()
    return replace(experiment, search=replace(experiment.search, **{name: getattr(default, name) for name in STOPS}))
