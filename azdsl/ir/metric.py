"""Metrics: the registers of label and prediction, the squashing of predictions, and the step from predictions to fitness.

A metric is one ``Metric`` below, in pure Python on numbers of the machine's type (float or ``numpy.float32``). Compiled
backends have a lowering of each metric, written independently and tested against this text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from azdsl.ir.program import FEATURES, LABEL, LABELS, PREDICTION, PREDICTIONS, Address
from azdsl.ops import Kind, elementary, numbers

MetricName = Literal["rmse", "accuracy", "multiclass"]
"""The public names of the metrics, the keys of ``METRICS``."""


@dataclass(frozen=True, eq=False, repr=False)
class Metric:
    """One metric. C is the number of classes, 0 for a metric whose prediction is a scalar.

    ``squash`` maps a prediction as Predict leaves it, and C, to the prediction that Learn reads. ``fitness`` maps the
    labels and the unsquashed predictions of one validation, C and ``max_abs_error`` to a float from 0 to 1.
    ``label_error`` says why labels are invalid, or None. ``classifies`` says whether labels are class numbers.
    ``output`` and ``labels`` describe a prediction and the valid labels to the users of a compiled program.
    """

    name: MetricName
    label: Address
    prediction: Address
    squash: Callable[[Any, int], Any]
    fitness: Callable[[Sequence[Any], Sequence[Any], int, Any], float]
    label_error: Callable[[NDArray[np.float64]], str | None]
    classifies: bool
    output: str
    labels: str

    def __repr__(self) -> str:
        return f"METRICS[{self.name!r}]"

    def __reduce__(self) -> tuple[Callable[[str], Metric], tuple[str]]:
        return _named, (self.name,)

    @property
    def vector(self) -> bool:
        """Whether label and prediction are vectors whose first C entries belong to the classes."""
        return self.prediction.kind is Kind.VECTOR

    @cached_property
    def given(self) -> frozenset[Address]:
        """The registers that the evaluation writes before Predict and before Learn."""
        return frozenset({FEATURES, LABEL, self.label})

    @cached_property
    def fixed(self) -> frozenset[Address]:
        """The registers with a meaning outside the program."""
        return self.given | {PREDICTION, self.prediction}

    def outputs(self, classes: int) -> int:
        """How many numbers a prediction has."""
        return classes if self.vector else 1

    def classes_error(self, classes: int, features: int) -> str | None:
        """Why a vector prediction cannot have C = ``classes`` with F = ``features``, or None."""
        if not self.vector or 2 <= classes <= features:
            return None
        return f"{classes} classes with {features} features: needs 2 to F classes; pad the features with zeros"


def _named(name: str) -> Metric:
    return METRICS[name]


def metric_error(name: object) -> str | None:
    """Why ``name`` names no metric, or None."""
    if name in METRICS:
        return None
    *others, last = METRICS
    return f"unknown metric {name!r}: use {', '.join(others)} or {last}"


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
    """The index of the first largest score; -1 when a score is NaN."""
    if any(math.isnan(score) for score in scores):
        return -1
    return max(range(len(scores)), key=scores.__getitem__)


def within(pairs: Iterable[tuple[Any, Any]], limit: Any) -> bool:
    """Whether no label and prediction differ by more than ``limit``; a NaN differs by more."""
    return all(abs(label - prediction) <= limit for label, prediction in pairs)


def _rmse_fitness(labels: Sequence[Any], predictions: Sequence[Any], classes: int, limit: Any) -> float:
    """1 - 2/π · arctan(RMSE), 0 when an error exceeds ``limit``. The RMSE has the predictions' type."""
    pairs = list(zip(labels, predictions, strict=True))
    if not within(pairs, limit):
        return 0.0
    errors = [label - prediction for label, prediction in pairs]
    rmse = numbers.sqrt(numbers.mean([error * error for error in errors]))
    return 1.0 - (2.0 / math.pi) * elementary.arctan(float(rmse))


def _accuracy_fitness(labels: Sequence[Any], predictions: Sequence[Any], classes: int, limit: Any) -> float:
    """The share of examples whose probability of class 1 is on the label's side of a half."""
    return _share(bool(y > 0.5) == bool(sigmoid(p) > 0.5) for y, p in zip(labels, predictions, strict=True))


def _multiclass_fitness(labels: Sequence[Any], predictions: Sequence[Any], classes: int, limit: Any) -> float:
    """The share of examples whose largest score is that of the label."""
    return _share(chosen_class(p[:classes]) == int(y) for y, p in zip(labels, predictions, strict=True))


def _share(right: Iterable[bool]) -> float:
    """The share of ``right`` that is true."""
    verdicts = list(right)
    return verdicts.count(True) / len(verdicts)


def _binary_error(labels: NDArray[np.float64]) -> str | None:
    if np.isin(labels, (0.0, 1.0)).all():
        return None
    return "accuracy needs labels 0 and 1; use multiclass for more classes"


def _class_number_error(labels: NDArray[np.float64]) -> str | None:
    if (labels != np.floor(labels)).any() or (labels < 0).any():
        return "multiclass needs class numbers 0, 1, 2, …"
    return None


RMSE = Metric(
    name="rmse",
    label=LABEL,
    prediction=PREDICTION,
    squash=lambda prediction, classes: prediction,
    fitness=_rmse_fitness,
    label_error=lambda labels: None,
    classifies=False,
    output="the prediction",
    labels="any number",
)
"""Regression by the root of the mean squared error."""

ACCURACY = Metric(
    name="accuracy",
    label=LABEL,
    prediction=PREDICTION,
    squash=lambda prediction, classes: sigmoid(prediction),
    fitness=_accuracy_fitness,
    label_error=_binary_error,
    classifies=True,
    output="the probability of class 1",
    labels="0 or 1",
)
"""Classification into two classes by the share of right predictions."""

MULTICLASS = Metric(
    name="multiclass",
    label=LABELS,
    prediction=PREDICTIONS,
    squash=lambda prediction, classes: softmax(prediction[:classes]) + prediction[classes:],
    fitness=_multiclass_fitness,
    label_error=_class_number_error,
    classifies=True,
    output="the probability of each class",
    labels="a class number from 0",
)
"""Classification into C classes by the share of right predictions."""

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in (RMSE, ACCURACY, MULTICLASS)}
"""Every metric by its name. A compiled library numbers them in this order."""
