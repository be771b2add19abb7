"""The kinds of tasks that a ``task`` statement may name, and the keys of generated tasks and tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from azdsl.config.image_tasks import Images, Projected
from azdsl.config.schema import SettingsError, keys
from azdsl.config.schema import key as _key
from azdsl.config.task import Sizes, Split, Task
from azdsl.ir.metric import METRICS, Metric, MetricName
from azdsl.limits import MAX_EXAMPLES, MAX_FEATURES


@dataclass(frozen=True)
class Linear(Task):
    """x ~ N(0, 1)^F, w ~ N(0, 1)^F, y = w·x.

    With ``spread`` = σ each x is multiplied by a number of its own, exp(σ·N(0, 1)).
    """

    kind = "linear"
    summary = "y = w·x with Gaussian x and w"

    train: int = _key(100, "training examples of a search task", 1, MAX_EXAMPLES)
    valid: int = _key(100, "validation examples of a search task", 1, MAX_EXAMPLES)
    features: int = _key(4, "features of an example (F)", 1, MAX_FEATURES)
    spread: float = _key(
        0.0, "standard deviation of the logarithm of each example's scale (0: all have the scale 1)", 0.0, 10.0
    )
    noise: float = _key(0.0, "standard deviation of Gaussian noise that is added to training labels", 0.0, 1e6)
    metric: str = _key(
        "rmse",
        "metric: rmse, or accuracy, for which a label is 1 where it is above the median of the training labels, else 0",
        choices=("rmse", "accuracy"),
    )

    @property
    def metric_definition(self) -> Metric:
        """How predictions are scored."""
        return METRICS[self.metric]


DEFAULT_TASK = Linear()
"""The task of a file without a ``task`` statement."""


@dataclass(frozen=True)
class Affine(Linear):
    """y = w·x + b, all Gaussian."""

    kind = "affine"
    summary = "y = w·x + b with Gaussian x, w and b"


@dataclass(frozen=True)
class TwoLayer(Linear):
    """y = w·relu(Mx) with F hidden units, M and w Gaussian.

    With ``activation="abs"`` labels are an even function of x, of which a linear model explains nothing. With
    ``output_weights="one_sign"`` the second layer cannot be left at a constant: its weights are all positive or all negative.
    """

    kind = "two_layer"
    summary = "y = w·relu(Mx) with Gaussian x, M and w"

    activation: str = _key("relu", "activation of the teacher's hidden units", choices=("relu", "abs"))
    output_weights: str = _key(
        "gaussian",
        "the teacher's output weights: gaussian, positive (their absolute values) or one_sign (positive in half of the tasks, "
        "negative in the others)",
        choices=("gaussian", "positive", "one_sign"),
    )


@dataclass(frozen=True)
class FileTask(Task):
    """Rows of a table, split once at random into search, selection and test rows.

    A search task is a split of the search rows into training and validation rows. A selection task trains on the
    search rows and validates on the selection rows. A test task trains on both and validates on the test rows.
    Of several selection or test tasks, each two validate on two random halves of the rows; pairs differ in the order of the
    training rows. All differ in the random numbers that programs draw.
    """

    kind = "file"
    summary = "rows of a .npz, .csv or .parquet file"

    data: str = _key("", "data file (relative to the .az file)", required=True, location=True, formerly="path")
    target_column: str = _key("y", "column or array to predict", formerly="target")
    columns: str | None = _key(None, "columns to predict from, separated by commas (default: all other columns)")
    metric: str = _key(
        "rmse",
        "metric: rmse, accuracy (of labels 0 and 1) or multiclass",
        choices=tuple(METRICS),
        formerly="metric_name",
    )
    categorical: str = _key(
        "one_hot",
        "what becomes of text: one_hot (a feature for each category), ordinal (its place in the alphabet), or error",
        choices=("one_hot", "ordinal", "error"),
    )
    categories: str | None = _key(None, "columns of numbers that are categories too, separated by commas")
    dates: str | None = _key(None, "columns of ISO 8601 dates, which become days since 1970, separated by commas")
    missing: str = _key(
        "error",
        "what becomes of missing values: error, mean or median (of the training rows), or drop (leave out such rows)",
        choices=("error", "mean", "median", "drop"),
    )
    standardize: bool = _key(
        True, "scale features, and a regression target, by mean and standard deviation of the training rows"
    )
    features: int | None = _key(
        None, "features of an example, padded with zeros (default: one for each column)", 1, MAX_FEATURES
    )
    epochs: int = _key(10, "passes over the training rows", 1, 1_000_000)
    validations: int = _key(
        1, "validations, evenly spaced, of which the best counts; 1 is after the training", 1, 1_000_000
    )
    select: float = _key(0.2, "share of the rows reserved for selection", 0.001, 0.899)
    test: float = _key(0.2, "share of the rows reserved for the test", 0.001, 0.899)
    train: int | None = _key(
        None, "training rows of a search task (default: all search rows that do not validate)", 1, MAX_EXAMPLES
    )
    valid: int | None = _key(
        None, "validation rows of a search task (default: a quarter of the search rows)", 1, MAX_EXAMPLES
    )
    select_tasks: int = _key(
        10,
        "selection tasks, each pair with another order of the training rows and half of the rows for each",
        1,
        100_000,
    )
    select_train: int | None = _key(
        None, "training rows of a selection task (default: all search rows)", 1, MAX_EXAMPLES
    )
    select_valid: int | None = _key(
        None,
        "validation rows of a selection task (default: half of the selection rows; all of them for one task)",
        1,
        MAX_EXAMPLES,
    )
    test_tasks: int = _key(
        20, "test tasks, each pair with another order of the training rows and half of the rows for each", 1, 100_000
    )
    test_train: int | None = _key(
        None, "training rows of a test task (default: all search and selection rows)", 1, MAX_EXAMPLES
    )
    test_valid: int | None = _key(
        None,
        "validation rows of a test task (default: half of the test rows; all of them for one task)",
        1,
        MAX_EXAMPLES,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.select + self.test > 0.9:
            raise SettingsError(
                "test",
                f"select={self.select} and test={self.test} leave less than a tenth of the rows to the search; "
                "make one smaller",
            )

    def sizes(self, split: Split) -> Sizes:
        """The tasks of a split and the rows of each: None where a file does not say how many."""
        if split == "search":
            return Sizes(self.tasks, self.train, self.valid)
        if split == "select":
            return Sizes(self.select_tasks, self.select_train, self.select_valid)
        return Sizes(self.test_tasks, self.test_train, self.test_valid)

    @property
    def metric_definition(self) -> Metric:
        """How predictions are scored."""
        return METRICS[self.metric]


BUNDLED: Mapping[str, MetricName] = {
    "diabetes": "rmse",
    "breast_cancer": "accuracy",
    "digits": "multiclass",
    "iris": "multiclass",
    "wine": "multiclass",
}
"""The data sets that scikit-learn bundles, with their metrics."""


@dataclass(frozen=True)
class SklearnTask(FileTask):
    """A data set that scikit-learn bundles (extra ``sklearn``)."""

    kind = "sklearn"
    summary = "a data set that scikit-learn bundles: " + ", ".join(BUNDLED)

    data: str = _key("", "name of the data set", required=True, choices=tuple(BUNDLED), formerly="path")
    target_column: str = _key("target", "column to predict", formerly="target")
    metric: str = _key(
        "auto",
        "metric: rmse, accuracy, multiclass, or auto for the usual metric of the data set",
        choices=("auto", *METRICS),
        formerly="metric_name",
    )

    @property
    def metric_definition(self) -> Metric:
        """How predictions are scored."""
        return METRICS[BUNDLED.get(self.data, "rmse") if self.metric == "auto" else self.metric]


TASKS: Mapping[str, type[Task]] = {
    task.kind: task for task in (Linear, Affine, TwoLayer, FileTask, SklearnTask, Projected, Images)
}
"""The kinds of tasks, by the name that a file uses."""


def location_key(task: Task) -> str | None:
    """The key that holds the path of the task's data; None for a task without such a key."""
    return next((f.name for f in keys(task) if f.metadata.get("location")), None)


def located(task: Task, key: str, path: str) -> Task:
    """The task with ``path`` as the path of its data."""
    changes: dict[str, Any] = {key: path}
    return dataclasses.replace(task, **changes)


def relocated(task: Task | None, move: Callable[[str], str]) -> Task | None:
    """The task with a relative path of its data mapped by ``move``; absolute paths stay."""
    key = location_key(task) if task else None
    if task is None or key is None:
        return task
    path: str = getattr(task, key)
    return located(task, key, move(path)) if path and not PurePath(path).is_absolute() else task
