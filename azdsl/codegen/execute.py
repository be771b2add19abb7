"""Numba functions that run linked programs on an engine, without the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from azdsl.codegen.engine import Engine, Linked
from azdsl.codegen.instruction_words import op_code
from azdsl.codegen.linking import link
from azdsl.codegen.numba_jit import inline, inline_callable, jit
from azdsl.codegen.op_table import Column
from azdsl.codegen.protocol import Field, Part

_M, _EPOCH_LENGTH, _EPOCHS, _MEMORY_BYTES, _STOPPED, _RETURN_FIELD, _SETTLED_FIELD, _UNREAD_FIELD, _CODE = (
    int(f)
    for f in (
        Field.M,
        Field.EPOCH_LENGTH,
        Field.EPOCHS,
        Field.MEMORY_BYTES,
        Field.STOPPED,
        Field.RETURN,
        Field.SETTLED,
        Field.UNREAD,
        Field.CODE,
    )
)
_LANE_BYTES, _USED, _IN_PARTS, _RETURN, _SETTLED, _UNREAD, _STARTS = (int(entry) for entry in Linked)
_PARTS = len(Part)
_A, _B, _OUT, _MATRIX = int(Column.A), int(Column.B), int(Column.OUT), 2
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT, _ONE, _STOPPED_TRACE = np.uint64(32), np.uint64(1), np.uint64(0)


@intrinsic  # type: ignore[untyped-decorator]  # numba has no stubs
def _call(typing: Any, function: Any, argument: Any) -> Any:
    """Call ``void function(argument*)`` at an address. The address is a value, so that numba can cache the caller."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(arguments[0], type_.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@inline
def _span(engine: Engine, number: int, lengths: NDArray[np.int64], code: NDArray[np.uint64]) -> Any:
    """The first block on which a live program runs on task set ``number``, and the block after the last."""
    table, spans, matrices = engine.table, engine.spans, 0
    if spans[number, 0, 0] != spans[number, 1, 0]:
        for row in range(lengths[0] + lengths[1] + lengths[2]):
            op = np.int64(op_code(code[row]))
            if table[op, _A] == _MATRIX or table[op, _B] == _MATRIX or table[op, _OUT] == _MATRIX:
                matrices = 1
    return spans[number, matrices, 0], spans[number, matrices, 1]


@inline
def _run(
    engine: Engine,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    linked: bool,
    first: int,
    end: int,
) -> bool:
    """Evaluate a live program on blocks ``first`` … ``end`` - 1. Returns whether all their tasks stopped before the first validation."""
    stopped = True
    if not linked:
        engine.linked[_LANE_BYTES] = 0
    for block in range(first, end):
        arguments, told = engine.arguments[block], engine.linked
        examples = arguments[_EPOCHS] * (arguments[_EPOCH_LENGTH] + arguments[_M])
        in_parts = examples >= engine.in_parts_from
        if engine.lane_bytes[block] != told[_LANE_BYTES] or told[_IN_PARTS] < in_parts:
            link(engine, block, lengths, code, constants, in_parts)
        arguments[_MEMORY_BYTES] = told[_USED] * engine.lane_bytes[block]
        arguments[_RETURN_FIELD] = told[_RETURN]
        arguments[_SETTLED_FIELD], arguments[_UNREAD_FIELD] = told[_SETTLED], told[_UNREAD]
        for part in range(_PARTS):
            arguments[_CODE + part] = told[_STARTS + part]
        _call(engine.functions[block], engine.arguments[block].ctypes.data)
        stopped = stopped and engine.arguments[block, _STOPPED] != 0
    return stopped


@inline_callable
def evaluate(
    engine: Engine,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    task_fitness: NDArray[np.float64],
    linked: bool,
    number: int,
) -> bool:
    """Write a live packed program's fitness on each task of task set ``number`` to ``task_fitness`` float64[T].

    ``linked`` says that the program is the one that an engine with the same workspace ran last. Returns whether all these tasks
    stopped early.
    """
    first, end = _span(engine, number, lengths, code)
    stopped = _run(engine, lengths, code, constants, linked, first, end)
    for block in range(first, end):
        for lane in range(engine.tasks[block]):
            task_fitness[engine.first[block] + lane] = engine.fitness[block, lane]
    return stopped


@inline
def trace(
    engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> np.uint64:
    """A hash of all predictions on the tasks of a tracing engine; 0 if all tasks stopped early, and only then."""
    first, end = _span(engine, 0, lengths, code)
    if _run(engine, lengths, code, constants, False, first, end):
        return _STOPPED_TRACE
    result = _PRIME
    for block in range(first, end):
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
) -> bool:
    """``evaluate`` for P programs that follow each other in ``code``. ``task_fitness`` is float64[P, T].

    Returns whether all programs stopped early on all tasks.
    """
    stopped = True
    for p in range(starts.shape[0]):
        end = starts[p] + lengths[p].sum()
        live, values = code[starts[p] : end], constants[starts[p] : end]
        stopped = evaluate(engine, lengths[p], live, values, task_fitness[p], False, 0) and stopped
    return stopped
