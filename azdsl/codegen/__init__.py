"""Compiled backends: the virtual machine that the search runs on, and whole-program compilation.

One lowering per op (``lowering``) and one evaluation (``protocol``) serve both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    backend: Literal["auto", "vm", "jit"] = "vm",
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
    announce: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Fitness of each program on each task, float64[P, T], by a compiled backend.

    ``auto`` takes for each program the one that is thought to be the faster; ``announce`` is called before
    the first such choice on this machine, which takes measurements.
    """
    from azdsl.codegen import backends

    if backend == "auto":
        return backends.evaluate_auto(
            programs, tasks, seed=seed, max_abs_error=max_abs_error, precision=precision, announce=announce
        )
    run = backends.evaluate_vm if backend == "vm" else backends.evaluate_jit
    return run(programs, tasks, seed=seed, max_abs_error=max_abs_error, precision=precision)
