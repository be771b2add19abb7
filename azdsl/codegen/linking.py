"""Numba functions that link packed programs: they write the records that the VM runs (``vm``).

A record holds the addresses of handlers and registers, then constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.codegen.engine import Engine, Linked
from azdsl.codegen.instruction_words import first_input, op_code, output_register, second_input
from azdsl.codegen.numba_jit import inline, jit, merged
from azdsl.codegen.op_table import NO_KIND, Column
from azdsl.codegen.parts import EVERYWHERE, NEVER, find_needed, settle
from azdsl.codegen.protocol import Part

_FEATURES = vm.FEATURES
_HEADER, _WORD_BYTES = vm.HEADER_WORDS, vm.WORD
_LANE_BYTES, _USED, _IN_PARTS, _RETURN, _SETTLED, _UNREAD, _STARTS = (int(entry) for entry in Linked)
_PARTS, _LEARN, _VALIDATE = len(Part), int(Part.LEARN), int(Part.VALIDATE)
_FUNCTION_OF = np.array([part.function for part in Part])  # a constant of the compiled code, read faster than a tuple
_SCALAR, _VECTOR, _MATRIX, _NO_KIND = 0, 1, 2, NO_KIND
_OUT, _CONSTANTS, _INDEX, _RANDOM, _CONSUMER, _FUSED, _HANDLER = (
    int(c)
    for c in (Column.OUT, Column.CONSTANTS, Column.INDEX, Column.RANDOM, Column.CONSUMER, Column.FUSED, Column.HANDLER)
)
_OFFSET_BITS = 40
"""The low bits of an entry of ``Engine.places`` are the place, the others the number of the linking that set the entry."""

LINKINGS = 1 << (62 - _OFFSET_BITS)
"""The largest number of a linking; the next one clears the map, for a larger number would not fit an entry."""


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
    if kind == _SCALAR and register == 0 and function != 2:
        kind = _VECTOR  # nothing writes v0's own memory: it is zero, as s0 is there
    return _address(engine, kind, register, lane_bytes)


@inline
def _fuses(
    engine: Engine, lengths: NDArray[np.int64], code: NDArray[np.uint64], row: int, other: int, end: int
) -> bool:
    """Whether an instruction runs as a pair with the next one of its part: a pair of ``vm.FUSED``, nothing else reads the first
    result, and both are needed in the same parts of a validation.
    """
    table, word = engine.table, code[row]
    op = np.int64(op_code(word))
    if table[op, _CONSUMER] < 0 or other >= end or np.int64(op_code(code[other])) != table[op, _CONSUMER]:
        return False
    if (engine.needed[row] ^ engine.needed[other]) >> _VALIDATE:
        return False
    kind, register = table[op, _OUT], np.int64(output_register(word))
    if engine.multiclass and kind == _VECTOR and register <= 2:
        return False
    readers = 0
    for each in range(lengths[0] + lengths[1] + lengths[2]):
        reader = np.int64(op_code(code[each]))
        readers += table[reader, 0] == kind and np.int64(first_input(code[each])) == register
        readers += table[reader, 1] == kind and np.int64(second_input(code[each])) == register
        # an op that sets one entry keeps the others
        readers += 2 * (
            table[reader, _INDEX] != 0
            and table[reader, _OUT] == kind
            and np.int64(output_register(code[each])) == register
        )
    return readers == 1 and (
        np.int64(first_input(code[other])) == register or np.int64(second_input(code[other])) == register
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
def _following(engine: Engine, row: Any, end: Any, part: Any) -> Any:
    """The first instruction from ``row`` on that a part needs, or ``end``."""
    while row < end and not (engine.needed[row] >> part) & 1:
        row += 1
    return row


@inline
def _draws_before(table: NDArray[np.int64], code: NDArray[np.uint64], row: Any) -> Any:
    """The random instructions before ``row``: the number of its draw, whatever runs of the program."""
    draws = np.int64(0)
    for before in range(row):
        draws += table[np.int64(op_code(code[before])), _RANDOM]
    return draws


@merged
def _link_part(
    engine: Engine,
    block: int,
    part: Any,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    at: Any,
) -> Any:
    """Write the records of a part from word ``at`` on. Returns the word after them."""
    table, words, function = engine.table, engine.records, _FUNCTION_OF[part]
    lane_bytes, handlers = engine.lane_bytes[block], engine.handlers[block]
    engine.linked[_STARTS + part] = words.ctypes.data + _WORD_BYTES * at
    end = lengths[0] + (lengths[1] if function > 0 else 0) + (lengths[2] if function > 1 else 0)
    first = end - lengths[function]
    accumulated = np.int64(-1)  # the scalar register computed last
    row = _following(engine, first, end, part)
    while row < end:
        word = code[row]
        op = np.int64(op_code(word))
        variant = _link_inputs(engine, at, word, function, accumulated, lane_bytes)
        if table[op, _RANDOM]:
            words[at + 1] = _draws_before(table, code, row)
        after = _following(engine, row + 1, end, part)
        if _fuses(engine, lengths, code, row, after, end):
            at = _link_pair(engine, at, handlers, variant, word, code[after], function, lane_bytes)
            row = _following(engine, after + 1, end, part)
        else:
            at = _link_one(engine, at, handlers, variant, word, constants, row, lane_bytes)
            row = after
            if table[op, _OUT] == _SCALAR:
                accumulated = np.int64(output_register(word))
    # the first handlers end parts: the last of them validation's
    words[at] = handlers[3 if part >= _VALIDATE else function]
    return at + 1


@inline
def link(
    engine: Engine,
    block: int,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    constants: NDArray[np.float64],
    in_parts: bool,
) -> None:
    """Write a live program's records for the blocks that have the lanes of ``block``, and ``engine.linked``.

    ``in_parts``: for each part of an evaluation only the instructions that it needs. Registers get places in order of appearance,
    so that memory holds only those in use.
    """
    linked, needed, parts = engine.linked, engine.needed, 3
    _begin(engine)
    linked[_SETTLED], linked[_UNREAD] = NEVER, 0
    if in_parts:
        linked[_UNREAD] = find_needed(engine.table, engine.multiclass, lengths, code, engine.sets, needed)
        linked[_SETTLED] = settle(engine.table, engine.multiclass, lengths, code, engine.sets, needed)
        parts = _PARTS
    else:
        for row in range(lengths[0] + lengths[1] + lengths[2]):
            needed[row] = EVERYWHERE
    at = 0
    for part in range(parts):
        at = _link_part(engine, block, part, lengths, code, constants, at)
    linked[_RETURN] = engine.records.ctypes.data + _WORD_BYTES * at  # a word that nothing reads
    if not in_parts:
        for part in range(parts, _PARTS):
            linked[_STARTS + part] = linked[_STARTS + _FUNCTION_OF[part]]
        linked[_RETURN] = linked[_STARTS + _LEARN] - _WORD_BYTES
    linked[_IN_PARTS] = in_parts
    linked[_LANE_BYTES] = engine.lane_bytes[block]


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
        link(engine, 0, lengths[p], code[starts[p] : end], constants[starts[p] : end], False)
        table[p, 0] = p
        for function in range(3):
            table[p, 1 + function] = used + (engine.linked[_STARTS + function] - origin) // _WORD_BYTES
        table[p, 4] = engine.linked[_USED]
        words = 3 + (end - starts[p]) * (_HEADER + constants.shape[1])
        for at in range(words):
            records[used + at] = engine.records[at]
        used += words
    return used
