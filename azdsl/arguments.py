"""The checks of arguments of the public functions: a message says what was given and what is expected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from azdsl.config.experiment import Experiment
from azdsl.ir import Program
from azdsl.taskset import TaskSet

BACKENDS = ("reference", "vm", "jit", "auto", "gpu")
"""The backends. All give the same bits; ``gpu`` needs an NVIDIA GPU and pays for many long evaluations."""

SEED_LIMIT = 2**64

MOST_SHOWN = 60
"""The longest text of a value that a message shows."""


def as_program(value: Any) -> Program:
    """The value if it is a program. Raises ``TypeError``, which says how to make one of it."""
    if isinstance(value, Program):
        return value
    if isinstance(value, Experiment):
        way = "give its program, as in experiment.program"
    elif isinstance(value, os.PathLike) or (isinstance(value, str) and "\n" not in value):
        way = f"load a file with azdsl.load({os.fspath(value)!r}), and text with azdsl.parse"
    elif isinstance(value, str):
        way = "make one of text with azdsl.parse"
    elif isinstance(getattr(value, "best", None), Program):
        way = "give the best program of a result, as in result.best"
    else:
        way = "make one of text with azdsl.parse, of a file with azdsl.load"
    raise TypeError(f"not a program, but {shown(value)}: {way}")


def shown(value: Any) -> str:
    """A value as a message names it: its type, and a short value itself."""
    text = repr(value)
    return "None" if value is None else type(value).__name__ + (f" {text}" if len(text) <= MOST_SHOWN else "")


def check_task_set(value: Any) -> None:
    """Raise ``TypeError`` for what is not a task set."""
    if not isinstance(value, TaskSet):
        way = "make one of arrays with azdsl.TaskSet.from_arrays(train_X, train_y, valid_X, valid_y)"
        raise TypeError(f"not a task set, but {shown(value)}: {way}")


def check_seed(value: Any) -> None:
    """Raise ``TypeError`` for what is not an integer, ``ValueError`` for one out of range."""
    check_whole("seed", value)
    if not 0 <= value < SEED_LIMIT:
        raise ValueError(f"seed must be between 0 and 2**64 - 1, not {value}")


def check_whole(name: str, value: Any, least: int | None = None) -> None:
    """Raise ``TypeError`` for what is not an integer, ``ValueError`` for one below ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, not {shown(value)}")
    if least is not None and int(value) < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def check_max_abs_error(value: Any) -> None:
    """Raise ``TypeError`` for what is not a real number, ``ValueError`` for one below 0 and NaN."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"max_abs_error must be a number, not {shown(value)}")
    if not float(value) >= 0:
        raise ValueError(f"max_abs_error must be 0 or more, not {value}")


def check_choice(name: str, value: Any, known: Sequence[Any]) -> None:
    """Raise ``ValueError`` for what is not one of the ``known`` values."""
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}: use one of {', '.join(map(str, known))}")
