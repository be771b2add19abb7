"""Evaluating programs with the compiled backends, from Python."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen import jit
from azdsl.codegen.blocks import aligned, make_blocks
from azdsl.codegen.protocol import Field, Scheme
from azdsl.codegen.target import Loaded, compile_object, host, load_object
from azdsl.ir import Packed, Program, remove_dead_code
from azdsl.taskset import TaskSet

_LEVEL = 2
"""LLVM's optimisation level: 3 costs more time and gains nothing measurable here."""


def evaluate_vm(
    programs: Sequence[Program], tasks: TaskSet, *, seed: int = 0, max_abs_error: float = 100.0, precision: int = 64
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the virtual machine."""
    from azdsl.codegen.engine import build_engine
    from azdsl.codegen.execute import evaluate_many

    packed = [program.packed(tasks.multiclass) for program in programs]
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
    lengths = np.array([p.lengths for p in packed])
    ends = np.cumsum(lengths.sum(axis=1))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return starts, lengths, np.concatenate([p.code for p in packed]), np.concatenate([p.constants for p in packed])


def compile_program(program: Program, scheme: Scheme) -> Loaded:
    """A live program's evaluation as machine code, ``void evaluate(arguments*)``."""
    module = ir.Module("program")
    jit.emit(module, "evaluate", scheme, program)
    return load_object(compile_object(module, _LEVEL))


def evaluate_jit(
    programs: Sequence[Program], tasks: TaskSet, *, seed: int = 0, max_abs_error: float = 100.0, precision: int = 64
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by compiling each program."""
    widest = host().vector_bytes * 8 // precision
    blocks = make_blocks(tasks, widest, seed=seed, max_abs_error=max_abs_error, precision=precision)
    results = np.zeros((len(blocks), widest))
    for row, block in enumerate(blocks):
        block.arguments[Field.FITNESS] = results[row].ctypes.data
    fitness = np.zeros((len(programs), tasks.tasks))
    for at, program in enumerate(programs):
        live = remove_dead_code(program, tasks.multiclass)
        size = sum(a.kind.size(tasks.features) for a in jit.registers(live, tasks.multiclass))
        memory = aligned(size * widest * precision // 8, np.dtype(np.uint8))
        code: dict[int, Loaded] = {}
        for row, block in enumerate(blocks):
            if block.lanes not in code:
                code[block.lanes] = compile_program(
                    live, Scheme(tasks.features, block.lanes, tasks.metric, tasks.classes, precision)
                )
            block.arguments[Field.MEMORY] = memory.ctypes.data
            function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code[block.lanes].address("evaluate"))
            function(block.arguments.ctypes.data)
            fitness[at, block.first : block.first + block.count] = results[row, : block.count]
    return fitness
