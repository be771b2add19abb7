"""The keys that every ``task`` statement has: the sizes of the splits and the training schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from azdsl.config.schema import SettingsError, key, validate
from azdsl.ir.metric import RMSE, Metric
from azdsl.limits import MAX_EXAMPLES

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

    tasks: int = key(10, "search tasks, on which programs are evaluated", 1, 100_000)
    train: int | None = key(100, "training examples of a search task", 1, MAX_EXAMPLES)
    valid: int | None = key(100, "validation examples of a search task", 1, MAX_EXAMPLES)
    epochs: int = key(1, "passes over the training examples, with a validation after each", 1, 1_000_000)
    validations: int | None = key(
        None, "validations, evenly spaced, of which the best counts (default: one after each pass)", 1, 1_000_000
    )
    select_tasks: int = key(100, "selection tasks, on which the finalists are compared", 1, 100_000)
    select_train: int | None = key(None, "training examples of a selection task (default: train)", 1, MAX_EXAMPLES)
    select_valid: int | None = key(None, "validation examples of a selection task (default: valid)", 1, MAX_EXAMPLES)
    test_tasks: int = key(100, "test tasks, on which the best program is scored once", 1, 100_000)
    test_train: int | None = key(None, "training examples of a test task (default: select_train)", 1, MAX_EXAMPLES)
    test_valid: int | None = key(None, "validation examples of a test task (default: select_valid)", 1, MAX_EXAMPLES)

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
