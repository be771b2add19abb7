"""A cost model of evaluations: seconds on the virtual machine, and for compiling and running.

The time is predicted from counts of work (``CLASSES``, ``COMPILED``) and the seconds for a unit of each (``Costs``):

* vm: over blocks of tasks and visits of examples, the sum of instructions, entries and calls;
* jit: the same with other costs, and the time to compile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.blocks import plan
from azdsl.codegen.compiled_program import jit_lanes
from azdsl.codegen.emitter import UNROLL
from azdsl.codegen.engine import widest_block
from azdsl.codegen.target import host
from azdsl.codegen.tensors import UNROLLED_ROWS
from azdsl.ir import Packed, Program, pack_live
from azdsl.ir.packing import FIELD, programs_using
from azdsl.ops import OPS, Kind, Op
from azdsl.taskset import TaskSet

Array = NDArray[np.float64]

CLASSES = ("visit", "instruction", "entry", "term", "quotient", "call", "draw")
"""The units of an evaluation's work: visits of examples, instructions, entries computed, terms of sums, quotients, calls of the C
library, random numbers."""

COMPILED = ("program", "instruction", "entry", "call", "draw", "loop")
"""The units of compiling: the program, its instructions, the unrolled entries, calls and random numbers, instructions with loops."""

LIBRARY_WEIGHT, DIVISION_WEIGHT = 20.0, 4.0
"""The least weight (``Op.weight``) of ops that compute an elementary function, and of ops that divide."""


@dataclass(frozen=True)
class Costs:
    """Seconds for a unit: of ``CLASSES`` for each backend, with one lane and with a vector of lanes; of ``COMPILED``."""

    vm_one: tuple[float, ...]
    vm_wide: tuple[float, ...]
    jit_one: tuple[float, ...]
    jit_wide: tuple[float, ...]
    compiling: tuple[float, ...]


TYPICAL = Costs(
    vm_one=(35e-9, 4e-9, 3e-9, 0.5e-9, 10e-9, 16e-9, 35e-9),
    vm_wide=(35e-9, 4e-9, 1e-9, 1.5e-9, 6e-9, 7e-9, 35e-9),
    jit_one=(20e-9, 1e-9, 1e-9, 0.3e-9, 6e-9, 13e-9, 34e-9),
    jit_wide=(25e-9, 0.0, 0.5e-9, 1e-9, 6e-9, 6e-9, 30e-9),
    compiling=(40e-3, 0.1e-3, 0.2e-3, 0.4e-3, 0.7e-3, 4e-3),
)
"""Costs measured on a machine of 2024, for evaluations too short to be worth measuring this machine."""


@dataclass(frozen=True)
class Prediction:
    """Seconds of an evaluation: on the VM, for compiling, and for running the compiled program."""

    vm: float
    compiling: float
    running: float

    @property
    def jit(self) -> float:
        """Compiling and running."""
        return self.compiling + self.running

    def scaled(self, factor: float) -> Prediction:
        """The same with another speed of running programs."""
        return Prediction(self.vm * factor, self.compiling, self.running * factor)


def _class(op: Op, features: int) -> tuple[str, float]:
    """The unit of an op's work, and the number of units in one execution."""
    assert op.output
    size, work = op.output.size(features), float(features**op.rank)
    if op.random:
        return "draw", size
    if op.weight >= LIBRARY_WEIGHT:
        return "call", size
    if op.weight >= DIVISION_WEIGHT:
        return "quotient", size
    return ("term", work * op.weight) if work > size else ("entry", size)


@cache
def op_work(features: int, lanes: int, precision: int = 64) -> Array:
    """Counts of ``CLASSES`` in one execution of each op, float64[ops, classes]."""
    counts = np.zeros((len(OPS), len(CLASSES)))
    per_vector = host().vector_bytes * 8 // precision
    for row, op in zip(counts, OPS, strict=True):
        if op.output is None:
            continue
        name, amount = _class(op, features)
        row[CLASSES.index("instruction")] = 1.0
        if name in ("call", "draw"):
            amount *= lanes
        elif lanes == 1 and name != "term":  # several entries fit a vector
            amount /= min(features, per_vector)
        else:
            amount *= max(1.0, lanes / per_vector)
        row[CLASSES.index(name)] += amount
    return counts


def work(program: Program, features: int, lanes: int, visits: tuple[int, int, int], precision: int = 64) -> Array:
    """Counts of ``CLASSES`` in evaluating a live program on a block of tasks; ``visits`` of Setup, Predict, Learn."""
    table = op_work(features, lanes, precision)
    counts = np.zeros(len(CLASSES))
    counts[CLASSES.index("visit")] = visits[1]
    for times, block in zip(visits, program.functions, strict=True):
        counts += times * table[[i.op.code for i in block]].sum(axis=0)
    return counts


def compile_work(program: Program, features: int, lanes: int) -> Array:
    """Counts of ``COMPILED`` in compiling a live program; Predict is compiled twice."""
    counts = dict.fromkeys(COMPILED, 0.0)
    counts["program"] = 1.0
    for times, block in zip((1, 2, 1), program.functions, strict=True):
        for instruction in block:
            op = instruction.op
            if op.output is None:
                continue
            name, _ = _class(op, features)
            written = times * _written_out(op, features)
            counts["instruction"] += times
            if name in ("call", "draw"):
                counts[name] += written * lanes
            else:
                counts["entry"] += written
            counts["loop"] += times * (features > UNROLL and (op.output is not Kind.SCALAR or op.rank > 0))
    return np.array(list(counts.values()))


def _written_out(op: Op, features: int) -> float:
    """How many copies of an op's step the code holds after unrolling."""
    row = features if features <= UNROLL else 1
    rows = features if features <= UNROLLED_ROWS else 1
    copies = {None: 0, Kind.SCALAR: 1, Kind.VECTOR: row, Kind.MATRIX: rows * row}[op.output]
    assert op.output
    if features**op.rank > op.output.size(features):
        whole = op.output is Kind.SCALAR and op.rank == 2
        copies *= (features**2 if features**2 <= UNROLL else 1) if whole else row
    return float(copies)


def _seconds(costs: Costs, lanes: int, compiled: bool) -> Array:
    """Seconds for a unit of ``CLASSES``."""
    one, wide = (costs.jit_one, costs.jit_wide) if compiled else (costs.vm_one, costs.vm_wide)
    return np.array(one if lanes == 1 else wide)


def vm_times(packed: Sequence[Packed], tasks: TaskSet, costs: Costs, precision: int = 64) -> Array:
    """Seconds that the VM takes for each packed program if it does not stop early, float64[P]. No Python loop over ops."""
    features, visits = tasks.features, tasks.runs
    lengths = np.array([p.lengths for p in packed])
    ops = (np.concatenate([p.code for p in packed]) & np.uint64(FIELD)).astype(np.intp)
    times = np.repeat(np.tile(np.array(visits, np.float64), len(packed)), lengths.ravel())
    ends = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))])
    totals = np.zeros((2, len(packed)))
    for total, matrices in zip(totals, (False, True), strict=True):
        for _, lanes in plan(tasks.tasks, widest_block(features, precision, matrices)):
            unit = _seconds(costs, lanes, compiled=False)
            sums = np.concatenate([[0.0], np.cumsum((op_work(features, lanes, precision) @ unit)[ops] * times)])
            total += sums[ends[1:]] - sums[ends[:-1]] + visits[1] * unit[CLASSES.index("visit")]
    using = programs_using(Kind.MATRIX, lengths, np.concatenate([p.code for p in packed]))
    return np.where(using, totals[1], totals[0])


def predict(program: Program, tasks: TaskSet, costs: Costs, precision: int = 64) -> Prediction:
    """The time that evaluating a live program takes, if it does not stop early."""
    lanes = jit_lanes(tasks.tasks, precision)
    counts = work(program, tasks.features, lanes, tasks.runs, precision)
    running = -(-tasks.tasks // lanes) * float(counts @ _seconds(costs, lanes, compiled=True))
    compiling = float(compile_work(program, tasks.features, lanes) @ np.array(costs.compiling))
    vm = float(vm_times([pack_live(program, tasks.metric_definition)], tasks, costs, precision)[0])
    return Prediction(vm, compiling, running)


def fit(counts: Array, seconds: Array) -> tuple[float, ...]:
    """The non-negative costs with the least squared relative error of ``counts @ costs`` against ``seconds``."""
    relative = counts / seconds[:, np.newaxis]
    scale = relative.max(axis=0)
    relative = relative / np.where(scale > 0.0, scale, 1.0)
    squares, goal = relative.T @ relative, relative.sum(axis=0)
    costs = np.full(counts.shape[1], 1.0 / counts.shape[1])
    for _ in range(3000):  # multiplicative updates keep the sign
        costs = costs * goal / np.maximum(squares @ costs, 1e-300)
    return tuple(float(cost) for cost in np.where(scale > 0.0, costs / np.where(scale > 0.0, scale, 1.0), 0.0))
