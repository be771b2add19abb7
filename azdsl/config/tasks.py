"""The schema of ``task`` statements: every kind of task and every key of it, once.

As in ``azdsl.config.search``, a field's metadata says what it means (``help``) and its least and greatest value.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar, Literal, cast

from azdsl.config.schema import SettingsError, check, keys
from azdsl.config.schema import key as _key
from azdsl.limits import MAX_FEATURES

Metric = Literal["rmse", "accuracy", "multiclass"]
"""How predictions are scored."""


@dataclass(frozen=True)
class Task:
    """What every ``task`` statement has: how many tasks the search sees, and how many judge it."""

    kind: ClassVar[str]
    summary: ClassVar[str]

    tasks: int = _key(10, "tasks that the search evaluates every program on", 1, 100_000)
    train: int | None = _key(100, "training examples of each task", 1, 100_000_000)
    valid: int | None = _key(100, "validation examples of each task", 1, 100_000_000)
    epochs: int = _key(1, "passes over the training examples, each followed by validation", 1, 1_000_000)
    validations: int | None = _key(
        None, "validations, evenly spaced; the best one counts (default: one after each pass)", 1, 1_000_000
    )
    select_tasks: int = _key(100, "fresh tasks on which the finalists are compared", 1, 100_000)
    select_train: int | None = _key(None, "their training examples (default: as train)", 1)
    select_valid: int | None = _key(None, "their validation examples (default: as valid)", 1)
    test_tasks: int = _key(100, "fresh tasks on which the answer is scored once", 1, 100_000)
    test_train: int | None = _key(None, "their training examples (default: as select_train)", 1)
    test_valid: int | None = _key(None, "their validation examples (default: as select_valid)", 1)

    def __post_init__(self) -> None:
        check(self)

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return "rmse"

    def epoch_length(self, train: int) -> int:
        """Training steps before each validation, with so many training examples. Raises ``SettingsError``."""
        steps, count = train * self.epochs, self.validations or self.epochs
        if steps % count:
            raise SettingsError(
                "validations",
                f"validations={count} does not divide the {steps} training steps ({train} examples × {self.epochs})",
            )
        return steps // count


@dataclass(frozen=True)
class Linear(Task):
    """x ~ N(0, 1)^F, w ~ N(0, 1)^F, y = w·x."""

    kind = "linear"
    summary = "y = w·x with Gaussian x and w"

    train: int = _key(100, "training examples of each task", 1, 100_000_000)
    valid: int = _key(100, "validation examples of each task", 1, 100_000_000)
    features: int = _key(4, "numbers in an example (F)", 1, MAX_FEATURES)


@dataclass(frozen=True)
class Affine(Linear):
    """y = w·x + b, all Gaussian."""

    kind = "affine"
    summary = "y = w·x + b with Gaussian x, w and b"


@dataclass(frozen=True)
class TwoLayer(Linear):
    """y = w·relu(Mx), M and w Gaussian."""

    kind = "two_layer"
    summary = "y = w·relu(Mx), a two-layer teacher with Gaussian M and w"


@dataclass(frozen=True)
class FileTask(Task):
    """Rows of a table, split once at random into search, selection and test rows.

    A search task is a split of the search rows into training and validation rows. Selection trains on
    the search rows and validates on the selection rows; the test trains on both and validates on the
    test rows. Several selection or test tasks differ in the order of the training rows.
    """

    kind = "file"
    summary = "rows of a .npz, .csv or .parquet file"

    path: str = _key("", "the file (relative to the .az file)", required=True, location=True)
    target: str = _key("y", "column or array to predict", column=True)
    columns: str | None = _key(None, "columns to predict from, separated by commas (default: all others)")
    metric_name: str = _key(
        "rmse", "rmse, accuracy (labels 0 and 1) or multiclass", choices=("rmse", "accuracy", "multiclass")
    )
    standardize: bool = _key(True, "scale features (and a regression target) by the training rows' mean and deviation")
    features: int | None = _key(
        None, "pad the features with zeros to this many (default: as many as there are)", 1, MAX_FEATURES
    )
    select: float = _key(0.2, "share of the rows kept for comparing the finalists", 0.001, 0.9)
    test: float = _key(0.2, "share of the rows kept for the final score", 0.001, 0.9)
    train: int | None = _key(
        None, "training rows of each task (default: the search rows that are not for validation)", 1
    )
    valid: int | None = _key(None, "validation rows of each task (default: a quarter of the search rows)", 1)
    select_tasks: int = _key(1, "orders of the training rows in which the finalists are compared", 1, 100_000)
    select_train: int | None = _key(None, "their training rows (default: all search rows)", 1)
    select_valid: int | None = _key(None, "their validation rows (default: all selection rows)", 1)
    test_tasks: int = _key(1, "orders of the training rows in which the answer is scored once", 1, 100_000)
    test_train: int | None = _key(None, "their training rows (default: all search and selection rows)", 1)
    test_valid: int | None = _key(None, "their validation rows (default: all test rows)", 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.select + self.test > 0.9:
            raise SettingsError(
                "test", f"select={self.select} and test={self.test} leave under a tenth of the rows to the search"
            )

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return cast("Metric", self.metric_name)


BUNDLED: Mapping[str, Metric] = {
    "diabetes": "rmse",
    "breast_cancer": "accuracy",
    "digits": "multiclass",
    "iris": "multiclass",
    "wine": "multiclass",
}
"""The data sets that scikit-learn bundles, and how each is scored."""


@dataclass(frozen=True)
class SklearnTask(FileTask):
    """One of scikit-learn's bundled data sets (extra ``sklearn``)."""

    kind = "sklearn"
    summary = "a data set that scikit-learn bundles: " + ", ".join(BUNDLED)

    path: str = _key("", "the data set's name", required=True, choices=tuple(BUNDLED))
    target: str = _key("target", "column to predict", column=True)
    metric_name: str = _key(
        "auto",
        "rmse, accuracy, multiclass or auto: what suits the data set",
        choices=("auto", "rmse", "accuracy", "multiclass"),
    )

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return BUNDLED.get(self.path, "rmse") if self.metric_name == "auto" else super().metric


IMAGE_SETS = ("cifar10", "mnist", "fashion_mnist", "npz", "digits", "openml")
"""Where pictures can come from."""

HELD_OUT = "0-5 0-9 1-8 2-9 3-5 3-6 3-8 4-6 8-9"
"""The pairs of CIFAR-10's classes that AutoML-Zero keeps from the search."""


@dataclass(frozen=True)
class ImageTask(Task):
    """What every task made of an image set has.

    The pictures of each class are dealt out once at random: those for the test (where the set keeps pictures
    for it: those), for validation in selection and in the search, and the rest, which all roles train on.
    """

    images: str = _key("", "the image set (one of " + ", ".join(IMAGE_SETS) + ")", required=True, choices=IMAGE_SETS)
    path: str = _key("", "folder or file of the image set (relative to the .az file)", location=True)
    dataset: str | None = _key(None, "OpenML's name of the data set, for images=openml")
    train: int = _key(8000, "training examples of each task", 1, 100_000_000)
    valid: int = _key(1000, "validation examples of each task", 1, 100_000_000)
    test: float = _key(0.2, "share of the pictures kept for the test, where the set has no test pictures", 0.001, 0.9)
    select_tasks: int = _key(18, "fresh tasks on which the finalists are compared", 1, 100_000)
    test_tasks: int = _key(27, "fresh tasks on which the answer is scored once", 1, 100_000)
    test_valid: int | None = _key(None, "their validation examples (default: all that the classes have)", 1)
    features: int | None = _key(16, "numbers that a picture is projected to (F)", 1, MAX_FEATURES)


@dataclass(frozen=True)
class Projected(ImageTask):
    """Two classes told apart by a random projection of their pictures, as in AutoML-Zero.

    A task is a pair of classes and a Gaussian matrix that takes the pixels to ``features`` numbers, which are
    standardised by the training examples' mean and deviation. Labels are 0 for the first class and 1 for the second.
    """

    kind = "projected"
    summary = "pictures of two classes, projected at random to a few features"

    features: int = _key(16, "numbers that a picture is projected to (F)", 1, MAX_FEATURES)
    pairs: str | None = _key(
        None, 'pairs of classes of the search, such as "0-1 2-7" (default: all that are not held out)'
    )
    held_out: str | None = _key(
        None,
        f'pairs of selection and test, or none: the search\'s (default: "{HELD_OUT}"; other than ten classes: a fifth)',
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        both = set(pairs_of("pairs", self.pairs)) & set(pairs_of("held_out", self.held_out))
        if both:
            first, second = min(both)
            raise SettingsError(
                "held_out", f"the pair {first}-{second} is in pairs too: what is held out is kept from the search"
            )

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return "accuracy"


def pairs_of(key: str, text: str | None) -> tuple[tuple[int, int], ...]:
    """The pairs of classes in ``"0-1 2-7"``, each with the smaller first; none for None and ``none``. Raises ``SettingsError``."""
    if text is None or text == "none":
        return ()
    found = [re.fullmatch(r"(\d{1,5})-(\d{1,5})", word, re.ASCII) for word in re.split(r"[\s,]+", str(text).strip())]
    pairs = [(int(match[1]), int(match[2])) for match in found if match and int(match[1]) != int(match[2])]
    if len(pairs) < len(found):
        raise SettingsError(key, f'{key} must be pairs of different classes such as "0-1 2-7", not {text!r}')
    ordered = [(min(pair), max(pair)) for pair in pairs]
    if len(set(ordered)) < len(ordered):
        raise SettingsError(key, f"{key} names a pair twice: {text!r}")
    return tuple(ordered)


@dataclass(frozen=True)
class Images(ImageTask):
    """Many classes told apart by their pixels, or by a random projection of them; standardised."""

    kind = "images"
    summary = "pictures of several classes, as they are or projected at random"

    features: int | None = _key(
        None, "numbers that a picture is projected to (default: its pixels as they are)", 2, MAX_FEATURES
    )
    classes: str | None = _key(None, 'the classes, such as "0 1 7" (default: all)')

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(classes_of(self.classes))
        if self.features is not None and count > self.features:
            raise SettingsError("features", f"{count} classes need as many features, not {self.features}")

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return "multiclass"


def classes_of(text: str | None) -> tuple[int, ...]:
    """The class numbers in ``"0 1 7"``; none for None. Raises ``SettingsError``."""
    if text is None:
        return ()
    words = re.split(r"[\s,]+", str(text).strip())
    if not all(re.fullmatch(r"\d{1,5}", word, re.ASCII) for word in words) or len(set(map(int, words))) < max(
        2, len(words)
    ):
        raise SettingsError("classes", f'classes must be two or more different numbers such as "0 1 7", not {text!r}')
    return tuple(map(int, words))


TASKS: Mapping[str, type[Task]] = {
    task.kind: task for task in (Linear, Affine, TwoLayer, FileTask, SklearnTask, Projected, Images)
}
"""Task kinds that a file may name."""


def location_key(task: Task) -> str | None:
    """The key that says where the task's data are; None for a task without such."""
    return next((f.name for f in keys(task) if f.metadata.get("location")), None)


def located(task: Task, key: str, path: str) -> Task:
    """The task with another path of its data."""
    changes: dict[str, Any] = {key: path}
    return dataclasses.replace(task, **changes)


def relocated(task: Task | None, move: Callable[[str], str]) -> Task | None:
    """The task with the relative path of its data, if it has one, changed by ``move``."""
    key = location_key(task) if task else None
    if task is None or key is None:
        return task
    path: str = getattr(task, key)
    return located(task, key, move(path)) if path and not PurePath(path).is_absolute() else task
