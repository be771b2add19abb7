"""Engines: a VM, tasks in blocks and working memory, in a form that numba code reads (``execute``).

An ``Engine`` is a named tuple of arrays and numbers, so that the search's compiled loop can pass it along. One thread at a time
uses an engine.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.blocks import Block, lay_out, plan
from azdsl.codegen.memory import ALIGNMENT, aligned
from azdsl.codegen.op_table import op_table
from azdsl.codegen.parts import Set
from azdsl.codegen.protocol import DEFAULTS, FIELDS, EvaluationSettings, Field, Part, Specialization
from azdsl.codegen.target import Loaded, cached_object, host, load_object
from azdsl.ir.packing import CONSTANTS
from azdsl.limits import MAX_REGISTERS
from azdsl.ops import OPS, Kind, Op
from azdsl.taskset import TaskSet

WORKING_SET_BYTES = 24 * 1024
"""A block is widened while a program's usual registers take at most this many bytes of a first-level cache."""

FOUR_VECTORS_BYTES = 6 * 1024
"""The same for blocks of four vectors, on processors with 16 vector registers."""


IN_PARTS_FROM = 500
"""Examples from which the parts of an evaluation are worth their analysis and linking, which take about two microseconds."""


class Linked(enum.IntEnum):
    """The entries of ``Engine.linked``: what the records were written for."""

    LANE_BYTES = 0  # 0 when the records are those of another program
    USED = 1  # lane values that registers take
    IN_PARTS = 2  # whether each part of the evaluation has its own records
    RETURN = 3  # address of the word that ends shared records of Predict
    SETTLED = 4  # validation examples before ``Part.SETTLED``
    UNREAD = 5  # whether only the last step before a validation reads the squashed prediction
    STARTS = 6  # address of the records of the first part; the next entries are those of the others


class Engine(NamedTuple):
    """A VM, one or several task sets in B blocks of at most W lanes, and working memory.

    ``spans`` int64[task sets, 2, 2]: programs without matrices run on blocks ``spans[k, 0, 0]`` … ``spans[k, 0, 1]`` - 1 of task
    set k, programs with a matrix on those of ``spans[k, 1]``.

    ``table`` int64[ops, …] has the ``Column``s of each op, ``sizes`` int64[3] the numbers in a register of each kind.
    ``arguments`` int64[B, FIELDS] are the blocks' argument tables, ``functions`` int64[B] the addresses of the VM for each
    block's lanes, ``handlers`` int64[B, …] those of its handlers. ``lane_bytes``, ``first`` and ``tasks`` int64[B] are the bytes
    of a lane value, the first task and the number of tasks. The VM writes ``fitness`` float64[B, W] and, in a tracing
    engine, ``trace`` uint64[B, W].

    ``in_parts_from`` is the number of examples, trained and validated on, from which evaluations run in parts (``parts``).

    The linker writes the others. ``records`` int64[…] and ``record_constants`` float64[…] are the same memory. ``places``
    int64[4, MAX_REGISTERS] maps registers to memory; the first entry of its last row is the number of linkings. ``linked``
    int64[…] has the entries of ``Linked``, ``needed`` int64[…] the parts that need each instruction. ``sets`` is working memory
    of ``parts``. ``memory`` is the address of the registers.
    """

    table: NDArray[np.int64]
    sizes: NDArray[np.int64]
    features: int
    multiclass: int
    spans: NDArray[np.int64]
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
    needed: NDArray[np.int64]
    sets: NDArray[np.uint64]
    in_parts_from: int
    memory: int


@dataclass(frozen=True)
class Capacity:
    """The largest live program of an engine: instructions of the three functions, and different registers in all."""

    instructions: int
    registers: int = 3 * MAX_REGISTERS


@dataclass(frozen=True, eq=False)
class Workspace:
    """Memory in which programs are linked and run. Engines of one thread on tasks of the same kind may share it."""

    memory: NDArray[np.uint8]
    records: NDArray[np.int64]
    places: NDArray[np.int64]
    linked: NDArray[np.int64]
    needed: NDArray[np.int64]
    sets: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class EngineHandle:
    """An engine and the owners of what its addresses point to."""

    engine: Engine
    blocks: tuple[Block, ...]
    code: tuple[Loaded, ...]
    workspace: Workspace


def widest_block(features: int, precision: int, matrices: bool) -> int:
    """Lanes of a full block: one, two or four vectors.

    Wider blocks share the cost of dispatch among more tasks. In float64 lane values of a cache line are always worth it where
    that is two vectors; otherwise ``WORKING_SET_BYTES`` limits the width. Where a processor has 16 vector registers, four vectors only
    pay off for the smallest programs. Found by measurement for 10 and 32 tasks at F = 4, 8 and 16 with AVX-512, and for 10 tasks
    at F = 4 and 16 with AVX2, for programs with and without matrices.
    """
    vector_bytes = host().vector_bytes
    numbers = 8 * features + (2 * features**2 if matrices else 0)
    limits = {2: WORKING_SET_BYTES, 4: WORKING_SET_BYTES}
    if precision == 64:
        limits[2] = max(limits[2], ALIGNMENT * numbers)
    if vector_bytes < ALIGNMENT:
        limits[4] = FOUR_VECTORS_BYTES
    fitting = [n for n, limit in limits.items() if vector_bytes * n * numbers <= limit]
    return max(fitting, default=1) * vector_bytes * 8 // precision


@lru_cache(maxsize=32)
def load_vm(specialization: Specialization, ops: tuple[Op, ...]) -> Loaded:
    """The VM for a specialization and ops, in the order of their codes: from the cache on disk, or compiled now."""
    key = f"vm {specialization} {[op.code for op in ops]}"

    def make() -> bytes:
        from azdsl.codegen.target import compile_object

        module = ir.Module("vm")
        vm.emit(module, "evaluate", specialization, ops)
        return compile_object(module, 2)

    return load_object(cached_object(key, make))


@lru_cache(maxsize=32)
def handler_addresses(code: Loaded, ops: tuple[Op, ...]) -> NDArray[np.int64]:
    """The addresses of the handlers of a loaded VM, int64[handlers]."""
    chain, first = list(vm.handlers(ops).items())[-1]
    count = first + len(vm.accumulations(chain[0]))
    table = (ctypes.c_int64 * count).from_address(code.data_address("evaluate_handlers"))
    return np.array(table, np.int64)


def build_engine(
    tasks: TaskSet,
    ops: Iterable[Op] = OPS,
    *,
    capacity: Capacity,
    settings: EvaluationSettings = DEFAULTS,
    trace: bool = False,
    blocks: tuple[Block, ...] = (),
    prefix_of: tuple[Block, ...] = (),
    programs: Collection[bool] = (False, True),
    workspace: Workspace | None = None,
    in_parts_from: int = IN_PARTS_FROM,
) -> EngineHandle:
    """Prepare to evaluate packed programs that use ``ops`` on ``tasks``.

    ``blocks`` are those of an engine of another thread with the same arguments. ``prefix_of`` are those of an engine on tasks
    that begin with these tasks and their examples. Either way layouts in memory are shared. ``programs`` says whether programs
    without matrices (False), with matrices (True) or both will run. ``workspace`` is that of another
    engine of this thread, for the same programs on tasks of the same kind: then a program linked for one engine is linked
    for the other.
    """
    ops = tuple(sorted((op for op in ops if op.output), key=lambda op: op.code))
    few = tuple(op for op in ops if not op.uses(Kind.MATRIX))
    cut, spans = _cut(tasks, settings.precision, [m for m in programs if (len(few) < len(ops) if m else few)])
    if not blocks:
        blocks = tuple(lay_out(tasks, first, lanes, settings, prefix_of) for first, lanes in cut)
    code, handlers = _load_vms(tasks, ops, few, {lanes for _, lanes in cut}, settings.precision)
    lane_bytes = [block.lanes * settings.precision // 8 for block in blocks]
    if workspace is None:
        workspace = _make_workspace(capacity, tasks.features, len(few) < len(ops), max(lane_bytes))
    fitness, traces = (aligned((len(blocks), max(code)), dtype) for dtype in (np.float64, np.uint64))
    engine = Engine(
        table=op_table(ops),
        sizes=np.array([kind.size(tasks.features) for kind in Kind], np.int64),
        features=tasks.features,
        multiclass=int(tasks.metric_definition.vector),
        spans=spans,
        arguments=_arguments(blocks, fitness, traces if trace else None, workspace),
        functions=np.array([code[block.lanes].address("evaluate") for block in blocks], np.int64),
        handlers=np.stack([handlers[block.lanes] for block in blocks]),
        lane_bytes=np.array(lane_bytes, np.int64),
        first=np.array([block.first for block in blocks], np.int64),
        tasks=np.array([block.count for block in blocks], np.int64),
        fitness=fitness,
        trace=traces,
        records=workspace.records,
        record_constants=workspace.records.view(np.float64),
        places=workspace.places,
        linked=workspace.linked,
        needed=workspace.needed,
        sets=workspace.sets,
        in_parts_from=in_parts_from,
        memory=workspace.memory.ctypes.data,
    )
    return EngineHandle(engine, blocks, tuple(code.values()), workspace)


def _cut(tasks: TaskSet, precision: int, programs: Collection[bool]) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    """The blocks (first task, lanes) for programs without (False) and with matrices (True), and ``Engine.spans``.

    Programs without matrices need less of the cache, so their blocks may be wider. Blocks that suit both are there once.
    """
    blocks, spans = list[tuple[int, int]](), np.zeros((1, 2, 2), np.int64)
    for matrices in programs:
        cut = plan(tasks.tasks, widest_block(tasks.features, precision, matrices))
        if cut != blocks:
            spans[0, int(matrices) if blocks else slice(None)] = len(blocks), len(blocks) + len(cut)
            blocks += cut
    return blocks, spans


def _load_vms(
    tasks: TaskSet, ops: tuple[Op, ...], few: tuple[Op, ...], widths: set[int], precision: int
) -> tuple[dict[int, Loaded], dict[int, NDArray[np.int64]]]:
    """The VM and its handlers for each number of lanes.

    Where only programs without matrices run, the VM has only the ops ``few``, so that less is compiled.
    """
    one = Specialization(tasks.features, 1, tasks.metric_definition, tasks.classes, precision)
    both = {lanes for _, lanes in plan(tasks.tasks, widest_block(tasks.features, precision, matrices=True))}
    code, handlers = dict[int, Loaded](), dict[int, NDArray[np.int64]]()
    for lanes in sorted(widths):
        own = ops if lanes in both else few
        code[lanes] = load_vm(one.with_lanes(lanes), own)
        handlers[lanes] = _among(handler_addresses(code[lanes], own), own, ops)
    return code, handlers


def _among(addresses: NDArray[np.int64], few: tuple[Op, ...], ops: tuple[Op, ...]) -> NDArray[np.int64]:
    """The handlers of a VM with the ops ``few`` in the places of a VM with the ops ``ops``; 0 where there is none."""
    places = vm.handlers(ops)
    chain, first = list(places.items())[-1]
    found = np.zeros(first + len(vm.accumulations(chain[0])), np.int64)
    found[: vm.CALLS] = addresses[: vm.CALLS]
    for chain, own in vm.handlers(few).items():
        count = len(vm.accumulations(chain[0]))
        found[places[chain] : places[chain] + count] = addresses[own : own + count]
    return found


def record_words(instructions: int) -> int:
    """Words that the records of a program of so many instructions take at most: Predict runs in four parts."""
    return len(Part) + 1 + 4 * instructions * (vm.HEADER_WORDS + CONSTANTS)


def _make_workspace(capacity: Capacity, features: int, matrices: bool, lane_bytes: int) -> Workspace:
    """Working memory for programs of a capacity; ``matrices`` says whether their ops use any."""
    most = min(capacity.instructions * 3, capacity.registers, MAX_REGISTERS) if matrices else 0
    lane_values = 2 * MAX_REGISTERS + (MAX_REGISTERS + 3) * features + (most + 1) * features**2
    return Workspace(
        memory=aligned(lane_values * lane_bytes, np.uint8),
        records=aligned(record_words(capacity.instructions), np.int64),
        places=aligned((len(Kind) + 1, MAX_REGISTERS), np.int64),
        linked=aligned(Linked.STARTS + len(Part), np.int64),
        needed=aligned(capacity.instructions, np.int64),
        sets=aligned((len(Set), len(Kind) + 1), np.uint64),
    )


def _arguments(
    blocks: Sequence[Block], fitness: NDArray[np.float64], traces: NDArray[np.uint64] | None, workspace: Workspace
) -> NDArray[np.int64]:
    """The argument tables of an engine's blocks, int64[B, FIELDS], without programs."""
    arguments: NDArray[np.int64] = aligned((len(blocks), FIELDS), np.int64)
    arguments[:] = [block.arguments for block in blocks]
    for row, table in enumerate(arguments):
        table[Field.FITNESS] = fitness[row].ctypes.data
        table[Field.TRACE] = 0 if traces is None else traces[row].ctypes.data
    arguments[:, Field.MEMORY] = workspace.memory.ctypes.data
    return arguments
