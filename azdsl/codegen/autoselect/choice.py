"""Which backend is the faster for an evaluation: the virtual machine, or compiling the program first.

The time of an evaluation is predicted from counts (``work``) and what a unit of each costs on this machine:

* vm: the sum over blocks of tasks and visits of examples of instructions, entries and calls;
* jit: the same with smaller costs, and the time to compile.

The costs are fitted to timings of a few programs, once, and kept beside the object cache. Where compiling
seems to pay, the VM runs the first examples: that tells programs that stop at once, and corrects the model.
Both backends compute the same bits, so a wrong choice costs time and nothing else.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.blocks import plan
from azdsl.codegen.emitter import UNROLL
from azdsl.codegen.engine import widest_block
from azdsl.codegen.target import cached_object, host
from azdsl.codegen.tensors import UNROLLED_ROWS
from azdsl.ir import Packed, Program, pack_live, remove_dead_code
from azdsl.ir.packing import FIELD
from azdsl.ops import OPS, Kind, Op
from azdsl.taskset import TaskSet

Array = NDArray[np.float64]

CLASSES = ("visit", "instruction", "entry", "term", "quotient", "call", "draw")
"""What an evaluation's work is counted in: visits of examples, instructions, entries computed, terms of sums,
quotients, calls of the C library, random numbers."""

COMPILED = ("program", "instruction", "entry", "call", "draw", "loop")
"""What compiling is counted in: one program, its instructions, the entries, calls and random numbers that are
written out, and instructions that loop."""

LIBRARY_WEIGHT, DIVISION_WEIGHT = 20.0, 4.0
"""Weights of ops (``Op.weight``) from which on they call the C library, or divide."""

NUMBA_START = 10.0
"""Importing numba, which the VM is called through, takes as long as compiling this many smallest programs."""

MARGIN = 0.85
"""Compiling must seem to take less than this share of the VM's time: it is predicted less surely."""

PROBED = 16
"""Examples of each task that the VM tries, at least; of a long training more, so that starting it hardly counts."""

MOST_PROBED = 512


@dataclass(frozen=True)
class Costs:
    """Seconds for a unit of ``CLASSES`` in each backend, with one lane and with a vector of lanes, and of ``COMPILED``."""

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
"""Costs as they were on a machine of 2024, for evaluations too short to measure this one for."""

WORTH_SECONDS = 2.0
"""An evaluation that typically takes longer on the VM is worth measuring the machine."""


@dataclass(frozen=True)
class Prediction:
    """Seconds that an evaluation takes: on the VM; for compiling, and for running what was compiled."""

    vm: float
    compiling: float
    running: float

    @property
    def jit(self) -> float:
        """Compiling and running."""
        return self.compiling + self.running


def _class(op: Op, features: int) -> tuple[str, float]:
    """What an op's work is counted in, and how much of it one execution is."""
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
    """How many copies of an op's step the code holds: short loops are written out."""
    row = features if features <= UNROLL else 1
    rows = features if features <= UNROLLED_ROWS else 1
    copies = {None: 0, Kind.SCALAR: 1, Kind.VECTOR: row, Kind.MATRIX: rows * row}[op.output]
    assert op.output
    if features**op.rank > op.output.size(features):
        whole = op.output is Kind.SCALAR and op.rank == 2
        copies *= (features**2 if features**2 <= UNROLL else 1) if whole else row
    return float(copies)


def jit_lanes(tasks: int, precision: int) -> int:
    """The one width that ``evaluate_jit`` compiles for: a vector, or as many lanes as there are tasks."""
    widest = host().vector_bytes * 8 // precision
    return min(widest, 1 << (tasks - 1).bit_length())


def _visits(tasks: TaskSet) -> tuple[int, int, int]:
    """How often Setup, Predict and Learn run."""
    validations = tasks.steps // tasks.epoch_length * tasks.valid_X.shape[1]
    return 1, tasks.steps + validations, tasks.steps


def _seconds(costs: Costs, lanes: int, compiled: bool) -> Array:
    """Seconds for a unit of ``CLASSES``."""
    one, wide = (costs.jit_one, costs.jit_wide) if compiled else (costs.vm_one, costs.vm_wide)
    return np.array(one if lanes == 1 else wide)


def vm_times(packed: Sequence[Packed], tasks: TaskSet, costs: Costs, precision: int = 64) -> Array:
    """Seconds that the VM takes for each packed program if it does not stop early; no Python step for each op."""
    features, visits = tasks.features, _visits(tasks)
    lengths = np.array([p.lengths for p in packed])
    ops = (np.concatenate([p.code for p in packed]) & np.uint64(FIELD)).astype(np.intp)
    times = np.repeat(np.tile(np.array(visits, np.float64), len(packed)), lengths.ravel())
    ends = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))])
    total = np.zeros(len(packed))
    for _, lanes in plan(tasks.tasks, widest_block(features, precision, matrices=True)):
        unit = _seconds(costs, lanes, compiled=False)
        sums = np.concatenate([[0.0], np.cumsum((op_work(features, lanes, precision) @ unit)[ops] * times)])
        total += sums[ends[1:]] - sums[ends[:-1]] + visits[1] * unit[CLASSES.index("visit")]
    return total


def predict(program: Program, tasks: TaskSet, costs: Costs, precision: int = 64) -> Prediction:
    """The time that evaluating a live program takes, if it does not stop early."""
    lanes = jit_lanes(tasks.tasks, precision)
    counts = work(program, tasks.features, lanes, _visits(tasks), precision)
    running = -(-tasks.tasks // lanes) * float(counts @ _seconds(costs, lanes, compiled=True))
    compiling = float(compile_work(program, tasks.features, lanes) @ np.array(costs.compiling))
    vm = float(vm_times([pack_live(program, tasks.metric_definition)], tasks, costs, precision)[0])
    return Prediction(vm, compiling, running)


Probe = Callable[[Program, TaskSet], tuple[float, bool]]
"""Seconds that the VM takes for a program, and whether every task stopped early."""


def choose(
    programs: Sequence[Program],
    tasks: TaskSet,
    costs: Costs,
    precision: int = 64,
    probe: Probe | None = None,
) -> NDArray[np.bool_]:
    """For each program whether to compile it. ``probe`` tries the VM where that may change the choice."""
    vm = vm_times([pack_live(program, tasks.metric_definition) for program in programs], tasks, costs, precision)
    compiled = np.zeros(len(programs), np.bool_)
    start = 0.0 if "numba" in sys.modules else NUMBA_START * costs.compiling[0]
    long = np.flatnonzero(vm + start > costs.compiling[0])
    live = {at: remove_dead_code(programs[at], tasks.metric_definition) for at in long.tolist()}
    predictions = {at: predict(program, tasks, costs, precision) for at, program in live.items()}
    for at, prediction in predictions.items():
        compiled[at] = prediction.jit < MARGIN * prediction.vm
    if start and len(live) == len(programs):
        # numba is started for all programs that stay on the VM together, or for none
        others = [prediction for at, prediction in predictions.items() if not compiled[at]]
        if sum(p.vm for p in others) + start > sum(p.jit for p in others):
            return np.ones(len(programs), np.bool_)
    if probe is None or tasks.steps <= 4 * PROBED:
        return compiled
    count = max(PROBED, min(MOST_PROBED, tasks.steps // 64))
    first = tasks.first(count, count)
    for at, prediction in predictions.items():
        # an evaluation much shorter than compiling stays on the VM; of any other, a few examples are little
        if prediction.vm > prediction.compiling / 2:
            seconds, stopped = probe(programs[at], first)
            correction = seconds / predict(live[at], first, costs, precision).vm
            jit, vm_time = prediction.compiling + prediction.running * correction, prediction.vm * correction
            compiled[at] = not stopped and jit < MARGIN * vm_time
    return compiled


# Calibration


def fit(counts: Array, seconds: Array) -> tuple[float, ...]:
    """Costs, none negative, that make ``counts @ costs`` come closest to ``seconds``, relative to each of them."""
    relative = counts / seconds[:, np.newaxis]
    scale = relative.max(axis=0)
    relative = relative / np.where(scale > 0.0, scale, 1.0)
    squares, goal = relative.T @ relative, relative.sum(axis=0)
    costs = np.full(counts.shape[1], 1.0 / counts.shape[1])
    for _ in range(3000):  # multiplicative updates keep the sign
        costs = costs * goal / np.maximum(squares @ costs, 1e-300)
    return tuple(float(cost) for cost in np.where(scale > 0.0, costs / np.where(scale > 0.0, scale, 1.0), 0.0))


def stored_costs(announce: Callable[[], None] = lambda: None) -> Costs:
    """This machine's costs, from disk or measured now (``announce`` is called first, and once they are)."""

    def make() -> bytes:
        from azdsl.codegen.autoselect.calibration import calibrate

        return json.dumps(asdict(calibrate())).encode()

    # keyed, checked and written as objects are: torn files are measured again, concurrent starts do no harm
    return _decoded(cached_object("costs", make, announce)) or _decoded(make()) or _failed()


def costs_for(
    programs: Sequence[Program], tasks: TaskSet, precision: int = 64, announce: Callable[[], None] = lambda: None
) -> Costs:
    """This machine's costs, measured now only if the evaluation is long enough for that to be worth it."""

    def absent() -> bytes:
        raise LookupError

    try:
        return _decoded(cached_object("costs", absent)) or stored_costs(announce)
    except LookupError:
        packed = [pack_live(program, tasks.metric_definition) for program in programs]
        short = float(vm_times(packed, tasks, TYPICAL, precision).sum()) < WORTH_SECONDS
        return TYPICAL if short else stored_costs(announce)


def _decoded(data: bytes) -> Costs | None:
    """Costs from JSON, or None if they make no sense."""
    try:
        fields: dict[str, Any] = json.loads(data)
        costs = Costs(**{name: tuple(map(float, values)) for name, values in fields.items()})
    except (ValueError, TypeError, AttributeError):
        return None
    lengths = [len(values) for values in vars(costs).values()]
    good = lengths == [len(CLASSES)] * 4 + [len(COMPILED)]
    good = good and all(math.isfinite(v) and v >= 0.0 for values in vars(costs).values() for v in values)
    return costs if good and costs.compiling[0] > 0.0 else None


def _failed() -> Costs:
    raise RuntimeError("the calibration gave no usable costs")
