"""The data of a run that charts and pages show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azdsl.config.experiment import Experiment
from azdsl.ir import METRICS, Metric, Program
from azdsl.search.islands.ending import Ending

_WIDE, _LEAST_ROOM = 0.4, 0.005
"""The range of fitness from which an axis goes from 0 to 1; the least margin of an axis with a smaller range."""


@dataclass(frozen=True)
class Milestone:
    """A candidate that was better by ``gain`` than all before it, after about ``evaluations`` candidates of all islands."""

    evaluations: int
    fitness: float
    gain: float
    island: int
    candidate: int
    program: Program


@dataclass(frozen=True)
class Member:
    """A program of the hall of fame. ``file`` is its name in the run directory, None without a directory."""

    size: int
    fitness: float
    island: int
    candidate: int
    program: Program
    file: str | None = None


@dataclass(frozen=True)
class Run:
    """A run, from its directory or from a result.

    ``fitness`` is that on the selection tasks; it, ``test_fitness`` and ``search_fitness`` are None until they are known.
    ``history`` has the record of each epoch, ``settings`` the tables of ``config.toml``. ``ending`` is what was found beside the seed,
    ``fec_sample`` the check of the cache; both are None until the run has ended. ``from_python``: tasks of a split were given from Python.
    ``proposals``: programs were proposed from outside.
    """

    name: str
    experiment: Experiment
    best: Program
    metric: str
    evaluations: int
    seconds: float
    stopped: str | None
    fitness: float | None
    test_fitness: float | None
    search_fitness: float | None
    task_fitness: Sequence[float]
    layers: Mapping[str, int]
    history: Sequence[Mapping[str, Any]]
    milestones: Sequence[Milestone]
    front: Sequence[Member]
    settings: Mapping[str, Mapping[str, Any]]
    seed_text: str
    version: str
    ending: Ending | None = None
    fec_sample: Mapping[str, int] | None = None
    from_python: bool = False
    proposals: bool = False

    @property
    def metric_definition(self) -> Metric:
        """The metric with its registers and its rules."""
        return METRICS[self.metric]


CLOSE = 0.045
"""The least distance of numbered dots, across or up, as a share of the chart: closer ones would overlap."""


def main_milestones(milestones: Sequence[Milestone], most: int) -> list[int]:
    """The indices of at most ``most`` milestones, in order: the last one and those with the greatest gains.

    A gain is divided by the remaining error before it, so that late milestones count as well.
    """

    def share(milestone: Milestone) -> float:
        left = 1.0 - (milestone.fitness - milestone.gain)
        return milestone.gain / left if left > 0.0 else 0.0

    if not milestones:
        return []
    spread = math.log(max(2.0, milestones[-1].evaluations / max(1, milestones[0].evaluations)))

    def close(a: Milestone, b: Milestone) -> bool:
        apart = abs(math.log(max(1, a.evaluations) / max(1, b.evaluations))) / spread
        return apart < CLOSE and abs(a.fitness - b.fitness) < CLOSE

    last = len(milestones) - 1
    chosen = [last]
    for n in sorted(range(last), key=lambda n: -share(milestones[n])):
        if len(chosen) < most and not any(close(milestones[n], milestones[other]) for other in chosen):
            chosen.append(n)
    return sorted(chosen)


def fitness_range(fitness: Sequence[float]) -> tuple[float, float]:
    """The range of an axis: from 0 to 1, or around values that are close to each other."""
    low, high = min(fitness), max(fitness)
    if high - low > _WIDE:
        return 0.0, 1.0
    room = max((high - low) / 4.0, _LEAST_ROOM)
    return max(0.0, low - room), min(1.0, high + room)


def stage_starts(run: Run) -> list[float]:
    """The candidates after which each stage but the first began."""
    pairs = zip(run.history, run.history[1:], strict=False)
    return [float(e["evaluations"]) for e, after in pairs if e.get("stage") != after.get("stage")]


def best_curve(run: Run) -> list[tuple[float, float]]:
    """The best fitness by candidates: the corners of a step curve, ascending in both, but for the fitness where a stage begins."""
    points = [(float(m.evaluations), m.fitness) for m in run.milestones]
    points += [(float(event["evaluations"]), float(event["best"])) for event in run.history]
    if run.search_fitness is not None:
        points.append((float(run.evaluations), run.search_fitness))
    curve: list[tuple[float, float]] = []
    # With task groups, the best is 0 in events until programs were evaluated on all search tasks.
    known = [point for point in points if point[1] > 0.0] or points
    starts = stage_starts(run)
    for at, fitness in sorted(known):
        began = bool(starts) and at > starts[0]
        starts = [start for start in starts if start >= at]
        if not curve or began or fitness > curve[-1][1]:
            curve.append((at, fitness))
    if curve and run.evaluations > curve[-1][0]:
        curve.append((float(run.evaluations), curve[-1][1]))
    return curve
