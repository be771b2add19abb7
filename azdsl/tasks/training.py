"""A whole table as training examples: for models that are trained to be used, not compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from azdsl.config.tasks import FileTask
from azdsl.tasks.encoding import Encoding, raw
from azdsl.tasks.splits import SPLIT_STREAM, generator
from azdsl.tasks.tables import Table
from azdsl.taskset import TaskError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Training:
    """X [rows, F] and y [rows] as a program learns them, the number of classes or None, and how X was encoded."""

    X: Array
    y: Array
    classes: int | None
    encoding: Encoding


def training(table: Table, task: FileTask, seed: int | None) -> Training:
    """All rows of a table, in a random order of ``seed``, or in the order of the table for None. Raises ``TaskError``."""
    examples = raw(table, task)
    metric = task.metric_definition
    if invalid := metric.label_error(examples.y):
        raise TaskError(f"{table.source}: {task.target_column!r}: {invalid}")
    rows = np.arange(len(examples.y))
    order = rows if seed is None else generator(seed, SPLIT_STREAM).permutation(rows)
    encoding = examples.fit(rows, task)
    X, y = examples.features(encoding), examples.targets(encoding)
    classes = max(len(examples.labels), int(examples.y.max()) + 1) if metric.vector else None
    features = task.features or max(X.shape[1], classes or 0)
    if features < max(X.shape[1], classes or 0):
        raise TaskError(f"{table.source}: features={features} is too few for {X.shape[1]} columns")
    padded = np.concatenate([X, np.zeros((len(X), features - X.shape[1]))], axis=1)
    return Training(padded[order], y[order], classes, replace(encoding, features=features))
