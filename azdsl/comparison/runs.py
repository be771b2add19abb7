"""One run of a comparison: a search with one algorithm or variant and one seed, and what is kept of it."""

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

MEETINGS = 100
"""Epochs of a run whose file does not say: its curve is exact from the first hundredth of the budget on."""

MOST = 1 << 17
"""And the most candidates of an epoch, so that Ctrl-C is heeded soon."""

Curve = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Run:
    """A finished run. ``name`` is the algorithm, or the variant; ``curve`` has (candidates, best fitness in the search) at each step up.

    ``reached``: the answer's fitness on the selection tasks is the target or better; ``needed`` is how many
    candidates that took. ``evaluations`` counts all that were spent. ``fitness`` is the best in the search,
    ``selection`` and ``test`` are the answer's on the other tasks.
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
        """What tells it apart within a comparison."""
        return self.name, self.seed

    def at(self, evaluations: int) -> float:
        """The best fitness after that many candidates; 0 before the first is known."""
        return max((fitness for when, fitness in self.curve if when <= evaluations), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Run:
        """The run that ``as_dict`` gave. Raises ``TypeError`` on other values."""
        curve = tuple((int(when), float(fitness)) for when, fitness in facts["curve"])
        return cls(**{**facts, "curve": curve})


def settings_of(search: Search, budget: int) -> Search:
    """The settings of every run but the seed: they stop after ``budget`` candidates."""
    shortest = max(1, min(MOST, budget // (MEETINGS * search.islands)))
    return replace(search, max_evals=budget, epoch=search.epoch or shortest)


def one_run(experiment: Experiment, name: str, seed: int, base_dir: Path, halt: Callable[[], bool]) -> Run | None:
    """Search with that seed in this thread, for the contestant called ``name``; None if ``halt`` stopped it."""
    settings = replace(experiment.search, seed=seed)
    halted = False

    def on_epoch(_: object) -> bool:
        nonlocal halted
        halted = halt()
        return halted

    result = search(replace(experiment, search=settings), base_dir=base_dir, workers=1, quiet=True, on_epoch=on_epoch)
    return None if halted or result.interrupted else _kept(name, result)


def _kept(name: str, result: Result) -> Run:
    """What a comparison keeps of a result."""
    settings = result.experiment.search
    steps = [step for event in result.history for step in event.get("milestones", ())]
    curve = tuple((int(step["evaluations"]), float(step["fitness"])) for step in steps)
    reached = result.fitness >= settings.target
    return Run(
        name=name,
        seed=settings.seed,
        evaluations=result.evaluations,
        fitness=max((fitness for _, fitness in curve), default=0.0),
        selection=result.fitness,
        test=result.test_fitness,
        reached=reached,
        needed=_needed(result) if reached else None,
        seconds=round(result.seconds, 3),
        program=str(result.best),
        curve=curve,
    )


def _needed(result: Result) -> int:
    """Candidates up to the answer: exact where it is the best of its epoch, else up to that epoch's end."""
    last: Mapping[str, Any] = result.history[-1] if result.history else {}
    steps: Iterable[Mapping[str, Any]] = last.get("milestones", ())
    return max((int(step["evaluations"]) for step in steps), default=result.evaluations)
