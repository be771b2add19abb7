"""The score of a program on a split of its tasks, alone or beside other programs: figures, and their text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl import scoring, sums
from azdsl import tasks as make
from azdsl.config.experiment import Experiment
from azdsl.ir import METRICS, Program
from azdsl.paired import Difference, difference
from azdsl.tasks import Split
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class Rival:
    """A program to compare with, and its name in the output."""

    name: str
    program: Program


@dataclass(frozen=True)
class Compared:
    """A rival's fitness on the same tasks. ``difference`` is the fitness of the scored program minus the rival's."""

    name: str
    fitness: float
    difference: Difference

    def text(self, accuracy: bool) -> str:
        """The figures as a line of text."""
        unit, digits, scale = (" points", 2, 100.0) if accuracy else ("", 6, 1.0)
        score = f"{100 * self.fitness:.2f} %" if accuracy else f"{self.fitness:.6f}"
        found = self.difference
        line = f"{self.name}: {score}, difference {scale * found.mean:+.{digits}f}{unit}"
        if found.low is None or found.high is None:
            return line
        count = len(found.tasks)
        return (
            f"{line} (95 %: {scale * found.low:+.{digits}f} to {scale * found.high:+.{digits}f}), "
            f"better on {found.better} of {count} tasks, worse on {found.worse}"
        )


@dataclass(frozen=True, eq=False)
class ProgramScore:
    """The fitness of a program on T tasks of one split.

    ``fitness`` is that over all tasks, ``task_fitness`` float64[T] that on each. ``task`` describes the tasks, ``on`` names their
    split. For regression ``rmse`` is the mean RMSE in the unit of the target over the tasks that did not fail, None if all
    failed, and ``failed`` their number; for classes the fitness is the accuracy. ``seed`` is the random seed of tasks and draws.
    """

    fitness: float
    task_fitness: NDArray[np.float64]
    metric: str
    combine: str
    seed: int
    on: Split
    backend: str
    task: str
    rmse: float | None
    failed: int
    compared: tuple[Compared, ...] = ()

    @property
    def tasks(self) -> int:
        """T."""
        return len(self.task_fitness)

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        fitness = self.task_fitness
        facts: dict[str, Any] = {
            "fitness": self.fitness,
            "tasks": self.tasks,
            "std": float(sums.deviation(fitness)),
            "min": float(fitness.min()),
            "max": float(fitness.max()),
            "task_fitness": fitness.tolist(),
            "metric": self.metric,
        }
        facts |= {} if METRICS[self.metric].classifies else {"rmse": self.rmse, "failed": self.failed}
        facts |= {"combine": self.combine, "seed": self.seed, "on": self.on, "backend": self.backend}
        return facts | {"compared": list(map(asdict, self.compared))}

    def __str__(self) -> str:
        """The figures as text."""
        several, accuracy = self.tasks > 1, METRICS[self.metric].classifies
        fitness = self.task_fitness
        spread = f"std {sums.deviation(fitness):.6f}, min {fitness.min():.6f}, max {fitness.max():.6f}"
        shown = f"  ({self.combine} of {self.tasks} tasks; {spread})" if several else ""
        lines = [f"{self.task}, seed {self.seed}", f"fitness   {self.fitness:.6f}{shown}"]
        if accuracy:
            lines.append(f"accuracy  {100 * self.fitness:.2f} %")
        elif self.rmse is not None:
            lines.append(
                f"RMSE      {self.rmse:.6g}" + (f", mean of {self.tasks - self.failed} tasks" if several else "")
            )
        if self.failed:
            lines.append(f"failed    on {self.failed} of {self.tasks} tasks: an error was too large or not finite")
        return "\n".join([*lines, *(one.text(accuracy) for one in self.compared)])


def score(
    experiment: Experiment,
    directory: Path,
    rivals: Sequence[Rival] = (),
    *,
    tasks: int | TaskSet | None = None,
    seed: int | None = None,
    on: Split = "test",
    backend: str = "auto",
    announce: Callable[[], None] = lambda: None,
) -> ProgramScore:
    """Score the program of an experiment, and ``rivals`` beside it, on the tasks of the split ``on``.

    Without a task statement the tasks are those of the default task. Paths count from ``directory``. ``tasks`` is another number
    of tasks, or a task set in place of them; ``seed`` another random seed of tasks and draws. ``announce`` is called before the
    backend ``auto`` measures this machine. Raises ``TaskError`` and ``OSError``.
    """
    search = experiment.search if seed is None else replace(experiment.search, seed=seed)
    if isinstance(tasks, TaskSet):
        task_set, described = tasks, make.describe(tasks)
    else:
        task = experiment.task or make.DEFAULT_TASK
        if tasks is not None:
            task = replace(task, **{"tasks" if on == "search" else f"{on}_tasks": tasks})
        task_set = make.build(task, search.seed, on, directory)
        sizes = {"tasks": task_set.tasks, "train": task_set.train_X.shape[1], "valid": task_set.valid_X.shape[1]}
        described = make.describe(replace(task, **sizes))
    programs = [experiment.program, *(rival.program for rival in rivals)]
    found = scoring.score(programs, replace(experiment, search=search), task_set, on, backend, announce=announce)
    fitness, own = found.fitness_list, found.task_fitness[0]
    differences = [difference(own, other, task_set.overlap, task_set.halves) for other in found.task_fitness[1:]]
    errors = [] if task_set.metric_definition.classifies else task_set.rmse(own)
    finite = [error for error in errors if np.isfinite(error)]
    return ProgramScore(
        fitness=fitness[0],
        task_fitness=own,
        metric=task_set.metric,
        combine=search.combine,
        seed=search.seed,
        on=on,
        backend=backend,
        task=described,
        rmse=sum(finite) / len(finite) if finite else None,
        failed=len(errors) - len(finite),
        compared=tuple(
            Compared(rival.name, one, found) for rival, one, found in zip(rivals, fitness[1:], differences, strict=True)
        ),
    )
