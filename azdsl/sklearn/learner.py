"""Estimators with a given program, and what they share with those that search."""

from __future__ import annotations

import os
import warnings
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from azdsl import api, sums
from azdsl.config.tasks import FileTask
from azdsl.experiments import opened
from azdsl.ir import METRICS, RMSE, Metric, MetricName, Program
from azdsl.sklearn.tables import encode, encoding_task, fit_encoding
from azdsl.syntax import parse_experiment

ProgramLike: TypeAlias = Program | str | os.PathLike[str] | None
Array: TypeAlias = NDArray[np.float64]

SCALAR_LEARNER = """
def Setup():
  s2 = 0.01
def Predict():
  s1 = dot(v0, v1)
  s1 = s1 + s3
def Learn():
  s4 = s0 - s1
  s4 = s4 * s2
  s3 = s3 + s4
  v2 = s4 * v0
  v1 = v1 + v2
"""
"""Linear regression by gradient descent with a bias; logistic regression with the metric accuracy."""

VECTOR_LEARNER = """
def Setup():
  s2 = 0.1
def Predict():
  v2 = dot(m0, v0)
  v2 = v2 + v3
def Learn():
  v4 = v1 - v2
  v4 = s2 * v4
  v3 = v3 + v4
  m1 = outer(v4, v0)
  m0 = m0 + m1
"""
"""Softmax regression by gradient descent, with biases."""

LEAST_CLASSES = 2


def read_program(program: ProgramLike, metric: Metric) -> Program:
    """The program from a program, its text, the path of its file, or None: linear regression for the metric. Raises ``TypeError``."""
    if program is None:
        return api.parse(VECTOR_LEARNER if metric.vector else SCALAR_LEARNER)
    if isinstance(program, Program):
        return program
    if isinstance(program, str) and ("\n" in program or "def " in program):
        return api.parse(program)
    if isinstance(program, str | os.PathLike):
        return api.load(program)
    raise TypeError(f"program must be a program, its text or a path, not {type(program).__name__}")


def table_of(program: ProgramLike) -> FileTask | None:
    """The table that the task statement of a program's text or file names; None without one."""
    if not isinstance(program, str | os.PathLike):
        return None
    text = isinstance(program, str) and "def " in program
    task = (parse_experiment(str(program)) if text else opened(program).experiment).task
    return task if isinstance(task, FileTask) else None


def scaling(values: Array) -> tuple[Any, Any]:
    """Mean and deviation over the rows; the deviation of a constant column is infinite, so that scaling makes it 0."""
    same = (values == values[0]).all(axis=0)
    deviation = sums.deviation(values)
    return sums.mean(values), np.where(same | ~(deviation > 0.0), np.inf, deviation)


def draw(random_state: Any) -> int:
    """The random seed of ``random_state``: an int is its own."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        check_random_state(random_state)
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


class Learner(BaseEstimator):
    """Training and prediction by a compiled program: the base of all four estimators.

    Subclasses have the parameters ``program``, ``epochs``, ``precision``, ``max_abs_error``, ``scale``, ``shuffle``, ``categorical`` and
    ``missing``. ``encoding_`` says how the columns of X became features, None where they are numbers.
    """

    def __sklearn_tags__(self) -> Any:
        """What kinds of X the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing in ("mean", "median")
        tags.input_tags.string = tags.input_tags.categorical = self.categorical in ("one_hot", "ordinal")
        return tags

    def _fitted(self, X: Any, y: ArrayLike, **checks: Any) -> tuple[Array, Any]:
        """The features of X, whose encoding is stored, and y."""
        task = encoding_task(table_of(self.program), self.categorical, self.missing)
        self.encoding_ = None
        if task is None:
            features, labels = validate_data(self, X, y, dtype=np.float64, **checks)
            return np.asarray(features), labels
        X, y = validate_data(self, X, y, skip_check_array=True)
        self.encoding_ = fit_encoding(X, task)
        features, labels = check_X_y(encode(X, self.encoding_), y, dtype=np.float64, **checks)
        return features, labels

    def _features(self, X: Any) -> Array:
        """The features of the rows of X as ``_fitted`` encoded them."""
        if self.encoding_ is None:
            rows: Array = validate_data(self, X, dtype=np.float64, reset=False)
            return rows
        return encode(validate_data(self, X, skip_check_array=True, reset=False), self.encoding_)

    def _metric(self) -> MetricName:
        return "rmse"

    def _classes(self) -> int:
        """The number of classes of a multi-class problem, else 0."""
        return 0

    def _prepared(self, X: Array) -> Array:
        """The features for the program: scaled, then padded with zeros to the number of classes."""
        X = (X - self.center_) / self.scale_ if self.scale else X
        missing = self._classes() - X.shape[1]
        return np.concatenate([X, np.zeros((len(X), missing))], axis=1) if missing > 0 else X

    def _measure(self, X: Array, y: Array) -> None:
        """Store mean and deviation for scaling."""
        if not self.scale:
            return
        self.center_, self.scale_ = scaling(X)
        if not METRICS[self._metric()].classifies:
            self.target_center_, spread = scaling(y)
            self.target_scale_ = spread if np.isfinite(spread) else 1.0

    def _targets(self, y: Array) -> Array:
        """The labels for the program."""
        return (
            (y - self.target_center_) / self.target_scale_
            if self.scale and not METRICS[self._metric()].classifies
            else y
        )

    def _learn(self, program: Program, X: Array, y: Array, seed: int) -> None:
        """Train the program; ``_measure`` must have been called."""
        rows, labels = self._prepared(X), self._targets(y)
        if self.shuffle:
            order = np.random.default_rng(seed).permutation(len(rows))
            rows, labels = rows[order], labels[order]
        self.program_ = program
        self.model_ = api.compile(
            program, rows.shape[1], self._metric(), self.precision, seed, self._classes() or None, self.max_abs_error
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            self.model_.fit(rows, labels, self.epochs)
        if self.model_.stopped:
            message = f"training stopped: a prediction was not finite, or its error greater than {self.max_abs_error:g}"
            warnings.warn(f"{message}; scale the data or increase max_abs_error", ConvergenceWarning, stacklevel=3)

    def _outputs(self, X: ArrayLike) -> Array:
        """The trained model's output for each row; the model does not change."""
        check_is_fitted(self)
        return self.model_.predict_frozen(self._prepared(self._features(X)))


class Regressor(RegressorMixin, Learner):
    """The base of regressors."""

    def _checked(self, X: ArrayLike, y: ArrayLike, **checks: Any) -> tuple[Array, Array]:
        X, y = self._fitted(X, y, y_numeric=True, **checks)
        y = np.asarray(y, np.float64)
        self._measure(X, y)
        return X, y

    def predict(self, X: ArrayLike) -> Array:
        """Predictions for the rows of X [n, F], float64[n]; the model does not change."""
        scores = self._outputs(X)
        return scores * self.target_scale_ + self.target_center_ if self.scale else scores


class Classifier(ClassifierMixin, Learner):
    """The base of classifiers."""

    def _metric(self) -> MetricName:
        return "accuracy" if len(self.classes_) == LEAST_CLASSES else "multiclass"

    def _classes(self) -> int:
        return len(self.classes_) if len(self.classes_) > LEAST_CLASSES else 0

    def _checked(self, X: ArrayLike, y: ArrayLike, **checks: Any) -> tuple[Array, Array]:
        X, y = self._fitted(X, y, **checks)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < LEAST_CLASSES:
            only = self.classes_.tolist()[0]
            raise ValueError(f"at least two classes are needed, but y has one class: {only!r}")
        numbers = codes.astype(np.float64)
        self._measure(X, numbers)
        return X, numbers

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities [n, C] of the classes, in the order of ``classes_``."""
        scores = self._outputs(X)
        return scores if scores.ndim > 1 else np.stack([1.0 - scores, scores], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class of each row of X; of equals the first."""
        codes = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels


class _Given(Learner):
    """The parameters of estimators with a given program."""

    def __init__(
        self,
        program: ProgramLike = None,
        epochs: int = 1,
        precision: int = 64,
        random_state: Any = 0,
        max_abs_error: float = 100.0,
        scale: bool = False,
        shuffle: bool = False,
        categorical: str | None = None,
        missing: str | None = None,
    ) -> None:
        self.program = program
        self.epochs = epochs
        self.precision = precision
        self.random_state = random_state
        self.max_abs_error = max_abs_error
        self.scale = scale
        self.shuffle = shuffle
        self.categorical = categorical
        self.missing = missing


class AZRegressor(Regressor, _Given):
    """Regression by a given program, with the semantics of the language.

    Args:
        program: A program, its text or the path of a ``.az`` file; None is linear regression by gradient descent.
        epochs: Number of passes over the training rows.
        precision: Bits of numbers in the program, 64 or 32.
        random_state: Random seed of the program's draws.
        max_abs_error: Training stops with a ``ConvergenceWarning`` if the absolute error of a prediction is greater.
        scale: Whether to scale features and target by mean and deviation of the training rows. If not, predictions
            equal those of ``azdsl.compile`` bit for bit.
        shuffle: Whether training takes the rows in random order.
        categorical: What becomes of columns of text: ``one_hot`` (a feature for each category), ``ordinal`` (its place in the alphabet)
            or ``error``. None: as the task statement of the program says, if that names a table; otherwise X must be numbers.
        missing: What becomes of missing values: ``mean`` or ``median`` of the training rows, or ``error``. None: as for ``categorical``.

    Attributes:
        program_: The program.
        encoding_: How the columns of a table became features; None where X is numbers.
        model_: The trained ``azdsl`` model; ``model_.memory`` has its registers.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on X [n, F] and y [n]."""
        X, y = self._checked(X, y)
        self._learn(read_program(self.program, RMSE), X, y, draw(self.random_state))
        return self


class AZClassifier(Classifier, _Given):
    """Classification by a given program; the prediction register is s1 for two classes and v2 for more.

    Labels may have any type. With more classes than features, features are padded with zeros. Parameters and
    attributes are those of ``AZRegressor``, and ``classes_``.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on X [n, F] and class labels y [n]."""
        X, y = self._checked(X, y)
        self._learn(read_program(self.program, METRICS[self._metric()]), X, y, draw(self.random_state))
        return self
