"""Evaluating programs on a GPU. A program that needs more memory than a warp can have runs on the processor, with the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.backends import concatenate, evaluate_vm
from azdsl.codegen.gpu.batch import GPU_OPS, Batch, examples, make_batch, numbers, specialize, words
from azdsl.codegen.gpu.driver import Gpu, Kernel, gpu
from azdsl.codegen.gpu.kernel import NAME, Parameter
from azdsl.codegen.gpu.ptx import kernel_ptx
from azdsl.codegen.gpu.threads import WARP, Shape
from azdsl.codegen.protocol import DEFAULTS, EvaluationSettings, Specialization
from azdsl.codegen.sources import sources_digest
from azdsl.codegen.target import cached_object
from azdsl.ir import Program, pack_live
from azdsl.taskset import TaskSet

MOST_WARPS = 1 << 22
"""Warps of a launch, so that the screen of a desktop does not freeze for long."""


@lru_cache(maxsize=32)
def load_kernel(specialization: Specialization, shape: Shape) -> Kernel:
    """The kernel on the GPU of this process: machine code from the cache on disk, or translated now."""
    device = gpu()
    key = f"gpu {specialization} {shape} {device.capability} {device.driver_version} {sources_digest(__name__)}"

    def make() -> bytes:
        return device.translate(kernel_ptx(specialization, GPU_OPS, shape))

    return device.load(cached_object(key, make), NAME)


class TasksOnGpu:
    """A task set in the GPU's memory."""

    def __init__(self, tasks: TaskSet, settings: EvaluationSettings = DEFAULTS, shape: Shape | None = None) -> None:
        self.device: Gpu = gpu()
        self.device.activate()
        self.tasks = tasks
        specialization, usual = specialize(tasks, settings)
        self.shape = shape or usual
        self.kernel = load_kernel(specialization, self.shape)
        self._arrays = {p: self.device.holding(a) for p, a in examples(tasks, settings.precision).items()}
        self._numbers = numbers(tasks, settings, self.shape)

    def run(self, batch: Batch, programs: int) -> NDArray[np.float64]:
        """The fitness of the programs that fit, float64[P, T]; NaN for those that do not."""
        fitness = np.full((programs, self.tasks.tasks), np.nan)
        groups = int(self._numbers[Parameter.GROUPS])
        out, records = self.device.holding(fitness), self.device.holding(batch.records)
        most = max(1, MOST_WARPS // groups)
        tables = []
        for shared, rows in batch.launches(self.device.shared_bytes):
            for first in range(0, len(rows), most):
                chosen = batch.table[rows[first : first + most]]
                tables.append(self.device.holding(chosen))
                values = {p: buffer.address for p, buffer in self._arrays.items()}
                values |= {
                    Parameter.FITNESS: out.address,
                    Parameter.RECORDS: records.address,
                    Parameter.TABLE: tables[-1].address,
                }
                parameters = words([{**values, **self._numbers}[p] for p in Parameter])
                self.device.launch(self.kernel, len(chosen) * groups, WARP, shared, parameters.tolist())
        self.device.wait()
        out.read(fitness)
        return fitness


def evaluate_gpu(
    programs: Sequence[Program], tasks: TaskSet, settings: EvaluationSettings = DEFAULTS
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the GPU. Raises ``GpuError`` where there is none."""
    on_gpu = TasksOnGpu(tasks, settings)
    batch = make_batch(tasks, on_gpu.shape, *concatenate([pack_live(p, tasks.metric_definition) for p in programs]))
    fitness = on_gpu.run(batch, len(programs))
    large = np.flatnonzero(batch.warp_bytes > on_gpu.device.shared_bytes).tolist()
    if large:
        fitness[large] = evaluate_vm([programs[i] for i in large], tasks, settings)
    return fitness
