"""The kinds of tasks that a ``task`` statement may name, and the keys of each: types, defaults, bounds and help."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar, Literal

from azdsl.config.schema import SettingsError, keys, validate
from azdsl.config.schema import key as _key
from azdsl.ir.metric import ACCURACY, METRICS, MULTICLASS, RMSE, Metric, MetricName
from azdsl.limits import MAX_EXAMPLES, MAX_FEATURES

Split = Literal["search", "select", "test"]
"""One of the three splits of a task's examples: for the search, for selection among the finalists, for the test."""


@dataclass(frozen=True)
class Sizes:
    """Tasks of a split, and training and validation examples of each; None for all that there are."""

    tasks: int
    train: int | None
    valid: int | None


@dataclass(frozen=True)
class Task:
    """The keys that every ``task`` statement has: the sizes of the splits and the training schedule."""

    kind: ClassVar[str]
    summary: ClassVar[str]

    tasks: int = _key(10, "search tasks, on which programs are evaluated", 1, 100_000)
    train: int | None = _key(100, "training examples of a search task", 1, MAX_EXAMPLES)
    valid: int | None = _key(100, "validation examples of a search task", 1, MAX_EXAMPLES)
    epochs: int = _key(1, "passes over the training examples, with a validation after each", 1, 1_000_000)
    validations: int | None = _key(
        None, "validations, evenly spaced, of which the best counts (default: one after each pass)", 1, 1_000_000
    )
    select_tasks: int = _key(100, "selection tasks, on which the finalists are compared", 1, 100_000)
    select_train: int | None = _key(None, "training examples of a selection task (default: train)", 1, MAX_EXAMPLES)
    select_valid: int | None = _key(None, "validation examples of a selection task (default: valid)", 1, MAX_EXAMPLES)
    test_tasks: int = _key(100, "test tasks, on which the best program is scored once", 1, 100_000)
    test_train: int | None = _key(None, "training examples of a test task (default: select_train)", 1, MAX_EXAMPLES)
    test_valid: int | None = _key(None, "validation examples of a test task (default: select_valid)", 1, MAX_EXAMPLES)

    def __post_init__(self) -> None:
        validate(self)

    @property
    def metric_definition(self) -> Metric:
        """How predictions are scored."""
        return RMSE

    def sizes(self, split: Split) -> Sizes:
        """The tasks of a split and the examples of each, defaults applied."""
        if split == "search":
            return Sizes(self.tasks, self.train, self.valid)
        train, valid = self.select_train or self.train, self.select_valid or self.valid
        if split == "select":
            return Sizes(self.select_tasks, train, valid)
        return Sizes(self.test_tasks, self.test_train or train, self.test_valid or valid)

    def epoch_length(self, train: int) -> int:
        """Training steps before each validation, for ``train`` training examples. Raises ``SettingsError``."""
        steps, count = train * self.epochs, self.validations or self.epochs
        if steps % count:
            raise SettingsError(
                "validations",
                f"validations={count} does not divide the {steps} training steps ({train} examples × {self.epochs})",
            )
        return steps // count


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
    validations: int | None = _key(
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


IMAGE_SETS = ("cifar10", "mnist", "fashion_mnist", "npz", "digits", "openml")
"""The image sets that ``images`` may name."""

HELD_OUT = "0-5 0-9 1-8 2-9 3-5 3-6 3-8 4-6 8-9"
"""The pairs of CIFAR-10 classes that AutoML-Zero holds out for selection and test."""


@dataclass(frozen=True)
class ImageTask(Task):
    """The keys of every task made from an image set.

    The images of each class are split once at random. The test split validates on the set's own test images, or where
    it has none on a share of its images. Search and selection validate on images of their own. All splits train on the
    rest.
    """

    images: str = _key("", "image set (one of " + ", ".join(IMAGE_SETS) + ")", required=True, choices=IMAGE_SETS)
    data: str = _key(
        "", "directory or file of the image set (relative to the .az file)", location=True, formerly="path"
    )
    dataset: str | None = _key(None, "name of the data set at OpenML, for images=openml")
    train: int = _key(8000, "training examples of a search task", 1, MAX_EXAMPLES)
    valid: int = _key(1000, "validation examples of a search task", 1, MAX_EXAMPLES)
    test: float = _key(0.2, "share of the images reserved for the test, if the set has no test images", 0.001, 0.9)
    select_tasks: int = _key(18, "selection tasks, on which the finalists are compared", 1, 100_000)
    test_tasks: int = _key(27, "test tasks, on which the best program is scored once", 1, 100_000)
    test_valid: int | None = _key(
        None, "validation examples of a test task (default: all test images of its classes)", 1, MAX_EXAMPLES
    )
    features: int | None = _key(16, "features that an image is projected to (F)", 1, MAX_FEATURES)

    def sizes(self, split: Split) -> Sizes:
        """The tasks of a split and the examples of each: all test images where ``test_valid`` is not given."""
        found = super().sizes(split)
        return dataclasses.replace(found, valid=self.test_valid) if split == "test" else found


@dataclass(frozen=True)
class Projected(ImageTask):
    """Binary classification of randomly projected images, as in AutoML-Zero (section 4.2).

    A task is a pair of classes and a Gaussian matrix that projects the pixels to ``features`` numbers, standardized by
    mean and standard deviation of the training examples. The label is 0 for the first class and 1 for the second.
    """

    kind = "projected"
    summary = "images of two classes, projected at random to a few features"

    features: int = _key(16, "features that an image is projected to (F)", 1, MAX_FEATURES)
    pairs: str | None = _key(
        None, 'pairs of classes of the search tasks, such as "0-1 2-7" (default: all pairs that are not held out)'
    )
    held_out: str | None = _key(
        None,
        "pairs of classes of selection and test tasks, or none to use the pairs of the search "
        f'(default: "{HELD_OUT}" for ten classes, else a fifth of the pairs)',
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        both = set(pairs_of("pairs", self.pairs)) & set(pairs_of("held_out", self.held_out))
        if both:
            first, second = min(both)
            raise SettingsError(
                "held_out", f"the pair {first}-{second} is both in pairs and in held_out; remove it from one of them"
            )

    @property
    def metric_definition(self) -> Metric:
        """How predictions are scored."""
        return ACCURACY


def pairs_of(key: str, text: str | None) -> tuple[tuple[int, int], ...]:
    """The pairs of classes in ``"0-1 2-7"``, the smaller number first; empty for None and ``none``.

    Raises ``SettingsError`` for ``key``.
    """
    if text is None or text == "none":
        return ()
    found = [re.fullmatch(r"(\d{1,5})-(\d{1,5})", word, re.ASCII) for word in re.split(r"[\s,]+", text.strip())]
    pairs = [(int(match[1]), int(match[2])) for match in found if match and int(match[1]) != int(match[2])]
    if len(pairs) < len(found):
        raise SettingsError(key, f'{key} must be pairs of different classes such as "0-1 2-7", not {text!r}')
    ordered = [(min(pair), max(pair)) for pair in pairs]
    if len(set(ordered)) < len(ordered):
        raise SettingsError(key, f"{key} lists a pair twice: {text!r}")
    return tuple(ordered)


@dataclass(frozen=True)
class Images(ImageTask):
    """Multi-class classification of images by standardized pixels, or by a random projection of them."""

    kind = "images"
    summary = "images of several classes, as pixels or projected at random"

    features: int | None = _key(
        None, "features that an image is projected to (default: no projection, its pixels)", 2, MAX_FEATURES
    )
    classes: str | None = _key(None, 'classes of the tasks, such as "0 1 7" (default: all)')

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(classes_of(self.classes))
        if self.features is not None and count > self.features:
            raise SettingsError("features", f"{count} classes need at least {count} features, not {self.features}")

    @property
    def metric_definition(self) -> Metric:
        """How predictions are scored."""
        return MULTICLASS


def classes_of(text: str | None) -> tuple[int, ...]:
    """The class numbers in ``"0 1 7"``; empty for None. Raises ``SettingsError``."""
    if text is None:
        return ()
    words = re.split(r"[\s,]+", text.strip())
    if not all(re.fullmatch(r"\d{1,5}", word, re.ASCII) for word in words) or len(set(map(int, words))) < max(
        2, len(words)
    ):
        raise SettingsError("classes", f'classes must be two or more different numbers such as "0 1 7", not {text!r}')
    return tuple(map(int, words))


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
