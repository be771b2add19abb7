"""The evaluation protocol: train on a task's examples, validate after every epoch, keep the best.

Everything a program computes has the machine's number type; so have the squared error, its mean and
its root. Only the step from there to a fitness is always float64.
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
    """What decides an evaluation beside program and examples; ``limit`` is max_abs_error as a number."""

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
    """The fitness of ``program`` on each of the T tasks: T numbers from 0 to 1.

    Training stops where a prediction is NaN or off by more than ``max_abs_error`` (rounded to the
    number type). ``precision`` is 64 or 32. A pure function of its arguments.
    """
    with np.errstate(all="ignore"):
        rules = Rules(tasks.metric_definition, tasks.classes, PRECISIONS[precision](max_abs_error))
        return [
            _task_fitness(
                Machine(program, tasks.features, seed=seed, task=task, metric=rules.metric, precision=precision),
                tasks,
                task,
                rules,
            )
            for task in range(tasks.tasks)
        ]


def _task_fitness(machine: Machine, tasks: TaskSet, task: int, rules: Rules) -> float:
    """Run the whole schedule on one task: its best validation, 0 if training stopped before the first."""
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
    """Features [N, F] and labels [N] as pairs of Python numbers."""
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
    """Predict all validation examples, the first of them in visit ``visit``; the fitness of that.

    Every example is visited, also after one that already decides the fitness: Predict may keep state.
    """
    predictions = [machine.predict(x, visit + at) for at, (x, _) in enumerate(examples)]
    labels = [machine.number(y) for _, y in examples]
    return rules.metric.fitness(labels, predictions, rules.classes, rules.limit)
