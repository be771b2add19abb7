"""Scoring: the fitness of programs on a split of an experiment's tasks.

Whatever states a fitness uses ``score`` or ``conditions``: the end of a run, ``azdsl score``, ``tune``, ``show``,
``explain``, ``report`` and the estimators. So a program has the same figure everywhere, to the last bit.

===========  ==================================================  ==========================
split        random seed of the programs' draws                  precision
===========  ==================================================  ==========================
``search``   derived from the experiment's, as in the search     the experiment's
``select``   derived from the experiment's, a different one      64 bits
``test``     the experiment's                                    64 bits
===========  ==================================================  ==========================

``max_abs_error`` and ``combine`` are the experiment's. The seeds differ so that a program that depends on lucky draws on
the search tasks loses that luck when it is compared and scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.ir import Program
from azdsl.tasks import Split
from azdsl.taskset import TaskSet

_STREAMS: dict[Split, int] = {"search": 0x5EA2C4, "select": 0x5E1EC7}

PRECISION = 64
"""Bits of a number on the selection and test tasks."""


class Conditions(NamedTuple):
    """What decides the fitness of a program on a task set."""

    seed: int
    max_abs_error: float
    precision: int
    combine: str


@dataclass(frozen=True, eq=False)
class Scores:
    """The fitness of P programs on T tasks, with D random seeds of the programs' draws.

    ``fitness`` float64[P] is the mean over seeds of the fitness combined over tasks, ``task_fitness`` float64[P, D · T]
    the fitness on each task, seed by seed.
    """

    fitness: NDArray[np.float64]
    task_fitness: NDArray[np.float64]

    @property
    def fitness_list(self) -> list[float]:
        """``fitness`` as numbers of Python."""
        return [float(value) for value in self.fitness]


def draw_seed(seed: int, split: Split) -> int:
    """The random seed of the programs' draws on ``split``, below 2**64, from the experiment's random seed."""
    if split == "test":
        return seed
    return int(np.random.SeedSequence((seed, _STREAMS[split])).generate_state(1, np.uint64)[0] >> np.uint64(1))


def conditions(search: Search, split: Split) -> Conditions:
    """The conditions under which programs are scored on ``split``."""
    precision = search.precision if split == "search" else PRECISION
    return Conditions(draw_seed(search.seed, split), search.max_abs_error, precision, search.combine)


def score(
    programs: Sequence[Program],
    experiment: Experiment,
    tasks: TaskSet,
    split: Split,
    backend: str = "vm",
    *,
    draws: int = 1,
    announce: Callable[[], None] = lambda: None,
) -> Scores:
    """Score programs on ``tasks``, which are of ``split``, with ``draws`` random seeds: the experiment's and those after it.

    All backends give the same bits; ``evaluate`` describes them.
    """
    together, single = [], []
    for number in range(draws):
        under = conditions(replace(experiment.search, seed=experiment.search.seed + number), split)
        single.append(evaluate(programs, tasks, backend, under, announce))
        together.append(combined(single[-1], under.combine))
    return Scores(combined(np.stack(together, axis=-1), "mean"), np.concatenate(single, axis=-1))


def evaluate(
    programs: Sequence[Program],
    tasks: TaskSet,
    backend: str,
    under: Conditions,
    announce: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """The fitness of each program on each task, float64[P, T], by a backend of ``azdsl.evaluate``.

    ``announce`` is called before ``auto`` measures this machine for the first time.
    """
    settings: dict[str, Any] = {
        "seed": under.seed,
        "max_abs_error": under.max_abs_error,
        "precision": under.precision,
    }
    if backend == "reference":
        from azdsl import interp

        return np.array([interp.evaluate(p, tasks, **settings) for p in programs], np.float64)
    from azdsl import codegen

    compiled = cast(Literal["auto", "vm", "jit", "gpu"], backend)
    return codegen.evaluate(programs, tasks, backend=compiled, announce=announce, **settings)


def combined(task_fitness: NDArray[np.float64], combine: str) -> NDArray[np.float64]:
    """The fitness over tasks (the last axis): ``mean``, summed left to right, or ``median``, the upper one."""
    count = task_fitness.shape[-1]
    if combine == "median":
        upper: NDArray[np.float64] = np.sort(task_fitness, axis=-1)[..., count // 2]
        return upper
    mean: NDArray[np.float64] = np.add.accumulate(task_fitness, axis=-1)[..., -1] / count
    return mean
