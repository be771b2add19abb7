"""Task sets: the examples that programs are evaluated on."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from azdsl.errors import AzdslError
from azdsl.ir.metric import METRICS, Metric, MetricName, metric_error
from azdsl.limits import MAX_FEATURES


class TaskError(AzdslError, ValueError):
    """Data that cannot be evaluated on; the message says what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class TaskSet:
    """T tasks of N training and M validation examples with F features, all float64 and finite.

    ``train_X`` [T, N, F], ``train_y`` [T, N], ``valid_X`` [T, M, F], ``valid_y`` [T, M]. Accuracy takes
    labels 0 and 1; multi-class takes class numbers 0 … C-1, C at most F. After every ``epoch_length``
    training examples comes a validation; the examples are gone through ``epochs`` times.
    ``target_scale`` float64[T] is what each task's regression labels were divided by, None if they were not.
    ``mapping`` is the file that the arrays are read-only views of, None if they are no file's.
    """

    train_X: NDArray[np.float64]
    train_y: NDArray[np.float64]
    valid_X: NDArray[np.float64]
    valid_y: NDArray[np.float64]
    metric: MetricName
    epoch_length: int
    epochs: int
    classes: int = 0
    target_scale: NDArray[np.float64] | None = None
    mapping: mmap.mmap | None = None

    @classmethod
    def from_arrays(
        cls,
        train_X: ArrayLike,
        train_y: ArrayLike,
        valid_X: ArrayLike,
        valid_y: ArrayLike,
        metric: MetricName = "rmse",
        epoch_length: int | None = None,
        epochs: int = 1,
        classes: int | None = None,
    ) -> TaskSet:
        """Check arrays and take them as a task set.

        ``classes`` (multi-class) defaults to the largest label plus one. Raises ``TaskError``.
        """
        if unknown := metric_error(metric):
            raise TaskError(unknown)
        names = ("train_X", "train_y", "valid_X", "valid_y")
        arrays = [_array(n, a) for n, a in zip(names, (train_X, train_y, valid_X, valid_y), strict=True)]
        X, y, VX, Vy = arrays
        for name, array, dimensions in zip(names, arrays, (3, 2, 3, 2), strict=True):
            if array.ndim != dimensions:
                raise TaskError(f"{name} must have {dimensions} dimensions, not shape {array.shape}")
        if y.shape != X.shape[:2] or Vy.shape != VX.shape[:2] or (X.shape[0], X.shape[2]) != (VX.shape[0], VX.shape[2]):
            shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, arrays, strict=True))
            raise TaskError(f"shapes do not fit together: {shapes}; they must be [T,N,F], [T,N], [T,M,F], [T,M]")
        if 0 in X.shape or 0 in VX.shape:
            raise TaskError("a task set needs at least one task, one feature, one training and one validation example")
        if X.shape[2] > MAX_FEATURES:
            raise TaskError(f"{X.shape[2]:,} features are too many: at most {MAX_FEATURES}; project or choose some")
        steps = X.shape[1] * epochs
        length = X.shape[1] if epoch_length is None else epoch_length
        if epochs < 1 or length < 1 or steps % length:
            of = f"{steps} training steps ({X.shape[1]} examples × {epochs} epochs)"
            raise TaskError(f"epoch_length={length} does not divide the {of}")
        count = _classes(np.concatenate([y.ravel(), Vy.ravel()]), METRICS[metric], classes, X.shape[2])
        return cls(X, y, VX, Vy, metric, length, epochs, count)

    @property
    def tasks(self) -> int:
        """T."""
        return int(self.train_X.shape[0])

    @property
    def features(self) -> int:
        """F."""
        return int(self.train_X.shape[2])

    @property
    def steps(self) -> int:
        """Training steps of one evaluation."""
        return int(self.train_X.shape[1]) * self.epochs

    @property
    def metric_definition(self) -> Metric:
        """The metric with its registers and its rules."""
        return METRICS[self.metric]

    def rmse(self, fitness: Sequence[float]) -> list[float]:
        """RMSE of each task from its fitness, in the target's own units; infinite where the fitness is 0."""
        errors = [math.tan((1.0 - value) * math.pi / 2.0) if value > 0.0 else math.inf for value in fitness]
        return [error * scale for error, scale in zip(errors, self._scales(), strict=True)]

    def mean_rmse(self) -> list[float]:
        """RMSE, in the target's own units, of predicting each task's mean training label: what to beat."""
        errors = self.valid_y - self.train_y.mean(axis=1, keepdims=True)
        return [float(np.sqrt(np.mean(row * row))) * scale for row, scale in zip(errors, self._scales(), strict=True)]

    def _scales(self) -> list[float]:
        return [1.0] * self.tasks if self.target_scale is None else [float(scale) for scale in self.target_scale]

    def part(self, first: int, count: int) -> TaskSet:
        """``count`` of the tasks, from number ``first`` on."""
        chosen = slice(first, first + count)
        scale = None if self.target_scale is None else self.target_scale[chosen]
        X, y, VX, Vy = self.train_X[chosen], self.train_y[chosen], self.valid_X[chosen], self.valid_y[chosen]
        return TaskSet(X, y, VX, Vy, self.metric, self.epoch_length, self.epochs, self.classes, scale, self.mapping)

    def first(self, train: int, valid: int) -> TaskSet:
        """The same tasks with only their first examples, once through: what FEC looks at.

        No more training examples than come before the first validation, so that training which stops here
        has fitness 0 on the whole tasks too.
        """
        return self.beginning(self.tasks, min(train, self.epoch_length), valid)

    def beginning(self, tasks: int, train: int, valid: int) -> TaskSet:
        """The first tasks with only their first examples, once through: views of the same memory."""
        X, y = self.train_X[:tasks, :train], self.train_y[:tasks, :train]
        VX, Vy = self.valid_X[:tasks, :valid], self.valid_y[:tasks, :valid]
        return TaskSet(X, y, VX, Vy, self.metric, X.shape[1], 1, self.classes, mapping=self.mapping)

    def rest(self) -> None:
        """Hold no memory for examples that are mapped: the system reads them from the file when they are used again."""
        if self.mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapping.madvise(mmap.MADV_DONTNEED)


def _classes(labels: NDArray[np.float64], metric: Metric, classes: int | None, features: int) -> int:
    """How many classes multi-class labels name (0 for other metrics). Raises ``TaskError`` for labels that do not fit."""
    if invalid := metric.label_error(labels):
        raise TaskError(invalid)
    if not metric.vector:
        return 0
    count = int(labels.max()) + 1 if classes is None else classes
    if labels.max() >= count:
        raise TaskError(f"label {int(labels.max())} does not fit {count} classes: they are numbered from 0")
    if impossible := metric.classes_error(count, features):
        raise TaskError(impossible)
    return count


def _array(name: str, values: Any) -> NDArray[np.float64]:
    try:
        array = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TaskError(f"{name} is not an array of numbers: {error}") from None
    # least and greatest, and not every element's finiteness, which would take an eighth of the array's memory
    if array.size and not np.isfinite((array.min(), array.max())).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise TaskError(f"{name}{list(bad)} is {array[bad]}: values must be finite; remove or fill them first")
    return array
