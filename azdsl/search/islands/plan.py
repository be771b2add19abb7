"""What is fixed before a run starts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.search.islands.run_state import State
from azdsl.search.islands.schedule import Schedule
from azdsl.search.islands.selection import Judge
from azdsl.search.kernel.space import Space

STOPS = ("max_evals", "timeout", "target", "patience")
"""Settings that may change when a run goes on."""


@dataclass(frozen=True)
class Plan:
    """All that is fixed before a run starts. ``experiment`` is as the run directory's files say it.

    ``spaces`` are the islands' own: ``space`` with what an island has for itself.
    ``costs`` are those of the hurdles, as shares of a full evaluation; ``groups`` is how many the tasks are dealt into.
    """

    experiment: Experiment
    space: Space
    spaces: tuple[Space, ...]
    judge: Judge
    schedule: Schedule
    costs: Sequence[float] = ()
    groups: int = 1

    @property
    def search(self) -> Search:
        """The search's settings."""
        return self.experiment.search

    @property
    def multiclass(self) -> bool:
        """Whether predictions are vectors."""
        return self.judge.select.multiclass

    @property
    def identity(self) -> str:
        """A digest of what a checkpoint belongs to: the experiment but for the settings that stop it."""
        return hashlib.blake2b(str(without_stops(self.experiment)).encode(), digest_size=16).hexdigest()

    def restarts(self, state: State) -> bool:
        """Whether populations start afresh after the epoch that runs."""
        restart = self.search.restart
        return restart is not None and self.schedule.end(state.epoch) - state.started >= restart

    def redraws(self, state: State) -> bool:
        """Whether islands take another group of tasks after the epoch that runs."""
        return self.groups > 1 and self.schedule.end(state.epoch) - state.drawn >= self.search.draw_after


def without_stops(experiment: Experiment) -> Experiment:
    """The experiment with the settings that stop a search at their defaults."""
    default = Search()
    return replace(experiment, search=replace(experiment.search, **{name: getattr(default, name) for name in STOPS}))
