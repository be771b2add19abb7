"""Measuring the costs of ``cost_model``: a few programs are timed on the VM, compiled, and timed again.

Times are processor times of this thread, the shortest of ``REPEATS``, so that other work on the machine hardly counts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from time import thread_time

import numpy as np

from azdsl.codegen import jit
from azdsl.codegen.autoselect.cost_model import Array, Costs, compile_work, fit, work
from azdsl.codegen.blocks import make_blocks
from azdsl.codegen.compiled_program import compile_program
from azdsl.codegen.engine import Capacity, build_engine
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import EvaluationSettings, Field, Specialization
from azdsl.codegen.target import host
from azdsl.ir import Address, Instruction, Program, pack_live
from azdsl.ops import BY_NAME, Kind
from azdsl.taskset import TaskSet

SHORT, LONG = 4, 24
"""Values of F: with the first, loops are unrolled; with the second, they are not."""

EXAMPLES = 64

_NEVER_STOPS = EvaluationSettings(max_abs_error=1e300)

REPEATS = 5

_SCALARS = "s2 = scalar_multiply s2 s0; s3 = scalar_add s2 s0; s4 = scalar_minimum s3 s2; s2 = scalar_subtract s4 s0"
_STEP = "s3 = scalar_subtract s0 s1; v2 = vector_scale s3 v0; v1 = vector_add v1 v2"
_PREDICT = "s1 = dot v0 v1"

PROGRAMS = (
    ("s1 = scalar_add s2 s0", "s2 = scalar_subtract s0 s1"),
    ("s1 = scalar_add s2 s2", "; ".join([_SCALARS] * 2)),
    (_PREDICT, _STEP),
    ("v3 = matvec m0 v0; s1 = dot v3 v1", f"{_STEP}; m1 = outer v2 v3; m0 = matrix_add m0 m1"),
    (
        _PREDICT,
        f"{_STEP}; v3 = vector_abs v1; v3 = vector_maximum v3 v1; v1 = vector_subtract v3 v0; v1 = vector_minimum v1 v0",
    ),
    ("s2 = dot v0 v1; s1 = sin s2", f"{_STEP}; s4 = exp s1; s4 = arctan s4; v1 = vector_scale s4 v1"),
    (_PREDICT, f"{_STEP}; v3 = vector_divide v1 v0; v3 = vector_divide v0 v3; v1 = vector_minimum v1 v3"),
    (
        _PREDICT,
        f"{_STEP}; v3 = vector_gaussian; s4 = scalar_uniform; v3 = vector_scale s4 v3; v1 = vector_maximum v1 v3",
    ),
)
"""Predict and Learn of each program. Together they do every class of work."""


def _instruction(text: str) -> Instruction:
    """An instruction from ``out = op a b``; random ops draw numbers around 0."""
    out, _, name, *inputs = text.split()
    op = BY_NAME[name]
    addresses = [Address(Kind(word[0]), int(word[1:])) for word in (*inputs, out)]
    return Instruction(
        op, tuple(addresses[:-1]), addresses[-1], (-0.5, 0.5)[: len(op.constants)] if not op.random else (0.0, 0.5)
    )


def programs() -> list[Program]:
    """The programs of ``PROGRAMS``."""

    def block(text: str) -> tuple[Instruction, ...]:
        return tuple(_instruction(line) for line in text.split("; "))

    return [Program((), block(predict), block(learn)) for predict, learn in PROGRAMS]


def _shortest(call: Callable[[], object]) -> float:
    """The processor time of a call in seconds, the shortest of ``REPEATS`` after a warm-up."""
    call()
    times = []
    for _ in range(REPEATS):
        started = thread_time()
        call()
        times.append(thread_time() - started)
    return max(min(times), 1e-9)


def _tasks(features: int, tasks: int) -> TaskSet:
    rng = np.random.default_rng(features)

    def numbers(*shape: int) -> Array:
        return rng.uniform(-0.2, 0.2, shape)

    return TaskSet.from_arrays(
        numbers(tasks, EXAMPLES, features),
        numbers(tasks, EXAMPLES),
        numbers(tasks, EXAMPLES, features),
        numbers(tasks, EXAMPLES),
    )


def vm_seconds(program: Program, tasks: TaskSet) -> float:
    """Seconds that the VM takes for a live program, without preparing it."""
    packed = pack_live(program, tasks.metric_definition)
    ops = {i.op.code: i.op for each in programs() for i in each.instructions}.values()
    handle = build_engine(tasks, ops, capacity=Capacity(len(program)), settings=_NEVER_STOPS)
    starts, lengths, fitness = np.zeros(1, np.int64), packed.lengths[np.newaxis], np.zeros((1, tasks.tasks))
    return _shortest(lambda: evaluate_many(handle.engine, starts, lengths, packed.code, packed.constants, fitness))


def jit_seconds(program: Program, tasks: TaskSet, lanes: int) -> tuple[float, float]:
    """Seconds of compiling a live program for a block of ``lanes`` tasks, and of running it."""
    (block,) = make_blocks(tasks, lanes, _NEVER_STOPS)
    started = thread_time()
    code = compile_program(program, Specialization(tasks.features, lanes, tasks.metric_definition, tasks.classes))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address("evaluate"))
    compiling = thread_time() - started
    size = sum(a.kind.size(tasks.features) for a in jit.registers(program, tasks.metric_definition))
    memory, fitness = aligned(size * lanes, np.float64), np.zeros(lanes)
    block.arguments[Field.MEMORY], block.arguments[Field.FITNESS] = memory.ctypes.data, fitness.ctypes.data
    return compiling, _shortest(lambda: function(block.arguments.ctypes.data))


def calibrate() -> Costs:
    """Measure this machine's costs, in a few seconds of processor time."""
    widest = host().vector_bytes // 8
    visits = (1, 2 * EXAMPLES, EXAMPLES)
    rows: dict[int, list[tuple[Array, float, float]]] = {1: [], widest: []}
    compiled, compiling = [], []
    for features, lanes in ((SHORT, widest), (LONG, widest), (LONG, 1)):
        tasks = _tasks(features, lanes)
        for program in programs():
            seconds, running = jit_seconds(program, tasks, lanes)
            compiled.append(compile_work(program, features, lanes))
            compiling.append(seconds)
            rows[lanes].append((work(program, features, lanes, visits), vm_seconds(program, tasks), running))

    def costs(lanes: int, at: int) -> tuple[float, ...]:
        counts = np.array([row[0] for row in rows[lanes]])
        return fit(counts, np.array([row[at] for row in rows[lanes]]))

    return Costs(
        vm_one=costs(1, 1),
        vm_wide=costs(widest, 1),
        jit_one=costs(1, 2),
        jit_wide=costs(widest, 2),
        compiling=fit(np.array(compiled), np.array(compiling)),
    )
