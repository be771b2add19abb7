"""Task sets: the training and validation examples that programs are evaluated on."""

from __future__ import annotations

import math
import mmap
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from azdsl import sums
from azdsl.errors import AzdslError
from azdsl.ir.metric import METRICS, Metric, MetricName, metric_error
from azdsl.limits import MAX_FEATURES
from azdsl.ops import elementary

PERCENT = 100.0


def units_text(metric: MetricName, units: float) -> str:
    """A mean of ``TaskSet.units`` as text: ``RMSE 61.59`` or ``accuracy 93.20 %``."""
    return f"accuracy {units:.2f} %" if METRICS[metric].classifies else f"RMSE {units:.6g}"


class TaskError(AzdslError, ValueError):
    """Data are invalid for an evaluation; the message says what is wrong and what to do."""


_SHAPES: Mapping[str, str] = {
    "train_X": "[T, N, F] (tasks, examples, features)",
    "train_y": "[T, N] (tasks, examples)",
    "valid_X": "[T, M, F] (tasks, examples, features)",
    "valid_y": "[T, M] (tasks, examples)",
}
"""The shapes of the arrays, as messages show them."""

_NUMBERS = "biuf"
"""The kinds of NumPy dtypes that are real numbers."""


@dataclass(frozen=True, eq=False)
class TaskSet:
    """T tasks of N training and M validation examples with F features, all float64 and finite.

    ``train_X`` [T, N, F], ``train_y`` [T, N], ``valid_X`` [T, M, F], ``valid_y`` [T, M]. Labels are 0 and 1 for the
    metric accuracy, class numbers from 0 to C - 1 with C from 2 to F for multiclass. Training passes through the examples
    ``epochs`` times, with a validation after every ``epoch_length`` examples. ``target_scale`` float64[T] is the divisor of
    each task's regression labels, after ``target_center`` float64[T] was subtracted, None for labels that were not scaled;
    ``class_labels`` are the names of classes that are text. ``mapping`` is the file of which the arrays are
    views, None for arrays in memory. ``valid_rows`` is the number of rows of a table of which each task validates on a random
    part, None for tasks without common rows. With ``halves``, tasks 2k and 2k+1 train alike and validate on two halves.
    The arrays are read-only: compiled backends keep the layout of a task set in memory.
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
    target_center: NDArray[np.float64] | None = None
    class_labels: tuple[str, ...] = ()
    mapping: mmap.mmap | None = None
    valid_rows: int | None = None
    halves: bool = False

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
        """A task set of these arrays, converted to float64 and validated. Arrays that the caller could write to are copied.

        The shapes are [T, N, F], [T, N], [T, M, F] and [T, M]. ``epoch_length`` defaults to N and must divide the
        N · ``epochs`` training steps. ``classes`` is C for the metric multiclass; it defaults to the largest label plus 1.
        Raises ``TaskError``.
        """
        if unknown := metric_error(metric):
            raise TaskError(unknown)
        names = tuple(_SHAPES)
        arrays = [_array(n, a) for n, a in zip(names, (train_X, train_y, valid_X, valid_y), strict=True)]
        X, y, VX, Vy = arrays
        epochs = _count("epochs", epochs)
        if y.shape != X.shape[:2] or Vy.shape != VX.shape[:2] or (X.shape[0], X.shape[2]) != (VX.shape[0], VX.shape[2]):
            shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, arrays, strict=True))
            raise TaskError(f"shapes do not fit together: {shapes}; they must be [T,N,F], [T,N], [T,M,F], [T,M]")
        if 0 in X.shape or 0 in VX.shape:
            raise TaskError("a task set needs at least one task, one feature, one training and one validation example")
        if X.shape[2] > MAX_FEATURES:
            raise TaskError(f"{X.shape[2]:,} features are too many: at most {MAX_FEATURES}; project or choose some")
        steps = X.shape[1] * epochs
        length = X.shape[1] if epoch_length is None else _count("epoch_length", epoch_length)
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
        """Training steps of one evaluation on one task: N · ``epochs``."""
        return int(self.train_X.shape[1]) * self.epochs

    @property
    def validations(self) -> int:
        """How often one evaluation validates on each task."""
        return self.steps // self.epoch_length

    @property
    def runs(self) -> tuple[int, int, int]:
        """How often Setup, Predict and Learn run in one evaluation on one task."""
        return 1, self.steps + self.validations * int(self.valid_X.shape[1]), self.steps

    @property
    def visits(self) -> int:
        """The examples that one evaluation visits, in training and validation, on all tasks."""
        return self.tasks * self.runs[1]

    @property
    def metric_definition(self) -> Metric:
        """The metric with its registers and its rules."""
        return METRICS[self.metric]

    def rmse(self, fitness: Sequence[float]) -> list[float]:
        """The RMSE of each of the T tasks from its fitness, in the units of the target; infinite where the fitness is 0."""
        errors = [elementary.tan((1.0 - value) * math.pi / 2.0) if value > 0.0 else math.inf for value in fitness]
        return [error * scale for error, scale in zip(errors, self._scales(), strict=True)]

    def units(self, fitness: Sequence[float]) -> list[float]:
        """The RMSE of each of the T tasks in the unit of the target, or for classes its accuracy in percent."""
        return [PERCENT * value for value in fitness] if self.metric_definition.classifies else self.rmse(fitness)

    def mean_units(self, fitness: Sequence[float]) -> float | None:
        """The mean of ``units`` over tasks; None if a task failed."""
        units = self.units(fitness)
        mean = sum(units) / len(units)
        return mean if math.isfinite(mean) else None

    def unit(self, task: int) -> tuple[float, float]:
        """What the labels of a task are multiplied with, and then added to, to be in the unit of the target."""
        if self.target_scale is None or self.target_center is None:
            return 1.0, 0.0
        return float(self.target_scale[task]), float(self.target_center[task])

    def mean_rmse(self) -> list[float]:
        """The baseline: the RMSE of predicting each task's mean training label, T numbers in the units of the target."""
        return [error * scale for error, scale in zip(self._mean_errors(), self._scales(), strict=True)]

    @property
    def overlap(self) -> float:
        """How much the validation rows of two tasks overlap, as ``azdsl.paired.difference`` takes it: m / (M - m) for m of M rows."""
        if self.valid_rows is None:
            return 0.0
        count = int(self.valid_X.shape[1])
        return count / (self.valid_rows - count) if count < self.valid_rows else math.inf

    def baseline(self) -> list[float]:
        """The fitness on each of the T tasks of predicting the mean of the training labels or, for classes, the most frequent."""
        if not self.metric_definition.classifies:
            return [1.0 - 2.0 / math.pi * elementary.arctan(error) for error in self._mean_errors()]
        found = []
        for train, valid in zip(self.train_y, self.valid_y, strict=True):
            labels, counts = np.unique(train, return_counts=True)
            found.append(float(np.mean(valid == labels[np.argmax(counts)])))
        return found

    def _mean_errors(self) -> list[float]:
        """The RMSE of predicting each task's mean training label, in the units of the labels."""
        errors = self.valid_y - sums.mean(self.train_y.T)[:, None]
        return [float(np.sqrt(sums.mean(row * row))) for row in errors]

    def _scales(self) -> list[float]:
        return [1.0] * self.tasks if self.target_scale is None else [float(scale) for scale in self.target_scale]

    def part(self, first: int, count: int) -> TaskSet:
        """The tasks from index ``first`` to ``first + count - 1``."""
        if first == 0 and count >= self.tasks:
            return self
        chosen = slice(first, first + count)
        names = (*_SHAPES, "target_scale", "target_center")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        parts: dict[str, Any] = {name: None if array is None else array[chosen] for name, array in arrays.items()}
        return replace(self, **parts, halves=self.halves and first % 2 == 0)

    def take(self, indices: NDArray[np.int64]) -> TaskSet:
        """A copy of the tasks with these indices, in this order; no longer in pairs."""
        names = (*_SHAPES, "target_scale", "target_center")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        parts: dict[str, Any] = {name: None if array is None else array[indices] for name, array in arrays.items()}
        for array in parts.values():
            if array is not None:
                array.flags.writeable = False
        return replace(self, **parts, mapping=None, halves=False)

    def first(self, train: int, valid: int) -> TaskSet:
        """The same tasks with only their first ``train`` and ``valid`` examples, for one epoch: the examples of FEC.

        The training examples end at the first validation, so that a program whose training stops here has fitness 0 on
        the complete tasks too.
        """
        return self.beginning(self.tasks, min(train, self.epoch_length), valid)

    def beginning(self, tasks: int, train: int, valid: int) -> TaskSet:
        """The first tasks with only their first examples, for one epoch: views of the same memory."""
        X, y = self.train_X[:tasks, :train], self.train_y[:tasks, :train]
        VX, Vy = self.valid_X[:tasks, :valid], self.valid_y[:tasks, :valid]
        return TaskSet(X, y, VX, Vy, self.metric, X.shape[1], 1, self.classes, mapping=self.mapping)

    def rest(self) -> None:
        """Release the memory of examples that are mapped from a file. The system reads the file again on the next access."""
        if self.mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapping.madvise(mmap.MADV_DONTNEED)


def _classes(labels: NDArray[np.float64], metric: Metric, classes: int | None, features: int) -> int:
    """C for a metric whose prediction is a vector, else 0. Raises ``TaskError`` for labels that the metric rejects."""
    if invalid := metric.label_error(labels):
        raise TaskError(invalid)
    if not metric.vector:
        return 0
    count = int(labels.max()) + 1 if classes is None else _count("classes", classes)
    if labels.max() >= count:
        raise TaskError(f"label {int(labels.max())} does not fit {count} classes: they are numbered from 0")
    if impossible := metric.classes_error(count, features):
        raise TaskError(impossible)
    return count


def _count(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TaskError(f"{name} must be a whole number, not {value!r}") from None


def _array(name: str, values: Any) -> NDArray[np.float64]:
    """One of the four arrays as float64 and read-only. Raises ``TaskError`` with its shape or dtype and what is expected."""
    expected = f"{name} must be an array of numbers with shape {_SHAPES[name]}"
    try:
        given = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise TaskError(f"{expected}, but its rows differ in length or cannot be read: {error}") from None
    if given.dtype.kind not in _NUMBERS and not _all_numbers(given):
        kind = "text" if given.dtype.kind in "US" else "objects that are not all numbers"
        what = f"dtype {given.dtype} ({kind})" if given.dtype.kind in "USO" else f"dtype {given.dtype}"
        raise TaskError(f"{expected}, not of {what}: convert or encode it first")
    dimensions = 3 if name.endswith("X") else 2
    if given.ndim != dimensions:
        one = f"; for a single task add the first axis: {name}[None]" if given.ndim == dimensions - 1 else ""
        raise TaskError(f"{expected}, not {given.shape}{one}")
    array = np.ascontiguousarray(given, dtype=np.float64)
    if _shared(array, values):
        array = array.copy()
    # Minimum and maximum: testing every element would need a mask of an eighth of the array's memory.
    if array.size and not np.isfinite((array.min(), array.max())).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise TaskError(f"{name}{list(bad)} is {array[bad]}: values must be finite; remove or fill them first")
    array.flags.writeable = False
    return array


def _all_numbers(array: NDArray[Any]) -> bool:
    """Whether an array of objects holds only real numbers, such as a column of a data frame may."""
    return array.dtype.kind == "O" and all(isinstance(value, Real) for value in array.flat)


def _shared(array: NDArray[np.float64], values: Any) -> bool:
    """Whether the caller, who gave ``values``, could change ``array``, which was made of them."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return owner.flags.writeable and (array is values or not array.flags.owndata)
