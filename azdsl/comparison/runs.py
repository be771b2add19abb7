"""One run of a comparison: a search with one algorithm or variant and one random seed, and its stored figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.search.evolve import run as search
from azdsl.search.result import Result

EPOCHS = 100
"""The number of epochs of a run whose file sets no epoch: the curve is exact from the first hundredth of the budget."""

MOST = 1 << 17
"""The most candidates of such an epoch, so that Ctrl-C takes effect soon."""

Curve = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Run:
    """A finished run of the algorithm or variant ``name``.

    ``evaluations`` counts candidates. ``fitness`` is the best on the search tasks; ``selection`` and ``test`` are the fitness
    of the final program on the other tasks. ``reached``: ``selection`` is at least the target, after ``needed`` candidates.
    ``curve`` has (candidates, best fitness on the search tasks) at each milestone on the run's own tasks, not on those of its stages.
    """

    name: str
    seed: int
    evaluations: int
    fitness: float
    selection: float
    test: float
    reached: bool
    needed: int | None
    seconds: float
    program: str
    curve: Curve

    @property
    def key(self) -> tuple[str, int]:
        """The key of the run in a comparison."""
        return self.name, self.seed

    def at(self, evaluations: int) -> float:
        """The best fitness after ``evaluations`` candidates; 0 before the first milestone."""
        return max((fitness for when, fitness in self.curve if when <= evaluations), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Run:
        """The run from the values of ``as_dict``. Raises ``TypeError`` for other values."""
        curve = tuple((int(when), float(fitness)) for when, fitness in facts["curve"])
        return cls(**{**facts, "curve": curve})


def settings_of(search: Search, budget: int) -> Search:
    """The settings of every run except for the random seed: it stops after ``budget`` candidates."""
    shortest = max(1, min(MOST, budget // (EPOCHS * search.islands)))
    return replace(search, max_evals=budget, epoch=search.epoch or shortest)


def one_run(experiment: Experiment, name: str, seed: int, base_dir: Path, halt: Callable[[], bool]) -> Run | None:
    """Search with random seed ``seed`` in this thread; None if ``halt`` stopped the search."""
    settings = replace(experiment.search, seed=seed)
    halted = False

    def on_epoch(_: object) -> bool:
        nonlocal halted
        halted = halt()
        return halted

    result = search(replace(experiment, search=settings), base_dir=base_dir, workers=1, quiet=True, on_epoch=on_epoch)
    return None if halted or result.interrupted else _kept(name, result)


def _kept(name: str, result: Result) -> Run:
    """The stored figures of a result: of the program that was chosen, also where the run gives back the seed program."""
    ending = result.ending
    assert ending is not None and ending.selection_fitness is not None  # every run of a task statement has both
    settings = result.experiment.search
    own = len(result.experiment.stages) + 1
    events = [event for event in result.history if event.get("stage", own) == own]
    steps = [step for event in events for step in event.get("milestones", ())]
    curve = tuple((int(step["evaluations"]), float(step["fitness"])) for step in steps)
    reached = ending.selection_fitness >= settings.target
    return Run(
        name=name,
        seed=settings.seed,
        evaluations=result.evaluations,
        fitness=max((fitness for _, fitness in curve), default=0.0),
        selection=ending.selection_fitness,
        test=ending.chosen.fitness,
        reached=reached,
        needed=_needed(result) if reached else None,
        seconds=round(result.seconds, 3),
        program=ending.program,
        curve=curve,
    )


def _needed(result: Result) -> int:
    """Candidates up to the final program: exact if it is the last milestone, else up to the end of the run."""
    last: Mapping[str, Any] = result.history[-1] if result.history else {}
    steps: Iterable[Mapping[str, Any]] = last.get("milestones", ())
    return max((int(step["evaluations"]) for step in steps), default=result.evaluations)
