"""The predictions of the final program on test tasks: predicted against actual values, or a confusion matrix."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.config.search import Search
from azdsl.export.library.compiled_model import Model, make_spec
from azdsl.ir import Program
from azdsl.scoring import conditions
from azdsl.taskset import TaskSet

MOST = 2000
"""The most examples that are predicted: tasks are taken until there are so many."""


@dataclass(frozen=True)
class Predictions:
    """Labels and predictions of n validation examples of the first ``tasks`` test tasks, float64[n] each.

    For regression in the unit of the target; for classes, class numbers. ``classes`` are the names of the classes, none for
    regression. ``failed`` tasks, on which training stopped, are left out.
    """

    actual: NDArray[np.float64]
    predicted: NDArray[np.float64]
    classes: tuple[str, ...]
    tasks: int
    failed: int = 0


def predict(program: Program, tasks: TaskSet, search: Search) -> Predictions:
    """Train the program on test tasks and predict their validation examples, as an evaluation does.

    An evaluation keeps the best of its validations, and so do these predictions. Only random draws of the program differ: on every
    task they are those of a compiled model. Raises ``ValueError`` if the program cannot be compiled.
    """
    under, metric = conditions(search, "test"), tasks.metric_definition
    count = min(tasks.tasks, max(1, MOST // tasks.valid_y.shape[1]))
    if tasks.valid_rows is not None:  # other tasks validate on the same rows
        count = 2 if tasks.halves else 1
    spec = make_spec(program, tasks.features, tasks.metric, 64, under.seed, tasks.classes or None, under.max_abs_error)
    actual, predicted, failed = list[NDArray[np.float64]](), list[NDArray[np.float64]](), 0
    for task in range(count):
        found = _best(Model(spec), tasks, task)
        if found is None:
            failed += 1
            continue
        scale, center = tasks.unit(task)
        actual.append(tasks.valid_y[task] * scale + center)
        predicted.append(found * scale + center)
    names = tuple(map(str, range(tasks.classes or 2))) if metric.classifies else ()
    none = np.empty(0)
    return Predictions(
        np.concatenate([none, *actual]), np.concatenate([none, *predicted]), tasks.class_labels or names, count, failed
    )


def _best(model: Model, tasks: TaskSet, task: int) -> NDArray[np.float64] | None:
    """The predictions of the best validation of one task, class numbers for classes; None without a finite one."""
    X, y = tasks.train_X[task], tasks.train_y[task]
    labels = tasks.valid_y[task]
    order = np.arange(tasks.steps) % len(y)
    best, least = None, math.inf
    for end in range(tasks.epoch_length, tasks.steps + 1, tasks.epoch_length):
        rows = order[end - tasks.epoch_length : end]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            model.partial_fit(X[rows], y[rows])
        if model.stopped:
            break
        found = _predictions(model, tasks.valid_X[task])
        error = float(np.mean((found - labels) ** 2 if not tasks.metric_definition.classifies else found != labels))
        if error < least:  # not if it is NaN
            best, least = found, error
    return best


def _predictions(model: Model, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predicted values, or class numbers as float64."""
    outputs = model.predict_frozen(X)
    if model.metric == "rmse":
        return outputs
    return np.asarray(outputs > 0.5 if outputs.ndim == 1 else outputs.argmax(axis=1), np.float64)


def confusion(found: Predictions) -> list[list[int]]:
    """How often each class [rows] was predicted as each class [columns]."""
    count = len(found.classes)
    places = found.actual.astype(np.int64) * count + found.predicted.astype(np.int64)
    matrix: list[list[int]] = np.bincount(places, minlength=count * count).reshape(count, count).tolist()
    return matrix


def correct(found: Predictions) -> int:
    """How many examples are predicted as the class that they are."""
    return int((found.actual == found.predicted).sum())
