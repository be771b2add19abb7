"""Tasks made of random numbers: a Gaussian teacher per task, and Gaussian examples labelled by it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from azdsl.config.tasks import Affine, Linear, TwoLayer
from azdsl.tasks.splits import STREAMS, Role, generator
from azdsl.taskset import TaskSet

Array = NDArray[np.float64]
Teacher = Callable[[Array], Array]


def generate(task: Linear, seed: int, role: Role) -> TaskSet:
    """T tasks of their own teachers. Task t draws teacher, training and validation features, in that order."""
    count, train, valid = _sizes(task, role)
    shape = (count, train + valid, task.features)
    X, y = np.empty(shape), np.empty(shape[:2])
    for t in range(count):
        rng = generator(seed, STREAMS[role], t)
        teacher = _teacher(task, rng)
        X[t] = rng.standard_normal(shape[1:])
        y[t] = teacher(X[t])
    arrays = (X[:, :train], y[:, :train], X[:, train:], y[:, train:])
    return TaskSet.from_arrays(*arrays, "rmse", task.epoch_length(train), task.epochs)


def _sizes(task: Linear, role: Role) -> tuple[int, int, int]:
    """Tasks, training and validation examples of a role."""
    if role == "search":
        return task.tasks, task.train, task.valid
    train, valid = task.select_train or task.train, task.select_valid or task.valid
    if role == "select":
        return task.select_tasks, train, valid
    return task.test_tasks, task.test_train or train, task.test_valid or valid


def _teacher(task: Linear, rng: np.random.Generator) -> Teacher:
    """The function that labels a task's features [N, F]."""
    if isinstance(task, TwoLayer):
        hidden, out = rng.standard_normal((task.features, task.features)), rng.standard_normal(task.features)
        return lambda X: _dot(np.stack([np.maximum(_dot(X, row), 0.0) for row in hidden], axis=1), out)
    weights = rng.standard_normal(task.features)
    bias = rng.standard_normal() if isinstance(task, Affine) else 0.0
    return lambda X: _dot(X, weights) + bias


def _dot(X: Array, weights: Array) -> Array:
    """X [N, F] times weights [F], summed left to right: a BLAS would give other bits on other machines."""
    total: Array = X[:, 0] * weights[0]
    for at in range(1, len(weights)):
        total = total + X[:, at] * weights[at]
    return total
