"""Synthetic tasks: Gaussian features labeled by a random teacher function of each task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from azdsl.config.task import Split
from azdsl.config.tasks import Affine, Linear, TwoLayer
from azdsl.ops.elementary import exp
from azdsl.tasks.normals import standard_normal
from azdsl.tasks.splits import STREAMS, generator
from azdsl.taskset import TaskSet

Array = NDArray[np.float64]
Teacher = Callable[[Array], Array]


def generate(task: Linear, seed: int, split: Split) -> TaskSet:
    """The tasks of ``split``. Task t draws teacher, training and validation features, scales and noise from its own stream, in that order."""
    sizes = task.sizes(split)
    count, train, valid = sizes.tasks, sizes.train or 0, sizes.valid or 0
    shape = (count, train + valid, task.features)
    X, y = np.empty(shape), np.empty(shape[:2])
    for t in range(count):
        rng = generator(seed, STREAMS[split], t)
        teacher = _teacher(task, rng)
        X[t] = standard_normal(rng, shape[1:])
        if task.spread:
            X[t] *= [[exp(task.spread * value)] for value in standard_normal(rng, (train + valid,)).tolist()]
        y[t] = teacher(X[t])
        if task.noise:
            y[t, :train] += task.noise * standard_normal(rng, (train,))
    if task.metric_definition.classifies:
        y = (y > np.median(y[:, :train], axis=1, keepdims=True)).astype(np.float64)
    arrays = (X[:, :train], y[:, :train], X[:, train:], y[:, train:])
    return TaskSet.from_arrays(*arrays, task.metric_definition.name, task.epoch_length(train), task.epochs)


def _teacher(task: Linear, rng: np.random.Generator) -> Teacher:
    """The teacher: a function of features [N, F] to labels [N]."""
    if isinstance(task, TwoLayer):
        hidden, out = standard_normal(rng, (task.features, task.features)), standard_normal(rng, (task.features,))
        if task.output_weights != "gaussian":
            out = np.abs(out)
        if task.output_weights == "one_sign" and rng.random() < 0.5:
            out = -out
        activation = np.abs if task.activation == "abs" else lambda values: np.maximum(values, 0.0)
        return lambda X: _dot(np.stack([activation(_dot(X, row)) for row in hidden], axis=1), out)
    weights = standard_normal(rng, (task.features,))
    bias = float(standard_normal(rng, (1,))[0]) if isinstance(task, Affine) else 0.0
    return lambda X: _dot(X, weights) + bias


def _dot(X: Array, weights: Array) -> Array:
    """X [N, F] times weights [F], summed left to right: the bits of a BLAS product depend on the machine."""
    total: Array = X[:, 0] * weights[0]
    for at in range(1, len(weights)):
        total = total + X[:, at] * weights[at]
    return total
