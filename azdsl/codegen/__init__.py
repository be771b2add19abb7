"""Compiled backends: the virtual machine (``vm``), on which the search runs, and the compiler of single programs (``jit``).

Both use one lowering for each op (``lowering``) and one evaluation (``evaluation``).
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
    backend: Literal["auto", "vm", "jit", "gpu"] = "vm",
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
    announce: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Fitness of each program on each task, float64[P, T], by a compiled backend.

    ``auto`` takes for each program the backend that is predicted to be the faster. The first such choice on a machine takes
    measurements of a few seconds; ``announce`` is called before them. ``gpu`` raises ``GpuError`` where there is none.
    """
    from azdsl.codegen import backends
    from azdsl.codegen.protocol import EvaluationSettings

    settings = EvaluationSettings(seed, max_abs_error, precision)
    if backend == "gpu":
        from azdsl.codegen.gpu.evaluate import evaluate_gpu

        return evaluate_gpu(programs, tasks, settings)
    if backend == "auto":
        return backends.evaluate_auto(programs, tasks, settings, announce)
    run = backends.evaluate_vm if backend == "vm" else backends.evaluate_jit
    return run(programs, tasks, settings)
