"""Numba functions that link a packed program and run it on an engine, without the GIL.

Linking writes a program's records (``vm``): the addresses of handlers and registers, then constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.engine import NO_KIND, Column, Engine, Linked
from azdsl.codegen.instruction_words import first_input, op_code, output_register, second_input
from azdsl.codegen.numba_jit import inline, jit
from azdsl.codegen.protocol import Field

_FEATURES = vm.FEATURES
_HEADER, _WORD_BYTES = vm.HEADER_WORDS, vm.WORD
_CODE, _MEMORY_BYTES, _STOPPED = int(Field.CODE), int(Field.MEMORY_BYTES), int(Field.STOPPED)
_LANE_BYTES, _USED, _STARTS = (int(entry) for entry in Linked)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT, _ONE, _STOPPED_TRACE = np.uint64(32), np.uint64(1), np.uint64(0)
_SCALAR, _VECTOR, _MATRIX, _NO_KIND = 0, 1, 2, NO_KIND
_LEARN = 2
_OUT, _CONSTANTS, _INDEX, _RANDOM, _CONSUMER, _FUSED, _HANDLER = (
    int(c)
    for c in (Column.OUT, Column.CONSTANTS, Column.INDEX, Column.RANDOM, Column.CONSUMER, Column.FUSED, Column.HANDLER)
)
_OFFSET_BITS = 40
"""The low bits of an entry of ``Engine.places`` are the place, the others the number of the linking that set the entry."""

LINKINGS = 1 << (62 - _OFFSET_BITS)
"""The largest number of a linking; the next one clears the map, for a larger number would not fit an entry."""


@intrinsic  # type: ignore[untyped-decorator]  # numba has no stubs
def _call(typing: Any, function: Any, argument: Any) -> Any:
    """Call ``void function(argument*)`` at an address. The address is a value, so that numba can cache the caller."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        builder.call(builder.inttoptr(arguments[0], type_.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@inline
def _begin(engine: Engine) -> None:
    """Start a linking: only the registers of ``vm.fixed_registers`` have places."""
    places, linked, features = engine.places, engine.linked, engine.features
    if places[_NO_KIND, 0] >= LINKINGS:
        places[:] = 0
    places[_NO_KIND, 0] += 1
    # entries of earlier linkings are recognised by their number, so the map need not be cleared
    current = places[_NO_KIND, 0] << _OFFSET_BITS
    places[_SCALAR, 0], places[_SCALAR, 1], places[_VECTOR, 0] = current, current + 1, current + 2
    linked[_USED] = 2 + features
    if engine.multiclass:
        places[_VECTOR, 1], places[_VECTOR, 2] = current + 2 + features, current + 2 + 2 * features
        linked[_USED] += 2 * features


@inline
def _address(engine: Engine, kind: Any, register: Any, lane_bytes: Any) -> Any:
    """The address of a register. A register without a place gets the next one."""
    places, linked = engine.places, engine.linked
    place = places[kind, register] - (places[_NO_KIND, 0] << _OFFSET_BITS)
    if place < 0:
        place = linked[_USED]
        places[kind, register] = (places[_NO_KIND, 0] << _OFFSET_BITS) + place
        linked[_USED] += engine.sizes[kind]
    return engine.memory + place * lane_bytes


@inline
def _operand(engine: Engine, kind: Any, register: Any, function: int, lane_bytes: Any) -> Any:
    """An input as a record names it: the register's address, or ``vm.FEATURES``."""
    if kind == _VECTOR and register == 0:
        return _FEATURES
    if kind == _SCALAR and register == 0 and function != _LEARN:
        kind = _VECTOR  # nothing writes v0's own memory: it is zero, as s0 is there
    return _address(engine, kind, register, lane_bytes)


@inline
def _fuses(engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], row: int, end: int) -> bool:
    """Whether an instruction runs as a pair with the next one: a pair of ``vm.FUSED``, and nothing else reads the first result."""
    table, word = engine.table, code[row]
    op = np.int64(op_code(word))
    if table[op, _CONSUMER] < 0 or row + 1 >= end or np.int64(op_code(code[row + 1])) != table[op, _CONSUMER]:
        return False
    kind, register = table[op, _OUT], np.int64(output_register(word))
    if engine.multiclass and kind == _VECTOR and register <= 2:
        return False
    readers = 0
    for other in range(lengths[0] + lengths[1] + lengths[2]):
        reader = np.int64(op_code(code[other]))
        readers += table[reader, 0] == kind and np.int64(first_input(code[other])) == register
        readers += table[reader, 1] == kind and np.int64(second_input(code[other])) == register
        # an op that sets one entry keeps the others
        readers += 2 * (
            table[reader, _INDEX] != 0
            and table[reader, _OUT] == kind
            and np.int64(output_register(code[other])) == register
        )
    return readers == 1 and (
        np.int64(first_input(code[row + 1])) == register or np.int64(second_input(code[row + 1])) == register
    )


@inline
def _link_inputs(engine: Engine, at: int, word: Any, function: int, accumulated: Any, lane_bytes: Any) -> Any:
    """Write the inputs of the record at ``at``. Returns which handler of the op reads the accumulator where it holds an input."""
    table, words, op = engine.table, engine.records, np.int64(op_code(word))
    variant = 0
    for slot in range(2):
        if table[op, slot] != _NO_KIND:
            register = np.int64(first_input(word) if slot == 0 else second_input(word))
            if table[op, slot] == _SCALAR and register == accumulated:
                variant += 1 + slot
            else:
                words[at + 1 + slot] = _operand(engine, table[op, slot], register, function, lane_bytes)
    return variant


@inline
def _link_pair(
    engine: Engine, at: int, handlers: Any, variant: Any, first: Any, second: Any, function: int, lane_bytes: Any
) -> Any:
    """Complete the record of two instructions that run as a pair. Returns where the next record starts."""
    table, words = engine.table, engine.records
    op = np.int64(op_code(first))
    kind, a, b = table[op, _OUT], np.int64(first_input(second)), np.int64(second_input(second))
    other = b if a == np.int64(output_register(first)) else a
    words[at] = handlers[table[op, _FUSED] + variant]
    words[at + _HEADER] = _operand(engine, kind, other, function, lane_bytes)
    words[at + _HEADER - 1] = _address(engine, kind, np.int64(output_register(second)), lane_bytes)
    return at + _HEADER + 1


@inline
def _link_one(
    engine: Engine,
    at: int,
    handlers: Any,
    variant: Any,
    word: Any,
    constants: NDArray[np.float64],
    row: int,
    lane_bytes: Any,
) -> Any:
    """Complete the record of the instruction in ``row``. Returns where the next record starts."""
    table, words, features = engine.table, engine.records, engine.features
    op = np.int64(op_code(word))
    words[at] = handlers[table[op, _HANDLER] + variant]
    words[at + _HEADER - 1] = _address(engine, table[op, _OUT], np.int64(output_register(word)), lane_bytes)
    at += _HEADER
    for k in range(table[op, _CONSTANTS]):
        value = constants[row, k]
        if table[op, _INDEX + k]:
            entry = np.int64(np.float32(features) * np.float32(value))
            value = np.float64(entry if entry < features else features - 1)
        engine.record_constants[at + k] = value
    return at + table[op, _CONSTANTS]


@inline
def link(
    engine: Engine, block: int, lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]
) -> None:
    """Write a live program's records for the blocks that have the lanes of ``block``, and ``engine.linked``.

    Registers get places in order of appearance, so that memory holds only those in use.
    """
    table, words = engine.table, engine.records
    lane_bytes, handlers = engine.lane_bytes[block], engine.handlers[block]
    _begin(engine)
    at, row, end, draws = 0, 0, 0, 0
    for function in range(3):
        engine.linked[_STARTS + function] = words.ctypes.data + _WORD_BYTES * at
        end += lengths[function]
        accumulated = np.int64(-1)  # the scalar register computed last
        while row < end:
            word = code[row]
            op = np.int64(op_code(word))
            variant = _link_inputs(engine, at, word, function, accumulated, lane_bytes)
            if table[op, _RANDOM]:
                words[at + 1] = draws
                draws += 1
            if _fuses(engine, lengths, code, row, end):
                at = _link_pair(engine, at, handlers, variant, word, code[row + 1], function, lane_bytes)
                row += 2
            else:
                at = _link_one(engine, at, handlers, variant, word, constants, row, lane_bytes)
                row += 1
                if table[op, _OUT] == _SCALAR:
                    accumulated = np.int64(output_register(word))
        words[at] = handlers[function]  # the first handlers end Setup, Predict in training, and Learn
        at += 1
    engine.linked[_LANE_BYTES] = lane_bytes


@inline
def _span(engine: Engine, number: int, lengths: NDArray[np.int64], code: NDArray[np.uint64]) -> Any:
    """The first block on which a live program runs on task set ``number``, and the block after the last."""
    table, spans, matrices = engine.table, engine.spans, 0
    if spans[number, 0, 0] != spans[number, 1, 0]:
        for row in range(lengths[0] + lengths[1] + lengths[2]):
            op = np.int64(op_code(code[row]))
            if table[op, 0] == _MATRIX or table[op, 1] == _MATRIX or table[op, _OUT] == _MATRIX:
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
        if engine.lane_bytes[block] != engine.linked[_LANE_BYTES]:
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


@jit
def link_many(
    engine: Engine,
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    records: NDArray[np.int64],
    table: NDArray[np.int64],
) -> int:
    """Link P programs that follow each other in ``code`` into ``records``, for block 0 of an engine.

    A row of ``table`` int64[P, 5] is the number of the program, the words before its records of Setup, Predict and Learn, and the
    lane values of its registers. Returns how many words were written.
    """
    used = 0
    origin = engine.records.ctypes.data
    for p in range(starts.shape[0]):
        end = starts[p] + lengths[p].sum()
        link(engine, 0, lengths[p], code[starts[p] : end], constants[starts[p] : end])
        table[p, 0] = p
        for function in range(3):
            table[p, 1 + function] = used + (engine.linked[_STARTS + function] - origin) // _WORD_BYTES
        table[p, 4] = engine.linked[_USED]
        words = 3 + (end - starts[p]) * (_HEADER + constants.shape[1])
        for at in range(words):
            records[used + at] = engine.records[at]
        used += words
    return used
