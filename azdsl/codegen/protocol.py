"""What an evaluation (``evaluation``) and the backends that run programs inside it agree on: arguments, parts, settings.

A backend supplies the registers that the evaluation reads and writes, and the code that runs Setup, Predict and Learn.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from azdsl.codegen.emitter import Emitter, Value
from azdsl.ir import Metric


class Field(enum.IntEnum):
    """The argument table of an evaluation: the index of each 8-byte field."""

    TRAIN_X = 0  # lane values [N, F]
    TRAIN_Y = 1  # lane values [N]
    VALID_X = 2  # lane values [M, F]
    VALID_Y = 3  # lane values [M]
    N = 4
    M = 5
    EPOCH_LENGTH = 6
    EPOCHS = 7  # validations
    MAX_ABS_ERROR = 8  # float64
    SEED = 9
    TASK = 10  # index of lane 0's task
    LANES = 11  # bit mask of the lanes that hold tasks
    FITNESS = 12  # float64 [W], written
    TRACE = 13  # uint64 [W], written; null to compute no trace
    STOPPED = 14  # written: whether the training of every task stopped before its first validation
    MEMORY = 15  # memory for registers
    MEMORY_BYTES = 16  # bytes of it that the VM clears; memory for one more register follows
    RETURN = (
        17  # address of the word of the VM's records that Predict ends with, where training and validation share them
    )
    SETTLED = 18  # examples of a validation before ``Part.SETTLED``
    UNREAD = 19  # whether only the last step before a validation needs the squashed prediction
    CODE = 20  # the VM's records of the first ``Part``; the next fields are those of the others


class Part(enum.IntEnum):
    """The parts of an evaluation, each of which runs one function of the program.

    Not all of a function need run in every part (``parts``): what nothing reads any more is left out.
    """

    SETUP = 0
    PREDICT = 1  # training, without its last example
    LEARN = 2
    LAST_PREDICT = 3  # the last example before a validation
    LAST_LEARN = 4
    VALIDATE = 5  # Predict on the first validation examples
    SETTLED = 6  # Predict on the others

    @property
    def function(self) -> int:
        """The function that runs: Setup is 0, Predict 1, Learn 2."""
        return (0, 1, 2, 1, 2, 1, 1)[self]


FIELDS = int(Field.CODE) + len(Part)
"""8-byte fields in an argument table."""


@dataclass(frozen=True)
class Visit:
    """What random draws depend on: the key, the number of the current visit of an example, the task."""

    key: tuple[Value, Value]
    number: Callable[[], Value]
    task: Value


class Backend(Protocol):
    """Runs a program inside the evaluation. Pointers are to arrays of lane values."""

    def begin(self, e: Emitter, arguments: Value, visit: Visit) -> None:
        """Make registers with value 0."""

    def prediction(self) -> Value:
        """The address of s1."""

    def vector(self, index: int) -> Value:
        """The address of v1 or v2, for a vector metric."""

    def entering(self) -> None:
        """Prepare for a loop that begins with Predict; called before the loops of training and of validation."""

    def predicting(self, x: Value) -> None:
        """Make v0 the features at ``x`` for Predict, in which s0 is 0."""

    def learning(self, x: Value, y: Value) -> None:
        """Make v0 the features at ``x`` and s0 the label at ``y`` for Learn."""

    def choose(self, part: Part, other: Part, stretch: Value) -> None:
        """Make the next runs of ``part`` run ``other`` where ``stretch`` is 1, not 0."""

    def run(self, part: Part) -> None:
        """Emit a call of ``part``, or of the other one last chosen for it; the builder then stands where it returns."""


@dataclass(frozen=True)
class EvaluationSettings:
    """What a fitness depends on besides program and tasks.

    ``precision`` is 64 or 32: the bits of a number. ``first_task`` is the number of the task set's first task in random draws.
    """

    seed: int = 0
    max_abs_error: float = 100.0
    precision: int = 64
    first_task: int = 0


DEFAULTS = EvaluationSettings()


@dataclass(frozen=True)
class Specialization:
    """What the machine code of an evaluation is compiled for.

    ``lanes`` is W, the tasks that are evaluated together; ``classes`` is C, 0 for a metric without classes; ``precision`` is
    64 or 32.
    """

    features: int
    lanes: int
    metric: Metric
    classes: int = 0
    precision: int = 64

    def with_lanes(self, lanes: int) -> Specialization:
        """The same for another number of lanes."""
        return replace(self, lanes=lanes)
