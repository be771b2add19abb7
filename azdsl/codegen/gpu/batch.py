"""Programs linked for the kernel, and what decides whether they fit a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.engine import Engine, Linked
from azdsl.codegen.gpu.kernel import TABLE_COLUMNS, Parameter
from azdsl.codegen.gpu.threads import Shape
from azdsl.codegen.linking import link_many
from azdsl.codegen.lowering import LOWERINGS
from azdsl.codegen.memory import aligned
from azdsl.codegen.op_table import op_table
from azdsl.codegen.parts import Set
from azdsl.codegen.protocol import FIELDS, EvaluationSettings, Part, Specialization
from azdsl.ir.packing import CONSTANTS, first_input, op_code, output_register, second_input
from azdsl.limits import MAX_REGISTERS
from azdsl.ops import OPS, Kind
from azdsl.taskset import TaskSet

GPU_OPS = tuple(op for op in OPS if op.output)
"""The ops of the kernel: all that compute something."""

_STEP_BYTES = 512
"""Programs are launched together when their memory, rounded up to a multiple of this, and then to a power of √2, is the same."""


@dataclass(frozen=True, eq=False)
class Batch:
    """P linked programs: ``records`` int64[…], ``table`` int64[P, 5] (``kernel.Parameter.TABLE``), ``warp_bytes`` int64[P]."""

    records: NDArray[np.int64]
    table: NDArray[np.int64]
    warp_bytes: NDArray[np.int64]

    def launches(self, most: int) -> list[tuple[int, NDArray[np.int64]]]:
        """The programs that fit ``most`` bytes, cut by the memory of a warp: bytes, rows of ``table``."""
        steps = np.ceil(2 * np.log2(np.maximum(self.warp_bytes, _STEP_BYTES) / _STEP_BYTES))
        groups = np.where(self.warp_bytes <= most, steps, -1)
        return [
            (int(self.warp_bytes[groups == step].max()), np.flatnonzero(groups == step))
            for step in np.unique(groups)
            if step >= 0
        ]


def specialize(tasks: TaskSet, settings: EvaluationSettings) -> tuple[Specialization, Shape]:
    """What the kernel for a task set is compiled for."""
    shape = Shape.usual(tasks.features, settings.precision)
    return Specialization(tasks.features, 1, tasks.metric_definition, tasks.classes, settings.precision), shape


def make_batch(
    tasks: TaskSet,
    shape: Shape,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
) -> Batch:
    """Link packed programs (``backends.concatenate``)."""
    totals = lengths.sum(axis=1)
    engine = _linking_engine(tasks, shape, int(totals.max(initial=0)))
    records = np.zeros(int((3 + totals * (vm.HEADER_WORDS + CONSTANTS)).sum()), np.int64)
    table = np.zeros((len(starts), TABLE_COLUMNS), np.int64)
    link_many(engine, starts, lengths, code, constants, records, table)
    spare = np.where(_matrix_aside(starts, lengths, code), shape.sizes[2], shape.sizes[1])
    warp_bytes = (table[:, 4] + shape.features + spare) * shape.stride
    table[:, 4] *= shape.stride
    return Batch(records, table, warp_bytes)


def _matrix_aside(starts: NDArray[np.int64], lengths: NDArray[np.int64], code: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which programs overwrite a matrix with an op that must compute all of it first."""
    ops = [op for op in GPU_OPS if op.output is Kind.MATRIX and Kind.MATRIX in op.inputs]
    beside = np.zeros(len(OPS), bool)
    beside[[op.code for op in ops if not LOWERINGS[op.code].pointwise]] = True
    out = output_register(code)
    needs = beside[op_code(code).astype(np.intp)] & ((first_input(code) == out) | (second_input(code) == out))
    counts = np.concatenate([[0], np.cumsum(needs)])
    return np.asarray(counts[starts + lengths.sum(axis=1)] > counts[starts])


def _linking_engine(tasks: TaskSet, shape: Shape, instructions: int) -> Engine:
    """An engine that only links: handlers are numbers, addresses are offsets."""
    chain, first = list(vm.handlers(GPU_OPS).items())[-1]
    numbers = np.arange(first + len(vm.accumulations(chain[0])), dtype=np.int64)
    words = 3 + instructions * (vm.HEADER_WORDS + CONSTANTS)
    records = aligned(words, np.int64)
    one, empty = np.zeros(1, np.int64), np.zeros((1, 1))
    return Engine(
        table=op_table(GPU_OPS),
        sizes=np.array(shape.sizes, np.int64),
        features=shape.features,
        multiclass=int(tasks.metric_definition.vector),
        spans=np.zeros((1, 2, 2), np.int64),
        arguments=np.zeros((1, FIELDS), np.int64),
        functions=one,
        handlers=numbers[None],
        lane_bytes=np.array([shape.stride], np.int64),
        first=one,
        tasks=one,
        fitness=empty,
        trace=np.zeros((1, 1), np.uint64),
        records=records,
        record_constants=records.view(np.float64),
        places=aligned((len(Kind) + 1, MAX_REGISTERS), np.int64),
        linked=aligned(Linked.STARTS + len(Part), np.int64),
        needed=aligned(instructions, np.int64),
        sets=aligned((len(Set), len(Kind) + 1), np.uint64),
        in_parts_from=0,
        memory=0,
    )


def examples(tasks: TaskSet, precision: int) -> dict[Parameter, NDArray[np.generic]]:
    """The arrays of a task set in numbers of the precision."""
    names = (Parameter.TRAIN_X, Parameter.TRAIN_Y, Parameter.VALID_X, Parameter.VALID_Y)
    dtype = np.float64 if precision == 64 else np.float32
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as everywhere
        arrays = [np.ascontiguousarray(getattr(tasks, name.name.lower().replace("_x", "_X")), dtype) for name in names]
    return dict(zip(names, arrays, strict=True))


def numbers(tasks: TaskSet, settings: EvaluationSettings, shape: Shape) -> dict[Parameter, int | float]:
    """The parameters that are no addresses."""
    return {
        Parameter.TASKS: tasks.tasks,
        Parameter.GROUPS: -(-tasks.tasks // shape.tasks),
        Parameter.N: tasks.train_X.shape[1],
        Parameter.M: tasks.valid_X.shape[1],
        Parameter.EPOCH_LENGTH: tasks.epoch_length,
        Parameter.EPOCHS: tasks.validations,
        Parameter.MAX_ABS_ERROR: float(settings.max_abs_error),
        Parameter.SEED: settings.seed,
        Parameter.FIRST_TASK: settings.first_task,
    }


def words(values: Sequence[int | float]) -> NDArray[np.int64]:
    """Parameters as 8-byte words."""
    return np.array(
        [np.float64(v).view(np.int64) if isinstance(v, float) else np.uint64(v).astype(np.int64) for v in values]
    )
