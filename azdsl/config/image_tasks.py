"""The kinds of tasks made from image sets, and the keys of each."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from azdsl.config.schema import SettingsError, key
from azdsl.config.task import Sizes, Split, Task
from azdsl.ir.metric import ACCURACY, MULTICLASS, Metric
from azdsl.limits import MAX_EXAMPLES, MAX_FEATURES

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

    images: str = key("", "image set (one of " + ", ".join(IMAGE_SETS) + ")", required=True, choices=IMAGE_SETS)
    data: str = key("", "directory or file of the image set (relative to the .az file)", location=True, formerly="path")
    dataset: str | None = key(None, "name of the data set at OpenML, for images=openml")
    train: int = key(8000, "training examples of a search task", 1, MAX_EXAMPLES)
    valid: int = key(1000, "validation examples of a search task", 1, MAX_EXAMPLES)
    test: float = key(0.2, "share of the images reserved for the test, if the set has no test images", 0.001, 0.9)
    select_tasks: int = key(18, "selection tasks, on which the finalists are compared", 1, 100_000)
    test_tasks: int = key(27, "test tasks, on which the best program is scored once", 1, 100_000)
    test_valid: int | None = key(
        None, "validation examples of a test task (default: all test images of its classes)", 1, MAX_EXAMPLES
    )
    features: int | None = key(16, "features that an image is projected to (F)", 1, MAX_FEATURES)

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

    features: int = key(16, "features that an image is projected to (F)", 1, MAX_FEATURES)
    pairs: str | None = key(
        None, 'pairs of classes of the search tasks, such as "0-1 2-7" (default: all pairs that are not held out)'
    )
    held_out: str | None = key(
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

    features: int | None = key(
        None, "features that an image is projected to (default: no projection, its pixels)", 2, MAX_FEATURES
    )
    classes: str | None = key(None, 'classes of the tasks, such as "0 1 7" (default: all)')

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
