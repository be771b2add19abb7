"""Evaluating programs with the compiled backends, from Python."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import thread_time
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen import jit
from azdsl.codegen.autoselect.choice import Probe, choose, costs_for, jit_lanes
from azdsl.codegen.blocks import Block, lay_out
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import Field, Scheme
from azdsl.codegen.target import Loaded, compile_object, load_object
from azdsl.ir import Packed, Program, pack_live, remove_dead_code
from azdsl.ir.packing import CONSTANTS
from azdsl.taskset import TaskSet

_LEVEL = 2
"""LLVM's optimisation level: 3 costs more time and gains nothing measurable here."""

_TRIES = 4
"""Runs of a program's first examples before the choice of a backend; the shortest counts."""


def evaluate_vm(
    programs: Sequence[Program], tasks: TaskSet, *, seed: int = 0, max_abs_error: float = 100.0, precision: int = 64
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the virtual machine."""
    from azdsl.codegen.engine import build_engine
    from azdsl.codegen.execute import evaluate_many

    packed = [pack_live(program, tasks.metric_definition) for program in programs]
    starts, lengths, code, constants = concatenate(packed)
    handle = build_engine(
        tasks,
        max_instructions=int(lengths.sum(axis=1).max()),
        seed=seed,
        max_abs_error=max_abs_error,
        precision=precision,
    )
    fitness = np.zeros((len(programs), tasks.tasks))
    evaluate_many(handle.engine, starts, lengths, code, constants, fitness)
    return fitness


def concatenate(
    packed: Sequence[Packed],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]:
    """Packed programs one after the other: starts [P], lengths [P, 3], code [L], constants [L, 3]."""
    counts, code, constants = (b"".join(parts) for parts in zip(*[p.raw for p in packed], strict=True))
    lengths = np.frombuffer(counts, np.int64).reshape(-1, 3)
    ends = np.cumsum(lengths.sum(axis=1))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return starts, lengths, np.frombuffer(code, np.uint64), np.frombuffer(constants, np.float64).reshape(-1, CONSTANTS)


def compile_program(program: Program, scheme: Scheme) -> Loaded:
    """A live program's evaluation as machine code, ``void evaluate(arguments*)``."""
    module = ir.Module("program")
    jit.emit(module, "evaluate", scheme, program)
    return load_object(compile_object(module, _LEVEL))


@dataclass(frozen=True, eq=False)
class CompiledProgram:
    """A program's machine code, its function, and how many lane values its registers take."""

    code: Loaded
    function: Callable[[int], None]
    values: int


_TOGETHER = 32
"""Programs whose code is in memory at the same time."""


@lru_cache(maxsize=_TOGETHER)
def compiled_program(program: Program, scheme: Scheme) -> CompiledProgram:
    """A program compiled for a scheme. Code has no state: evaluations of the same program share it."""
    live = remove_dead_code(program, scheme.metric)
    code = compile_program(live, scheme)
    values = sum(a.kind.size(scheme.features) for a in jit.registers(live, scheme.metric))
    return CompiledProgram(code, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address("evaluate")), values)


def evaluate_jit(
    programs: Sequence[Program], tasks: TaskSet, *, seed: int = 0, max_abs_error: float = 100.0, precision: int = 64
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by compiling each program.

    One block of tasks is in memory at a time; every block has the same width, so that one is compiled.
    """
    lanes = jit_lanes(tasks.tasks, precision)
    settings: dict[str, Any] = {"seed": seed, "max_abs_error": max_abs_error, "precision": precision}
    scheme = Scheme(tasks.features, lanes, tasks.metric_definition, tasks.classes, precision)
    fitness = np.zeros((len(programs), tasks.tasks))
    for start in range(0, len(programs), _TOGETHER):
        group = [compiled_program(program, scheme) for program in programs[start : start + _TOGETHER]]
        memory = aligned(max(compiled.values for compiled in group) * lanes * precision // 8, np.uint8)
        for first in range(0, tasks.tasks, lanes):
            found = fitness[start : start + _TOGETHER, first : first + lanes]
            _evaluate_block(group, lay_out(tasks, first, lanes, **settings), memory, found)
    return fitness


def _evaluate_block(
    programs: Sequence[CompiledProgram], block: Block, memory: NDArray[np.generic], fitness: NDArray[np.float64]
) -> None:
    """Write the fitness of compiled programs on a block, float64[P, its tasks]."""
    results = np.zeros(block.lanes)
    block.arguments[Field.FITNESS], block.arguments[Field.MEMORY] = results.ctypes.data, memory.ctypes.data
    for row, program in zip(fitness, programs, strict=True):
        program.function(block.arguments.ctypes.data)
        row[:] = results[: block.count]


def evaluate_auto(
    programs: Sequence[Program],
    tasks: TaskSet,
    *,
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
    announce: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Fitness float64[P, T], each program by the backend that is thought to be the faster for it."""
    settings: dict[str, Any] = {"seed": seed, "max_abs_error": max_abs_error, "precision": precision}

    compiled = choose(programs, tasks, costs_for(programs, tasks, precision, announce), precision, vm_trial(**settings))
    fitness = np.zeros((len(programs), tasks.tasks))
    for chosen, run in ((compiled, evaluate_jit), (~compiled, evaluate_vm)):
        if chosen.any():
            fitness[chosen] = run([p for p, own in zip(programs, chosen, strict=True) if own], tasks, **settings)
    return fitness


def vm_trial(**settings: Any) -> Probe:
    """What times the VM on a program and tells whether it stops, with these settings of the evaluation."""

    def probe(program: Program, tasks: TaskSet) -> tuple[float, bool]:
        from azdsl.codegen.engine import build_engine
        from azdsl.codegen.execute import evaluate_many

        starts, lengths, code, constants = concatenate([pack_live(program, tasks.metric_definition)])
        handle = build_engine(tasks, max_instructions=int(lengths.sum()), **settings)
        fitness = np.zeros((1, tasks.tasks))
        seconds = math.inf
        for _ in range(_TRIES):
            started = thread_time()
            evaluate_many(handle.engine, starts, lengths, code, constants, fitness)
            seconds = min(seconds, thread_time() - started)
        return seconds, bool(np.all(handle.engine.arguments[:, Field.STOPPED] != 0))

    return probe
