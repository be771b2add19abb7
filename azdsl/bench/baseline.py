"""Training steps per second in the baseline of "AutoML-Zero" (arXiv 2003.03384, section S10), on the programs of one population.

``s10.az`` is the setting. ``s10_programs.txt`` holds the live programs of a population that it led to: the best has a fitness of 0.665,
after 129,000 candidates. Programs with a fitness of 0 are left out, copies are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from azdsl.api import evaluate
from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.pictures import NO_FOLDER
from azdsl.bench.workloads import HERE
from azdsl.bench.yardstick import Unavailable
from azdsl.ir import Program
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment, parse
from azdsl.tasks import build

SETTING, POPULATION = HERE / "s10.az", HERE / "s10_programs.txt"

SEPARATOR = "# next\n"
"""The line between two programs."""

LIMITS = {64: 25.0, 32: 40.0}
"""Least millions of training steps a second on one core, by precision."""


def programs() -> list[Program]:
    """The programs of the population."""
    return [parse(text) for text in POPULATION.read_text(encoding="utf-8").split(SEPARATOR)]


def _steps(folder: Path | None, precision: int, scale: Scale) -> Callable[[], Sample]:
    if folder is None:
        raise Unavailable(NO_FOLDER)
    experiment = override(load_experiment(SETTING), {"data": str(folder.resolve())})
    assert experiment.task
    tasks = build(experiment.task, 0, "search")
    chosen = programs()[: scale.of(len(programs()))]
    # a training that stops early ends with a fitness of 0; its steps are not counted
    trained = int((evaluate(chosen, tasks, backend="vm", precision=precision).task_fitness > 0.0).sum())
    live = sum(map(len, chosen)) / len(chosen)

    def sample() -> Sample:
        started = time.thread_time()
        evaluate(chosen, tasks, backend="vm", precision=precision)
        return Sample(
            1e-6 * trained * tasks.steps / (time.thread_time() - started), {"live instructions of a program": live}
        )

    return sample


def figures(folder: Path | None) -> tuple[Figure, ...]:
    """Both precisions; ``folder`` is that of CIFAR-10."""
    return tuple(
        Figure(
            f"s10-steps-{precision}",
            f"training steps in the S10 setting after 60 %, float{precision}, one core",
            "million/s",
            limit,
            True,
            partial(_steps, folder, precision),
        )
        for precision, limit in LIMITS.items()
    )
