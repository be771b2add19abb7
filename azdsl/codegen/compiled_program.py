"""Programs compiled to machine code, as the jit backend runs them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from time import thread_time

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen import jit
from azdsl.codegen.blocks import Block
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import Field, Specialization
from azdsl.codegen.target import Loaded, compile_object, host, load_object
from azdsl.ir import Program, remove_dead_code

_LEVEL = 2
"""LLVM's optimisation level: 3 compiles longer and its code is not measurably faster."""

KEPT = 32
"""Programs whose code is kept."""

REPEATS = 200
"""A program that is evaluated a second time is compiled for fewer lanes too if this many evaluations take longer than compiling."""


def jit_lanes(tasks: int, precision: int) -> int:
    """The lanes of the code that a program is compiled to: one vector, or fewer that hold T tasks."""
    widest = host().vector_bytes * 8 // precision
    return min(widest, 1 << (tasks - 1).bit_length())


def compile_program(program: Program, specialization: Specialization) -> Loaded:
    """The evaluation of a live program as machine code: ``void evaluate(arguments*)``."""
    module = ir.Module("program")
    jit.emit(module, "evaluate", specialization, program)
    return load_object(compile_object(module, _LEVEL))


class CompiledProgram:
    """A live program's machine code for one specialization. Its calls share no memory, so threads may share it."""

    def __init__(self, program: Program, specialization: Specialization) -> None:
        started = thread_time()
        self._program = program
        self.specialization = specialization
        self._code = compile_program(program, specialization)
        self._function: Callable[[int], None] = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("evaluate"))
        self._memory_bytes = jit.memory_bytes(program, specialization)
        self._seconds = thread_time() - started
        self._narrower: CompiledProgram | None = None
        self._partial_seconds = 0.0

    def memory(self) -> NDArray[np.uint8]:
        """Memory for the registers of one call at a time."""
        memory: NDArray[np.uint8] = aligned(self._memory_bytes, np.uint8)
        return memory

    def run(self, block: Block, memory: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The fitness of each task of a block of ``specialization.lanes`` lanes, float64[count]."""
        results, arguments = np.empty(block.lanes), block.arguments
        arguments[Field.FITNESS], arguments[Field.MEMORY] = results.ctypes.data, memory.ctypes.data
        started = thread_time()
        self._function(arguments.ctypes.data)
        if block.count <= block.lanes // 2:
            self._partial_seconds = thread_time() - started
        return results[: block.count]

    def for_tasks(self, count: int) -> CompiledProgram:
        """The code for a block of ``count`` tasks: this, or code with fewer lanes.

        Narrower code is compiled when the program has run on such a block before, and that took so long that ``REPEATS``
        more evaluations would take longer than compiling.
        """
        lanes = 1 << (count - 1).bit_length()
        if lanes < self.specialization.lanes and self._partial_seconds * REPEATS > self._seconds:
            if self._narrower is None or self._narrower.specialization.lanes != lanes:
                self._narrower = CompiledProgram(self._program, self.specialization.with_lanes(lanes))
            return self._narrower
        return self


@lru_cache(maxsize=KEPT)
def compiled_program(program: Program, specialization: Specialization) -> CompiledProgram:
    """A program, live or not, compiled for a specialization; the code of the last ``KEPT`` is kept."""
    return CompiledProgram(remove_dead_code(program, specialization.metric), specialization)
