"""Numba functions that link a packed program and run it on an engine. They hold no GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.compiled import inline, jit
from azdsl.codegen.engine import NO_KIND, Column, Engine
from azdsl.codegen.protocol import Field
from azdsl.ir.packing import A_SHIFT, FIELD

_END = vm.END
_HEADER = vm.HEADER_WORDS
_CODE, _MEMORY_BYTES, _STOPPED = int(Field.CODE), int(Field.MEMORY_BYTES), int(Field.STOPPED)
_WORD = vm.WORD
_WIDTH, _USED, _STARTS = 0, 1, 2
_FIELD, _A = np.uint64(FIELD), np.uint64(A_SHIFT)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT, _ONE, _STOPPED_TRACE = np.uint64(32), np.uint64(1), np.uint64(0)
_SCALAR, _VECTOR, _NO_KIND = 0, 1, NO_KIND
_SETUP = 0
_OUT, _CONSTANTS, _INDEX, _RANDOM = int(Column.OUT), int(Column.CONSTANTS), int(Column.INDEX), int(Column.RANDOM)
_PATCH = np.full((3, NO_KIND), -1)
"""The patch list for an operand that is register 0 of a kind (none for matrices), by function."""
_PATCH[1, _VECTOR] = vm.Patch.PREDICT_FEATURES
_PATCH[2, _VECTOR] = vm.Patch.LEARN_FEATURES
_PATCH[2, _SCALAR] = vm.Patch.LEARN_LABEL
_OFFSET_BITS = 40
"""The low bits of an entry of ``Engine.places`` hold the place, the rest the number of the linking that set it."""


@intrinsic  # type: ignore[untyped-decorator]  # numba has no stubs
def _call(typing: Any, function: Any, argument: Any) -> Any:
    """Call ``void function(argument*)`` at an address; numba caches code that takes it as a value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(arguments[0], type_.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@inline
def link(
    engine: Engine, lane_bytes: int, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> None:
    """Write a live program's records and patch lists for blocks of a width, and say so in ``engine.linked``.

    Registers get places in order of appearance, so that memory holds only those in use.
    """
    table, places, features, patches = engine.table, engine.places, engine.features, engine.patches
    words, doubles = engine.records, engine.record_constants
    # entries of earlier linkings are recognised by their number, so the map is never cleared
    places[_NO_KIND, 0] += 1
    current = places[_NO_KIND, 0] << _OFFSET_BITS
    places[_SCALAR, 0], places[_SCALAR, 1], places[_VECTOR, 0] = current, current + 1, current + 2
    used = 2 + features
    if engine.multiclass:
        places[_VECTOR, 1], places[_VECTOR, 2] = current + used, current + used + features
        used += 2 * features
    for patch in range(patches.shape[0]):
        patches[patch, 0] = 0
    start, at, row, draws = words.ctypes.data, 0, 0, 0
    for function in range(3):
        engine.linked[_STARTS + function] = start + _WORD * at
        for _ in range(lengths[function]):
            word = code[row]
            op = np.int64(word & _FIELD)
            words[at] = op
            word >>= _A
            for slot in range(3):
                kind = table[op, slot]
                register = np.int64(word & _FIELD)
                word >>= _A
                if kind == _NO_KIND:
                    continue
                place = places[kind, register] - current
                if place < 0:
                    place = used
                    places[kind, register] = current + used
                    used += engine.sizes[kind]
                words[at + 1 + slot] = engine.memory + place * lane_bytes
                if register == 0 and function != _SETUP and slot != _OUT:
                    patch = _PATCH[function, kind]
                    if patch >= 0:
                        patches[patch, 0] += 1
                        patches[patch, patches[patch, 0]] = start + _WORD * (at + 1 + slot)
            if table[op, _RANDOM]:
                words[at + 1] = draws
                draws += 1
            at += _HEADER
            for k in range(table[op, _CONSTANTS]):
                value = constants[row, k]
                if table[op, _INDEX + k]:
                    entry = np.int64(np.float32(features) * np.float32(value))
                    value = np.float64(entry if entry < features else features - 1)
                doubles[at] = value
                at += 1
            row += 1
        words[at] = _END
        at += 1
    engine.linked[_WIDTH], engine.linked[_USED] = lane_bytes, used * lane_bytes


@inline
def _run(
    engine: Engine,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    linked: bool,
) -> bool:
    """Evaluate a live program on every block; whether all tasks stopped before their first validation."""
    stopped = True
    if not linked:
        engine.linked[_WIDTH] = 0
    for block in range(engine.arguments.shape[0]):
        if engine.lane_bytes[block] != engine.linked[_WIDTH]:
            link(engine, engine.lane_bytes[block], lengths, code, constants)
        engine.arguments[block, _MEMORY_BYTES] = engine.linked[_USED]
        for function in range(3):
            engine.arguments[block, _CODE + function] = engine.linked[_STARTS + function]
        _call(engine.functions[block], engine.arguments[block].ctypes.data)
        stopped = stopped and engine.arguments[block, _STOPPED] != 0
    return stopped


@inline
def evaluate(
    engine: Engine,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    task_fitness: NDArray[np.float64],
    linked: bool,
) -> bool:
    """Write a live packed program's fitness per task (float64[T]); whether every task stopped early.

    ``linked``: the program is the one that an engine with the same memory ran last.
    """
    stopped = _run(engine, lengths, code, constants, linked)
    for block in range(engine.arguments.shape[0]):
        for lane in range(engine.tasks[block]):
            task_fitness[engine.first[block] + lane] = engine.fitness[block, lane]
    return stopped


@inline
def trace(
    engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> np.uint64:
    """Evaluate on a tracing engine: a hash of all predictions, never 0; 0 if every task stopped early."""
    if _run(engine, lengths, code, constants, False):
        return _STOPPED_TRACE
    result = _PRIME
    for block in range(engine.arguments.shape[0]):
        for lane in range(engine.tasks[block]):
            result = (result ^ engine.trace[block, lane]) * _PRIME
            result = result ^ (result >> _SHIFT)
    return result | _ONE


@jit
def evaluate_many(
    engine: Engine,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    task_fitness: NDArray[np.float64],
) -> None:
    """``evaluate`` for P programs that follow each other in ``code``; ``task_fitness`` is float64[P, T]."""
    for p in range(starts.shape[0]):
        end = starts[p] + lengths[p].sum()
        evaluate(engine, lengths[p], code[starts[p] : end], constants[starts[p] : end], task_fitness[p], False)
