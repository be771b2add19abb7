"""Numba functions that link a packed program and run it on an engine. They hold no GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.engine import Engine
from azdsl.codegen.protocol import Field
from azdsl.ir.packing import A_SHIFT, B_SHIFT, FIELD, OP_SHIFT, OUT_SHIFT

_HEADER = vm.HEADER_BYTES // 4
_END = vm.END
_CODE, _MEMORY_BYTES, _STOPPED = int(Field.CODE), int(Field.MEMORY_BYTES), int(Field.STOPPED)
_FIELD, _OP, _A, _B, _OUT = (np.uint64(x) for x in (FIELD, OP_SHIFT, A_SHIFT, B_SHIFT, OUT_SHIFT))
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_SCALAR, _VECTOR = 0, 1


@intrinsic  # type: ignore[untyped-decorator]  # numba has no stubs
def _call(typing: Any, function: Any, argument: Any) -> Any:
    """Call ``void function(argument*)`` at an address; numba caches code that takes it as a value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(arguments[0], type_.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no stubs
def link(
    engine: Engine, lane_bytes: int, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> int:
    """Write a live program's records into ``engine.records``; the bytes of memory it needs.

    Registers get places in order of appearance, so that memory holds only those in use. The numbers of
    the words at which the functions start are left in the argument tables, as addresses.
    """
    table, places, features = engine.table, engine.places, engine.features
    words, doubles = engine.records, engine.record_constants
    places[:] = -1
    places[_SCALAR, 0], places[_SCALAR, 1], places[_VECTOR, 0] = 0, 1, 2
    used = 2 + features
    if engine.multiclass:
        places[_VECTOR, 1], places[_VECTOR, 2] = used, used + features
        used += 2 * features
    start, at, row, draws = engine.records.ctypes.data, 0, 0, 0
    for function in range(3):
        for block in range(engine.arguments.shape[0]):
            engine.arguments[block, _CODE + function] = start + 4 * at
        for _ in range(lengths[function]):
            word = code[row]
            op = np.int64((word >> _OP) & _FIELD)
            words[at] = np.uint32(op)
            for slot in range(3):
                kind = table.output[op] if slot == 2 else table.inputs[op, slot]
                if kind == 3:
                    continue
                shift = _OUT if slot == 2 else _B if slot == 1 else _A
                register = np.int64((word >> shift) & _FIELD)
                if places[kind, register] < 0:
                    places[kind, register] = used
                    used += 1 if kind == 0 else features if kind == 1 else features * features
                words[at + 1 + slot] = np.uint32(places[kind, register] * lane_bytes)
            if table.random[op]:
                words[at + 1] = np.uint32(draws)
                draws += 1
            at += _HEADER
            for k in range(table.constants[op]):
                value = constants[row, k]
                if table.index[op, k]:
                    entry = np.int64(np.float32(features) * np.float32(value))
                    value = np.float64(min(entry, features - 1))
                doubles[at // 2] = value
                at += 2
            row += 1
        words[at] = np.uint32(_END)
        at += _HEADER
    return used * lane_bytes


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no stubs
def _run(engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]) -> bool:
    """Evaluate a live program on every block; whether all tasks stopped before their first validation."""
    stopped = True
    linked, used = 0, 0
    for block in range(engine.arguments.shape[0]):
        if engine.lane_bytes[block] != linked:
            linked = engine.lane_bytes[block]
            used = link(engine, linked, lengths, code, constants)
        engine.arguments[block, _MEMORY_BYTES] = used
        _call(engine.functions[block], engine.arguments[block].ctypes.data)
        stopped = stopped and engine.arguments[block, _STOPPED] != 0
    return stopped


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no stubs
def evaluate(
    engine: Engine,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    task_fitness: NDArray[np.float64],
) -> bool:
    """Write a live packed program's fitness per task (float64[T]); whether every task stopped early."""
    stopped = _run(engine, lengths, code, constants)
    for block in range(engine.arguments.shape[0]):
        for lane in range(engine.count[block]):
            task_fitness[engine.first[block] + lane] = engine.fitness[block, lane]
    return stopped


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no stubs
def trace(
    engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> tuple[bool, np.uint64]:
    """Evaluate on a tracing engine: whether every task stopped early, and a hash of all predictions."""
    stopped = _run(engine, lengths, code, constants)
    result = _PRIME
    for block in range(engine.arguments.shape[0]):
        for lane in range(engine.count[block]):
            result = (result ^ engine.trace[block, lane]) * _PRIME
            result = result ^ (result >> _SHIFT)
    return stopped, result


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no stubs
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
        evaluate(engine, lengths[p], code[starts[p] : end], constants[starts[p] : end], task_fitness[p])
