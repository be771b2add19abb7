"""Evaluating programs with the compiled backends, from Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import thread_time

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.autoselect.choice import Probe, choose
from azdsl.codegen.autoselect.cost_store import costs_for
from azdsl.codegen.blocks import lay_out
from azdsl.codegen.compiled_program import KEPT, compiled_program, jit_lanes
from azdsl.codegen.protocol import DEFAULTS, EvaluationSettings, Specialization
from azdsl.ir import Packed, Program, pack_live
from azdsl.ir.packing import CONSTANTS, programs_using
from azdsl.ops import Kind
from azdsl.taskset import TaskSet

_PROBE_RUNS = 4
"""Runs of a program on its first examples before the choice of a backend; the shortest one counts."""


def evaluate_vm(
    programs: Sequence[Program], tasks: TaskSet, settings: EvaluationSettings = DEFAULTS
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the virtual machine."""
    from azdsl.codegen.engine import Capacity, build_engine
    from azdsl.codegen.execute import evaluate_many

    metric = tasks.metric_definition
    packed = [pack_live(program, metric) for program in programs]
    starts, lengths, code, constants = concatenate(packed)
    handle = build_engine(
        tasks,
        capacity=Capacity(int(lengths.sum(axis=1).max())),
        settings=settings,
        programs=np.unique(programs_using(Kind.MATRIX, lengths, code)).tolist(),
    )
    fitness = np.zeros((len(programs), tasks.tasks))
    evaluate_many(handle.engine, starts, lengths, code, constants, fitness)
    return fitness


def concatenate(
    packed: Sequence[Packed],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]:
    """P packed programs of L instructions in all: starts [P], lengths [P, 3], code [L], constants [L, 3]."""
    counts, code, constants = (b"".join(parts) for parts in zip(*[p.raw for p in packed], strict=True))
    lengths = np.frombuffer(counts, np.int64).reshape(-1, 3)
    ends = np.cumsum(lengths.sum(axis=1))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return starts, lengths, np.frombuffer(code, np.uint64), np.frombuffer(constants, np.float64).reshape(-1, CONSTANTS)


def evaluate_jit(
    programs: Sequence[Program], tasks: TaskSet, settings: EvaluationSettings = DEFAULTS
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by compiling each program.

    All blocks have the same number of lanes, so that one compilation serves them all; see ``CompiledProgram.for_tasks``
    for the last one.
    """
    lanes = jit_lanes(tasks.tasks, settings.precision)
    specialization = Specialization(tasks.features, lanes, tasks.metric_definition, tasks.classes, settings.precision)
    fitness = np.zeros((len(programs), tasks.tasks))
    for start in range(0, len(programs), KEPT):
        group = [compiled_program(program, specialization) for program in programs[start : start + KEPT]]
        for first in range(0, tasks.tasks, lanes):
            chosen = [code.for_tasks(min(lanes, tasks.tasks - first)) for code in group]
            blocks = {
                width: lay_out(tasks, first, width, settings)
                for width in {code.specialization.lanes for code in chosen}
            }
            for row, code in zip(fitness[start : start + KEPT], chosen, strict=True):
                block = blocks[code.specialization.lanes]
                row[first : first + block.count] = code.run(block, code.memory())
    return fitness


def evaluate_auto(
    programs: Sequence[Program],
    tasks: TaskSet,
    settings: EvaluationSettings = DEFAULTS,
    announce: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Fitness float64[P, T], each program by the backend that is predicted to be the faster for it."""
    costs = costs_for(programs, tasks, settings.precision, announce)
    compiled = choose(programs, tasks, costs, settings.precision, vm_probe(settings))
    fitness = np.zeros((len(programs), tasks.tasks))
    for chosen, run in ((compiled, evaluate_jit), (~compiled, evaluate_vm)):
        if chosen.any():
            fitness[chosen] = run([p for p, own in zip(programs, chosen, strict=True) if own], tasks, settings)
    return fitness


def vm_probe(settings: EvaluationSettings) -> Probe:
    """A probe that runs the VM with these settings."""

    def probe(program: Program, tasks: TaskSet) -> tuple[float, bool]:
        from azdsl.codegen.engine import Capacity, build_engine
        from azdsl.codegen.execute import evaluate_many

        starts, lengths, code, constants = concatenate([pack_live(program, tasks.metric_definition)])
        matrices = programs_using(Kind.MATRIX, lengths, code).tolist()
        handle = build_engine(tasks, capacity=Capacity(int(lengths.sum())), settings=settings, programs=matrices)
        fitness = np.zeros((1, tasks.tasks))
        seconds, stopped = math.inf, False
        for _ in range(_PROBE_RUNS):
            started = thread_time()
            stopped = evaluate_many(handle.engine, starts, lengths, code, constants, fitness)
            seconds = min(seconds, thread_time() - started)
        return seconds, stopped

    return probe
