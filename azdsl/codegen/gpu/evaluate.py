"""Evaluating programs on a GPU. A program that needs more memory than a warp can have runs on the processor, with the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.backends import concatenate, evaluate_vm
from azdsl.codegen.gpu.batch import Batch, examples, make_batch, numbers, specialize, words
from azdsl.codegen.gpu.driver import gpu
from azdsl.codegen.gpu.kernel import Parameter
from azdsl.codegen.gpu.threads import WARP, Shape
from azdsl.codegen.protocol import DEFAULTS, EvaluationSettings, Specialization
from azdsl.ir import Program, pack_live
from azdsl.taskset import TaskSet

MOST_WARPS = 1 << 22
"""Warps of a launch, so that the screen of a desktop does not freeze for long."""


class Memory(Protocol):
    """Memory of a device."""

    @property
    def address(self) -> int:
        """Its address on the device."""

    def read(self, array: NDArray[Any]) -> None:
        """Copy it to an array, when all launches before have ended."""


class Device(Protocol):
    """What runs kernels: a GPU, or the twin. A warp can have ``shared_bytes`` of memory."""

    shared_bytes: int

    def kernel(self, specialization: Specialization, shape: Shape) -> Any:
        """The kernel for a specialization."""

    def holding(self, array: NDArray[Any]) -> Memory:
        """Memory with the content of an array."""

    def launch(self, kernel: Any, blocks: int, threads: int, shared: int, parameters: Sequence[int]) -> None:
        """Run a kernel with 8-byte parameters on ``blocks`` blocks, each with ``shared`` bytes of memory."""

    def wait(self) -> None:
        """Wait until all launches have ended."""


class TasksOnDevice:
    """A task set in a device's memory."""

    def __init__(
        self, device: Device, tasks: TaskSet, settings: EvaluationSettings = DEFAULTS, shape: Shape | None = None
    ) -> None:
        self.device, self.tasks, self.settings = device, tasks, settings
        specialization, usual = specialize(tasks, settings)
        self.shape = shape or usual
        self.kernel = device.kernel(specialization, self.shape)
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

    def evaluate(self, programs: Sequence[Program]) -> NDArray[np.float64]:
        """Fitness float64[P, T]; of programs that need too much memory by the virtual machine."""
        packed = concatenate([pack_live(program, self.tasks.metric_definition) for program in programs])
        batch = make_batch(self.tasks, self.shape, *packed)
        fitness = self.run(batch, len(programs))
        large = np.flatnonzero(batch.warp_bytes > self.device.shared_bytes).tolist()
        if large:
            fitness[large] = evaluate_vm([programs[i] for i in large], self.tasks, self.settings)
        return fitness


def evaluate_gpu(
    programs: Sequence[Program], tasks: TaskSet, settings: EvaluationSettings = DEFAULTS
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the GPU. Raises ``GpuError`` where there is none."""
    device = gpu()
    device.activate()
    return TasksOnDevice(device, tasks, settings).evaluate(programs)
