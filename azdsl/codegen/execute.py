"""Numba functions that link a packed program and run it on an engine. They hold no GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.engine import NO_KIND, Column, Engine
from azdsl.codegen.instruction_words import first_input, op_code, output_register, second_input
from azdsl.codegen.numba_jit import inline, jit
from azdsl.codegen.protocol import Field

_FEATURES = vm.FEATURES
_HEADER = vm.HEADER_WORDS
_CODE, _MEMORY_BYTES, _STOPPED = int(Field.CODE), int(Field.MEMORY_BYTES), int(Field.STOPPED)
_WORD = vm.WORD
_WIDTH, _USED, _STARTS = 0, 1, 2
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT, _ONE, _STOPPED_TRACE = np.uint64(32), np.uint64(1), np.uint64(0)
_TWO = np.uint64(2)
_SCALAR, _VECTOR, _MATRIX, _NO_KIND = 0, 1, 2, NO_KIND
_LEARN = 2
_OUT, _CONSTANTS, _INDEX, _RANDOM, _CONSUMER, _FUSED, _HANDLER = (
    int(c)
    for c in (Column.OUT, Column.CONSTANTS, Column.INDEX, Column.RANDOM, Column.CONSUMER, Column.FUSED, Column.HANDLER)
)
_OFFSET_BITS = 40
"""The low bits of an entry of ``Engine.places`` hold the place, the rest the number of the linking that set it."""

LINKINGS = 1 << (62 - _OFFSET_BITS)
"""Linkings after which their numbers start afresh: larger ones would not fit an entry beside the place."""


@intrinsic  # type: ignore[untyped-decorator]  # numba has no stubs
def _call(typing: Any, function: Any, argument: Any) -> Any:
    """Call ``void function(argument*)`` at an address; numba caches code that takes it as a value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(arguments[0], type_.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@inline
def place_of(engine: Engine, kind: Any, register: Any, lane_bytes: Any) -> Any:
    """The address of a register, given one if it has none yet."""
    places, linked = engine.places, engine.linked
    place = places[kind, register] - (places[_NO_KIND, 0] << _OFFSET_BITS)
    if place < 0:
        # entries of earlier linkings are recognised by their number, so the map need not be cleared
        place = linked[_USED]
        places[kind, register] = (places[_NO_KIND, 0] << _OFFSET_BITS) + place
        linked[_USED] += engine.sizes[kind]
    return engine.memory + place * lane_bytes


@inline
def operand(engine: Engine, kind: Any, register: Any, function: int, lane_bytes: Any) -> Any:
    """What a record says of an input: the register's address, or that it is the example's features."""
    if kind == _VECTOR and register == 0:
        return _FEATURES
    if kind == _SCALAR and register == 0 and function != _LEARN:
        kind = _VECTOR  # nothing writes v0's own memory: it is zero, as s0 is there
    return place_of(engine, kind, register, lane_bytes)


@inline
def sole_reader(engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], row: int, end: int) -> bool:
    """Whether the next instruction is the partner to fuse this one with and alone in reading its result, once."""
    table, word = engine.table, code[row]
    op = np.int64(op_code(word))
    if row + 1 >= end or np.int64(op_code(code[row + 1])) != table[op, _CONSUMER]:
        return False
    kind, register = table[op, _OUT], output_register(word)
    if engine.multiclass and kind == _VECTOR and register <= _TWO:
        return False
    readers = 0
    for other in range(lengths[0] + lengths[1] + lengths[2]):
        reader = np.int64(op_code(code[other]))
        a, b = first_input(code[other]), second_input(code[other])
        readers += table[reader, 0] == kind and a == register
        readers += table[reader, 1] == kind and b == register
        # an op that sets one entry keeps the others
        readers += 2 * (
            table[reader, _INDEX] != 0 and table[reader, _OUT] == kind and output_register(code[other]) == register
        )
    a, b = first_input(code[row + 1]), second_input(code[row + 1])
    return readers == 1 and (a == register or b == register)


@inline
def link(
    engine: Engine, block: int, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> None:
    """Write a live program's records for a block, and others of its width, and say so in ``engine.linked``.

    Registers get places in order of appearance, so that memory holds only those in use.
    """
    table, places, features, linked = engine.table, engine.places, engine.features, engine.linked
    words, doubles = engine.records, engine.record_constants
    lane_bytes, handlers = engine.lane_bytes[block], engine.handlers[block]
    if places[_NO_KIND, 0] >= LINKINGS:
        places[:] = 0
    places[_NO_KIND, 0] += 1
    current = places[_NO_KIND, 0] << _OFFSET_BITS
    places[_SCALAR, 0], places[_SCALAR, 1], places[_VECTOR, 0] = current, current + 1, current + 2
    linked[_USED] = 2 + features
    if engine.multiclass:
        places[_VECTOR, 1], places[_VECTOR, 2] = current + 2 + features, current + 2 + 2 * features
        linked[_USED] += 2 * features
    at, row, end, draws = 0, 0, 0, 0
    for function in range(3):
        linked[_STARTS + function] = words.ctypes.data + _WORD * at
        end += lengths[function]
        accumulated = np.int64(-1)  # the scalar register computed last
        while row < end:
            word = code[row]
            op = np.int64(op_code(word))
            variant = 0
            for slot in range(2):
                if table[op, slot] != _NO_KIND:
                    register = np.int64(first_input(word) if slot == 0 else second_input(word))
                    if table[op, slot] == _SCALAR and register == accumulated:
                        variant += 1 + slot
                    else:
                        words[at + 1 + slot] = operand(engine, table[op, slot], register, function, lane_bytes)
            if table[op, _RANDOM]:
                words[at + 1] = draws
                draws += 1
            kind, out = table[op, _OUT], np.int64(output_register(word))
            if table[op, _CONSUMER] >= 0 and sole_reader(engine, lengths, code, row, end):
                words[at] = handlers[table[op, _FUSED] + variant]
                row += 1
                a, b = first_input(code[row]), second_input(code[row])
                other = np.int64(b if a == output_register(word) else a)
                words[at + _HEADER] = operand(engine, kind, other, function, lane_bytes)
                words[at + _HEADER - 1] = place_of(engine, kind, np.int64(output_register(code[row])), lane_bytes)
                at += _HEADER + 1
            else:
                words[at] = handlers[table[op, _HANDLER] + variant]
                words[at + _HEADER - 1] = place_of(engine, kind, out, lane_bytes)
                at += _HEADER
                for k in range(table[op, _CONSTANTS]):
                    value = constants[row, k]
                    if table[op, _INDEX + k]:
                        entry = np.int64(np.float32(features) * np.float32(value))
                        value = np.float64(entry if entry < features else features - 1)
                    doubles[at] = value
                    at += 1
                if kind == _SCALAR:
                    accumulated = out
            row += 1
        words[at] = handlers[function]  # those of Setup, of Predict in training and of Learn come first
        at += 1
    linked[_WIDTH] = lane_bytes


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
    """Evaluate a live program on some blocks; whether all their tasks stopped before their first validation."""
    stopped = True
    if not linked:
        engine.linked[_WIDTH] = 0
    for block in range(first, end):
        if engine.lane_bytes[block] != engine.linked[_WIDTH]:
            link(engine, block, lengths, code, constants)
        engine.arguments[block, _MEMORY_BYTES] = engine.linked[_USED] * engine.lane_bytes[block]
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
    first: int,
    end: int,
) -> bool:
    """Write a live packed program's fitness for each task of the blocks from ``first`` to before ``end`` (float64[T]);
    whether every one of them stopped early.

    ``linked``: the program is the one that an engine with the same memory ran last.
    """
    stopped = _run(engine, lengths, code, constants, linked, first, end)
    for block in range(first, end):
        for lane in range(engine.tasks[block]):
            task_fitness[engine.first[block] + lane] = engine.fitness[block, lane]
    return stopped


@inline
def trace(
    engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> np.uint64:
    """Evaluate on a tracing engine: a hash of all predictions, never 0; 0 if every task stopped early."""
    if _run(engine, lengths, code, constants, False, 0, engine.arguments.shape[0]):
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
        live, values = code[starts[p] : end], constants[starts[p] : end]
        evaluate(engine, lengths[p], live, values, task_fitness[p], False, 0, engine.arguments.shape[0])
