"""The evaluation protocol: train on a task's examples, validate after every epoch, keep the best.

Everything a program computes has the machine's number type; so have the squared error, its mean and
its root. Only the step from there to a fitness is always float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.interp.machine import PRECISIONS, Machine
from azdsl.ir import Program
from azdsl.ops import numbers
from azdsl.taskset import Metric, TaskSet

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
        rules = Rules(tasks.metric, tasks.classes, PRECISIONS[precision](max_abs_error))
        return [
            _task_fitness(
                Machine(
                    program, tasks.features, seed=seed, task=task, multiclass=tasks.multiclass, precision=precision
                ),
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
    """One training example: predict, squash, learn. False when the prediction is too far off to go on."""
    x, y = example
    prediction = machine.predict(x, visit)
    if rules.metric == "multiclass":
        machine.prediction = softmax(prediction[: rules.classes]) + prediction[rules.classes :]
        pairs = list(zip(machine.one_hot(y), machine.prediction, strict=True))[: rules.classes]
    else:
        if rules.metric == "accuracy":
            machine.prediction = sigmoid(prediction)
        pairs = [(machine.number(y), machine.prediction)]
    close = _close(pairs, rules.limit)
    if close:
        machine.learn(x, y, visit)
    return close


def _validate(machine: Machine, examples: list[Example], visit: int, rules: Rules) -> float:
    """Predict all validation examples, the first of them in visit ``visit``; the fitness of that.

    Every example is visited, also after one that already decides the fitness: Predict may keep state.
    """
    predictions = [machine.predict(x, visit + at) for at, (x, _) in enumerate(examples)]
    return validation_fitness([machine.number(y) for _, y in examples], predictions, rules)


def validation_fitness(labels: Sequence[Any], predictions: Sequence[Any], rules: Rules) -> float:
    """The fitness of predictions as programs leave them, not squashed: s1, or v2 [F]. All are of the number type."""
    pairs = list(zip(labels, predictions, strict=True))
    if rules.metric == "accuracy":
        return _share(bool(y > 0.5) == bool(sigmoid(p) > 0.5) for y, p in pairs)
    if rules.metric == "multiclass":
        return _share(chosen_class(scores[: rules.classes]) == int(y) for y, scores in pairs)
    if not _close(pairs, rules.limit):
        return 0.0
    errors = [y - p for y, p in pairs]
    rmse = numbers.sqrt(numbers.mean([error * error for error in errors]))
    return 1.0 - (2.0 / math.pi) * math.atan(float(rmse))


def _share(right: Iterable[bool]) -> float:
    """How many of all are true, as a fraction."""
    verdicts = list(right)
    return verdicts.count(True) / len(verdicts)


def _close(pairs: Iterable[tuple[Any, Any]], limit: Any) -> bool:
    """Whether no label and prediction differ by more than ``limit`` (a NaN does)."""
    return all(abs(y - prediction) <= limit for y, prediction in pairs)


def sigmoid(score: Any) -> Any:
    """1 / (1 + exp(-score)), of the score's type."""
    one = type(score)(1.0)
    return one / (one + numbers.exp(-score))


def softmax(scores: Sequence[Any]) -> list[Any]:
    """Probabilities [C] of scores [C], of their type."""
    largest = max(scores)  # keeps the first unless a later one is greater, NaN or not: as the language says
    powers = [numbers.exp(score - largest) for score in scores]
    total = numbers.total(powers)
    return [power / total for power in powers]


def chosen_class(scores: Sequence[Any]) -> int:
    """The place of the first largest score; -1 when one is NaN."""
    if any(math.isnan(score) for score in scores):
        return -1
    return max(range(len(scores)), key=scores.__getitem__)
