"""The evaluation: train on the examples of a task, validate after every epoch, keep the best validation.

Programs, errors and the RMSE are computed in the number type of the precision. The step from RMSE or accuracy to fitness
is always computed in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.interp.machine import PRECISIONS, Machine
from azdsl.ir import Metric, Program
from azdsl.ir.metric import within
from azdsl.taskset import TaskSet

Example = tuple[list[float], float]


@dataclass(frozen=True, slots=True)
class Rules:
    """Parameters of an evaluation. ``classes`` is C; ``limit`` is ``max_abs_error`` in the machine's number type."""

    metric: Metric
    classes: int
    limit: Any


def evaluate(
    program: Program,
    tasks: TaskSet,
    *,
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
) -> list[float]:
    """The fitness of ``program`` on each of the T tasks: T floats from 0 to 1. A pure function of its arguments.

    Training stops when an error is NaN or greater than ``max_abs_error``, rounded to the number type. ``precision`` is 64
    or 32.
    """
    with np.errstate(all="ignore"):
        rules = Rules(tasks.metric_definition, tasks.classes, PRECISIONS[precision](max_abs_error))
        return [
            task_fitness(
                Machine(program, tasks.features, seed=seed, task=task, metric=rules.metric, precision=precision),
                tasks,
                task,
                rules,
            )
            for task in range(tasks.tasks)
        ]


def task_fitness(machine: Machine, tasks: TaskSet, task: int, rules: Rules) -> float:
    """The best validation of one task; 0 if training stopped before the first validation."""
    train = _examples(tasks.train_X[task], tasks.train_y[task])
    valid = _examples(tasks.valid_X[task], tasks.valid_y[task])
    machine.run_setup()
    best, visit = 0.0, 1
    for step in range(tasks.steps):
        if not _train(machine, train[step % len(train)], visit, rules):
            break
        visit += 1
        if (step + 1) % tasks.epoch_length == 0:
            best = max(best, _validate(machine, valid, visit, rules))
            visit += len(valid)
    return best


def _examples(X: NDArray[np.float64], y: NDArray[np.float64]) -> list[Example]:
    """Features [N, F] and labels [N] as N pairs of Python floats."""
    return list(zip(X.tolist(), y.tolist(), strict=True))


def _train(machine: Machine, example: Example, visit: int, rules: Rules) -> bool:
    """One training example: predict, squash, learn. False, without Learn, when an error exceeds the limit."""
    x, y = example
    machine.prediction = rules.metric.squash(machine.predict(x, visit), rules.classes)
    label, prediction = machine.label(y), machine.prediction
    pairs = list(zip(label, prediction, strict=True))[: rules.classes] if rules.metric.vector else [(label, prediction)]
    close = within(pairs, rules.limit)
    if close:
        machine.learn(x, y, visit)
    return close


def _validate(machine: Machine, examples: list[Example], visit: int, rules: Rules) -> float:
    """The fitness of one validation, whose first example has visit number ``visit``.

    Predict runs on every example, even when the fitness is already known to be 0, because it may change memory.
    """
    predictions = [machine.predict(x, visit + at) for at, (x, _) in enumerate(examples)]
    labels = [machine.number(y) for _, y in examples]
    return rules.metric.fitness(labels, predictions, rules.classes, rules.limit)
