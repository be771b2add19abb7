"""Figures on images: the network of the CIFAR-10 example, and its search with and without hurdles.

CIFAR-10 is not part of azdsl: its figures are measured where its folder is given. scikit-learn's digits are everybody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from azdsl.api import evaluate
from azdsl.bench.engine import LIMITS, RUNNERS, TRAININGS, shortest
from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.searches import NEVER
from azdsl.bench.workloads import CIFAR10
from azdsl.bench.yardstick import Unavailable
from azdsl.config.experiment import Experiment
from azdsl.config.image_tasks import Projected
from azdsl.search.display.progress import Snapshot
from azdsl.search.evolve import run
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment
from azdsl.tasks import build
from azdsl.taskset import TaskError

CANDIDATES, EPOCH = 6000, 500
"""Candidates of a search after its first epoch, and candidates per epoch."""

NO_FOLDER = "name the folder of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html): azdsl bench --data FOLDER"


@dataclass(frozen=True)
class Source:
    """An image set: its name, its experiment, and hurdles that suit the number of training examples."""

    name: str
    words: str
    make: Callable[[], Experiment]
    hurdles: str


def _cifar10(folder: Path | None) -> Experiment:
    """The unchanged example: ten tasks, F = 16, 8000 + 1000 examples."""
    if folder is None:
        raise Unavailable(NO_FOLDER)
    return override(load_experiment(CIFAR10), {"data": str(folder.resolve())})


def _digits() -> Experiment:
    """The example on pairs of digits: 50 epochs of 160 examples are 8000 training steps."""
    task = Projected(images="digits", features=16, tasks=10, train=160, valid=40, epochs=50)
    try:
        build(task, 0, "search")
    except TaskError as error:
        raise Unavailable(str(error)) from error
    return replace(load_experiment(CIFAR10), task=task)


def _training(source: Source, backend: str, scale: Scale) -> Callable[[], Sample]:
    experiment = source.make()
    assert experiment.task
    tasks = build(experiment.task, 0, "search")
    fitness = evaluate(experiment.program, tasks, backend="vm").task_fitness
    if not fitness.all():
        raise AssertionError("the network's training stops early: there is nothing to time")
    once, times = RUNNERS[backend](experiment.program, tasks), scale.of(TRAININGS, 2)
    notes = {
        "validation visits per training step": tasks.valid_X.shape[1] / tasks.epoch_length,
        "accuracy %": 100.0 * float(fitness.mean()),
    }
    return lambda: Sample(1e9 * shortest(once, times) / (tasks.tasks * tasks.steps), notes)


@dataclass(frozen=True)
class Pace:
    """A search after its first epoch: candidates and evaluations per second of processor time, and the share of examples saved."""

    candidates: float
    evaluated: float
    full: float
    saved: float


def _pace(experiment: Experiment) -> Pace:
    marks: list[tuple[float, Snapshot]] = []
    result = run(
        experiment, workers=1, quiet=True, on_epoch=lambda snapshot: marks.append((time.process_time(), snapshot))
    )
    (started, first), (ended, last) = marks[0], marks[-1]
    done: Mapping[str, int] = {name: count - first.layers[name] for name, count in last.layers.items()}
    seconds = ended - started
    evaluated = (done["hurdle"] + done["full"]) / seconds
    saved = result.hurdles["saved"] if result.hurdles else 0.0
    return Pace((last.evaluations - first.evaluations) / seconds, evaluated, done["full"] / seconds, saved)


def _search(source: Source, scale: Scale) -> Callable[[], Sample]:
    settings: dict[str, Any] = {
        "seed": 0,
        "islands": 1,
        "population": 100,
        "epoch": EPOCH,
        "max_evals": EPOCH + scale.of(CANDIDATES, EPOCH),
        "target": NEVER,
        "select_tasks": 1,  # what the search does not see is not measured
        "test_tasks": 1,
    }
    experiment = override(source.make(), settings)
    hurdles = {"hurdles": source.hurdles, "hurdle_every": 100}

    def sample() -> Sample:
        without, hurdled = _pace(experiment), _pace(override(experiment, hurdles))
        notes: dict[str, float | str] = {}
        for kind, pace in (("without", without), ("with hurdles", hurdled)):
            notes |= {
                f"{kind}: candidates/s": pace.candidates,
                f"{kind}: programs evaluated/s": pace.evaluated,
                f"{kind}: of these in full/s": pace.full,
            }
        return Sample(hurdled.evaluated / without.evaluated, notes | {"examples saved %": 100.0 * hurdled.saved})

    return sample


def _of(source: Source) -> tuple[Figure, ...]:
    """The figures on one image set."""
    networks = (
        Figure(
            f"{source.name}-network-{backend}",
            f"network on {source.words}, {backend}, per task and step",
            "ns",
            limit,
            False,
            partial(_training, source, backend),
            "network-16",
        )
        for backend, limit in LIMITS.items()
    )
    title = f"programs evaluated on {source.words}: with hurdles over without"
    return (*networks, Figure(f"{source.name}-search", title, "×", 1.0, True, partial(_search, source), once=True))


def figures(folder: Path | None) -> tuple[Figure, ...]:
    """All figures on images; ``folder`` is that of CIFAR-10."""
    sources = (
        Source("cifar10", "CIFAR-10 pairs", partial(_cifar10, folder), "800,2400"),
        Source("digits", "pairs of digits", _digits, "160"),
    )
    return tuple(figure for source in sources for figure in _of(source))
