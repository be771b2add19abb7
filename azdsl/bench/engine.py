"""Figures of the backends: evaluation of many short programs, and training of one network."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from azdsl.api import evaluate
from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.workloads import NETWORK_EXAMPLES, TASKS, bilinear, demo_tasks, network, random_programs, random_tasks
from azdsl.bench.yardstick import SIZES
from azdsl.codegen import jit
from azdsl.codegen.blocks import make_blocks
from azdsl.codegen.compiled_program import compile_program
from azdsl.codegen.engine import Capacity, build_engine
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import DEFAULTS, Field, Specialization
from azdsl.codegen.target import host
from azdsl.ir import Program, pack_live, remove_dead_code
from azdsl.taskset import TaskSet

Runner = Callable[[], None]

PROGRAMS, REPEATS = 8000, 20
"""Number of different programs, and how many times one call evaluates their list."""

TRAININGS = 20
"""Number of trainings, of which the shortest counts, as in ``network.c``."""


def vm_runner(program: Program, tasks: TaskSet) -> Runner:
    """A function that evaluates a program on the VM. All preparation is done before the call."""
    packed = pack_live(program, tasks.metric_definition)
    handle = build_engine(tasks, capacity=Capacity(max(1, int(packed.lengths.sum()))))
    starts, lengths, fitness = np.zeros(1, np.int64), packed.lengths[np.newaxis], np.zeros((1, tasks.tasks))

    def run() -> None:
        evaluate_many(handle.engine, starts, lengths, packed.code, packed.constants, fitness)

    return run


@dataclass(frozen=True, eq=False)
class Compiled:
    """Calls of machine code. ``kept`` holds the objects that their addresses point to."""

    calls: list[tuple[Callable[[int], None], int]]
    kept: tuple[object, ...]

    def __call__(self) -> None:
        """Make the calls."""
        for function, arguments in self.calls:
            function(arguments)


def jit_runner(program: Program, tasks: TaskSet) -> Runner:
    """A function that runs the machine code of a program, which is compiled before the call."""
    live = remove_dead_code(program, tasks.metric_definition)
    widest = host().vector_bytes // 8
    blocks = make_blocks(tasks, widest, DEFAULTS)
    size = sum(a.kind.size(tasks.features) for a in jit.registers(live, tasks.metric_definition))
    memory, results = aligned(size * widest, np.float64), np.zeros((len(blocks), widest))
    code = {
        lanes: compile_program(live, Specialization(tasks.features, lanes, tasks.metric_definition, tasks.classes))
        for lanes in {block.lanes for block in blocks}
    }
    calls: list[tuple[Callable[[int], None], int]] = []
    for row, block in enumerate(blocks):
        block.arguments[Field.FITNESS], block.arguments[Field.MEMORY] = results[row].ctypes.data, memory.ctypes.data
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code[block.lanes].address("evaluate"))
        calls.append((function, block.arguments.ctypes.data))

    return Compiled(calls, (blocks, memory, results, code))


def evaluate_runner(program: Program, tasks: TaskSet) -> Runner:
    """A function that calls ``azdsl.evaluate`` with the backend jit."""

    def run() -> None:
        evaluate(program, tasks, backend="jit")

    return run


RUNNERS = {"vm": vm_runner, "jit": jit_runner}
"""Runners of machine code alone, by backend."""


def shortest(run: Runner, times: int) -> float:
    """The least processor time [s] of several runs, after one warm-up run."""
    run()
    least = float("inf")
    for _ in range(times):
        started = time.thread_time()
        run()
        least = min(least, time.thread_time() - started)
    return least


def _evaluations(scale: Scale) -> Callable[[], Sample]:
    distinct = random_programs(scale.of(PROGRAMS))
    programs, tasks = distinct * REPEATS, demo_tasks()
    live = float(np.mean([pack_live(p).lengths.sum() for p in distinct]))
    evaluate(distinct, tasks, backend="vm")

    def sample() -> Sample:
        started = time.thread_time()
        evaluate(programs, tasks, backend="vm")
        return Sample(len(programs) / (time.thread_time() - started), {"live instructions of 20": live})

    return sample


def _training(model: Callable[[], Program], backend: str, features: int, scale: Scale) -> Callable[[], Sample]:
    program, tasks = model(), random_tasks(TASKS, NETWORK_EXAMPLES, features, 1)
    if not evaluate(program, tasks, backend="vm").task_fitness.all():
        raise AssertionError("the training stops early: there is nothing to time")
    run = (RUNNERS | {"evaluate": evaluate_runner})[backend](program, tasks)
    times = scale.of(TRAININGS, 2)
    return lambda: Sample(1e9 * shortest(run, times) / (TASKS * NETWORK_EXAMPLES))


LIMITS = {"jit": 1.15, "vm": 2.5}
"""Greatest ratio to the yardstick's time per training step."""

BILINEAR_LIMITS = {"jit": 30.0, "vm": 45.0}
"""Most nanoseconds per training step of the bilinear model."""

_WAYS = {name: (name, limit) for name, limit in LIMITS.items()} | {"evaluate": ("azdsl.evaluate with jit", 1.3)}
"""Name in the title, and limit, of each way to train the network."""

FIGURES = (
    Figure(
        "evaluations",
        "full evaluations, random demo-shaped programs",
        "programs/s",
        1.5,
        True,
        _evaluations,
        "programs",
    ),
    *(
        Figure(
            f"network-{backend}-{size}",
            f"two-layer network, {title}, F = {size}, per task and training step",
            "ns",
            limit,
            False,
            partial(_training, network, backend, size),
            f"network-{size}",
        )
        for backend, (title, limit) in _WAYS.items()
        for size in SIZES
    ),
    *(
        Figure(
            f"bilinear-{backend}",
            f"bilinear model, {backend}, F = 16, per task and training step",
            "ns",
            limit,
            False,
            partial(_training, bilinear, backend, 16),
            "bilinear-16",
            absolute=True,
        )
        for backend, limit in BILINEAR_LIMITS.items()
    ),
)
