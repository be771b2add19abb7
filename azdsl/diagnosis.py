"""What is wrong with a program on its tasks: dead instructions, and what goes wrong first in its evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from azdsl import scoring
from azdsl import tasks as make
from azdsl.config.experiment import Experiment
from azdsl.interp.faults import Fault, first_fault
from azdsl.ir import FUNCTIONS, liveness
from azdsl.tasks import Split
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a program; ``print`` shows it.

    ``size`` is the number of instructions that affect predictions, ``dead`` has the texts of the others. ``fault`` is the first
    value that is not finite, or the first error that stops a training, on the first task with fitness 0 that has one; else None.
    """

    size: int
    dead: tuple[str, ...]
    fault: Fault | None

    def __str__(self) -> str:
        """The faults as text."""
        lines = [f"without effect: {text}" for text in self.dead]
        return "\n".join([*lines, *([str(self.fault)] if self.fault else [])]) or "nothing found"


def diagnose(
    experiment: Experiment, directory: Path, *, tasks: TaskSet | None = None, on: Split = "search"
) -> Diagnosis:
    """Evaluate the program of an experiment on its tasks of the split ``on``, or on ``tasks``; in pure Python where it fails.

    Paths count from ``directory``. Raises ``TaskError`` and ``OSError``.
    """
    program, search = experiment.program, experiment.search
    task_set = tasks or make.build(experiment.task or make.DEFAULT_TASK, search.seed, on, directory)
    flags = liveness(program, task_set.metric_definition)
    dead = [
        f"{instruction} in {name}"
        for name, block, live in zip(FUNCTIONS, program.functions, flags, strict=True)
        for instruction, needed in zip(block, live, strict=True)
        if not needed
    ]
    under = scoring.conditions(search, on)
    failed = np.flatnonzero(scoring.evaluate([program], task_set, "vm", under)[0] <= 0.0).tolist()
    fault = first_fault(
        program,
        task_set,
        failed,
        seed=under.seed,
        max_abs_error=under.max_abs_error,
        precision=under.precision,
    )
    return Diagnosis(len(program) - len(dead), tuple(dead), fault)
