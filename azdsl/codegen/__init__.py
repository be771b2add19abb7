"""Compiled backends: the virtual machine that the search runs on, and whole-program compilation.

One lowering per op (``lowering``) and one evaluation (``protocol``) serve both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from azdsl.ir import Program
    from azdsl.taskset import TaskSet


def evaluate(
    programs: Sequence[Program],
    tasks: TaskSet,
    *,
    backend: Literal["vm", "jit"] = "vm",
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
) -> NDArray[np.float64]:
    """Fitness of each program on each task, float64[P, T], by a compiled backend."""
    from azdsl.codegen import backends

    run = backends.evaluate_vm if backend == "vm" else backends.evaluate_jit
    return run(programs, tasks, seed=seed, max_abs_error=max_abs_error, precision=precision)
