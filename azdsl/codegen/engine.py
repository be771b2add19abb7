"""The VM behind functions that numba code can call: link a packed program, evaluate it on all tasks.

Everything a call needs is in an ``Engine``, a named tuple of arrays and numbers, so that the search's
compiled loop passes it along. An engine is used by one thread at a time.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.blocks import Block, make_blocks
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import FIELDS, Field, Scheme
from azdsl.codegen.target import Loaded, cached_object, host, load_object
from azdsl.ir.packing import CONSTANTS
from azdsl.limits import MAX_REGISTERS
from azdsl.ops import OPS, Kind, Op, Role
from azdsl.taskset import TaskSet

_KINDS = tuple(Kind)
NO_KIND = len(_KINDS)

WORKING_SET = 24 * 1024
"""Bytes of registers that a block may have for its lanes to be worth widening."""


class Column(enum.IntEnum):
    """What the linker needs to know of an op: the columns of ``Engine.table``. Kinds are 0, 1, 2; 3 is none."""

    A = 0
    B = 1
    OUT = 2
    CONSTANTS = 3  # how many
    INDEX = 4  # whether a constant is an index: this and the next two
    RANDOM = 7
    CONSUMER = 8  # the op that it may be fused with, or -1
    FUSED = 9  # the first handler of the two
    HANDLER = 10  # the op's first handler


class Engine(NamedTuple):
    """A VM, tasks in blocks, and room to work in.

    ``table`` int64[ops, …] has the ``Column``s of each op, ``sizes`` int64[3] the numbers in a register of each kind.
    ``arguments`` int64[B, FIELDS] are the blocks' tables, ``functions`` int64[B] the VM for each block's
    width, ``handlers`` int64[B, …] the addresses of its handlers;
    ``lane_bytes``, ``first``, ``tasks`` int64[B]. The VM writes ``fitness`` float64[B, W] and,
    when the engine traces, ``trace`` uint64[B, W]. ``records`` and ``record_constants`` are the same
    memory; ``places`` int64[4, 64] is the linker's map of registers to memory, in its last row how often
    it was used; ``linked`` int64[5] says what the records
    were made for: the lane bytes, the lane values in use, where the functions start; ``memory`` is the address of
    the registers.
    """

    table: NDArray[np.int64]
    sizes: NDArray[np.int64]
    features: int
    multiclass: int
    arguments: NDArray[np.int64]
    functions: NDArray[np.int64]
    handlers: NDArray[np.int64]
    lane_bytes: NDArray[np.int64]
    first: NDArray[np.int64]
    tasks: NDArray[np.int64]
    fitness: NDArray[np.float64]
    trace: NDArray[np.uint64]
    records: NDArray[np.int64]
    record_constants: NDArray[np.float64]
    places: NDArray[np.int64]
    linked: NDArray[np.int64]
    memory: int


@dataclass(frozen=True, eq=False)
class EngineHandle:
    """An engine with what its addresses point to."""

    engine: Engine
    blocks: tuple[Block, ...]
    code: tuple[Loaded, ...]
    memory: NDArray[np.generic]


@lru_cache(maxsize=32)
def op_table(ops: tuple[Op, ...]) -> NDArray[np.int64]:
    """The op table as an array of ``Column``s, for a VM that has ``ops``. Engines share it: it is only read."""

    def number(kind: Kind | None) -> int:
        return NO_KIND if kind is None else _KINDS.index(kind)

    table = np.zeros((len(OPS), len(Column) + 2), np.int64)  # an op has up to three INDEX columns
    table[:, Column.CONSUMER] = -1
    for row, op in zip(table, OPS, strict=True):
        row[Column.A], row[Column.B] = [number(kind) for kind in (*op.inputs, None, None)[:2]]
        row[Column.OUT], row[Column.CONSTANTS], row[Column.RANDOM] = number(op.output), len(op.constants), op.random
        for at, role in enumerate(op.constants):
            row[Column.INDEX + at] = role is Role.INDEX
    for (op, *consumers), first in vm.handlers(ops).items():
        table[op.code, Column.FUSED if consumers else Column.HANDLER] = first
        if consumers:
            table[op.code, Column.CONSUMER] = consumers[0].code
    return table


def widest_block(features: int, precision: int, matrices: bool) -> int:
    """Lanes of a full block: up to four vectors, as long as a program's usual registers stay in the first cache.

    Wider blocks share the cost of dispatch among more tasks. ``WORKING_SET`` was found by measurement at F = 4,
    8 and 16, with and without matrices, for 10 and 32 tasks.
    """
    vector = host().vector_bytes * 8 // precision
    numbers = 8 * features + (2 * features**2 if matrices else 0)
    fitting = [vector * n for n in (1, 2, 4) if vector * n * numbers * precision // 8 <= WORKING_SET]
    return max(fitting, default=vector)


@lru_cache(maxsize=32)
def load_vm(scheme: Scheme, ops: tuple[Op, ...]) -> Loaded:
    """The VM for a scheme and ops in the order of their codes: from this process, from the disk, or compiled now."""
    key = f"vm {scheme} {[op.code for op in ops]}"

    def make() -> bytes:
        from azdsl.codegen.target import compile_object

        module = ir.Module("vm")
        vm.emit(module, "evaluate", scheme, ops)
        return compile_object(module, 2)

    return load_object(cached_object(key, make))


@lru_cache(maxsize=32)
def handler_addresses(code: Loaded, ops: tuple[Op, ...]) -> NDArray[np.int64]:
    """The table of handlers of a loaded VM."""
    chain, first = list(vm.handlers(ops).items())[-1]
    count = first + len(vm.accumulations(chain[0]))
    table = (ctypes.c_int64 * count).from_address(code.data_address("evaluate_handlers"))
    return np.array(table, np.int64)


def build_engine(
    tasks: TaskSet,
    ops: Iterable[Op] = OPS,
    *,
    max_instructions: int,
    max_registers: int = 3 * MAX_REGISTERS,
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
    first_task: int = 0,
    trace: bool = False,
    beside: EngineHandle | None = None,
    prefix_of: EngineHandle | None = None,
    like: EngineHandle | None = None,
) -> EngineHandle:
    """Prepare to evaluate packed programs that use ``ops`` on ``tasks``, the first of which draws as number ``first_task``.

    ``max_instructions`` is the most a live program may have in all, ``max_registers`` how many matrices,
    vectors and scalars together it may name. With ``beside``, an engine for the same programs on tasks of the
    same kind, both link into the same memory, so that a program linked for one need not be for the other.
    ``prefix_of`` is an engine on tasks that begin with these tasks and their examples: they are not laid out again.
    ``like`` is an engine of another thread, made from the same arguments: its examples are used, not laid out again.
    """
    ops = tuple(sorted((op for op in ops if op.output), key=lambda op: op.code))
    features = tasks.features
    matrices = any(_uses_matrix(op) for op in ops)
    widest = widest_block(features, precision, matrices)
    layout: dict[str, Any] = {
        "seed": seed,
        "max_abs_error": max_abs_error,
        "precision": precision,
        "first_task": first_task,
    }
    known = prefix_of.blocks if prefix_of else ()
    blocks = like.blocks if like else make_blocks(tasks, widest, prefix_of=known, **layout)
    widths = sorted({block.lanes for block in blocks})
    code = {w: load_vm(Scheme(features, w, tasks.metric_definition, tasks.classes, precision), ops) for w in widths}
    most = min(max_instructions * 3, max_registers, MAX_REGISTERS) if matrices else 0
    lane_values = 2 * MAX_REGISTERS + (MAX_REGISTERS + 3) * features + (most + 1) * features**2
    lane_bytes = [block.lanes * precision // 8 for block in blocks]
    if beside:
        memory, work = beside.memory, beside.engine
        records, places, linked = work.records, work.places, work.linked
    else:
        memory = aligned(lane_values * max(lane_bytes), np.uint8)
        records = aligned(3 + max_instructions * (vm.HEADER_WORDS + CONSTANTS), np.int64)
        places = aligned((len(_KINDS) + 1, MAX_REGISTERS), np.int64)
        linked = aligned(5, np.int64)
    arguments = aligned((len(blocks), FIELDS), np.int64)
    arguments[:] = [block.arguments for block in blocks]
    fitness = aligned((len(blocks), widths[-1]), np.float64)
    traces = aligned((len(blocks), widths[-1]), np.uint64)
    for row in range(len(blocks)):
        arguments[row, Field.FITNESS] = fitness[row].ctypes.data
        arguments[row, Field.TRACE] = traces[row].ctypes.data if trace else 0
    arguments[:, Field.MEMORY] = memory.ctypes.data
    engine = Engine(
        table=op_table(ops),
        sizes=np.array([kind.size(features) for kind in _KINDS], np.int64),
        features=features,
        multiclass=int(tasks.metric_definition.vector),
        arguments=arguments,
        functions=np.array([code[block.lanes].address("evaluate") for block in blocks], np.int64),
        handlers=np.stack([handler_addresses(code[block.lanes], ops) for block in blocks]),
        lane_bytes=np.array(lane_bytes, np.int64),
        first=np.array([block.first for block in blocks], np.int64),
        tasks=np.array([block.count for block in blocks], np.int64),
        fitness=fitness,
        trace=traces,
        records=records,
        record_constants=records.view(np.float64),
        places=places,
        linked=linked,
        memory=memory.ctypes.data,
    )
    return EngineHandle(engine, tuple(blocks), tuple(code.values()), memory)


def _uses_matrix(op: Op) -> bool:
    return Kind.MATRIX in (*op.inputs, op.output)
