"""Mutations that know the live data flow of a genotype: what they insert is used, and what they delete is bypassed.

A blind insertion writes a random register from random registers: it rarely changes a prediction, and a useful one needs several such
insertions at once. The mutations here edit expressions: trees of a few instructions that a live instruction reads, whose leaves are
registers that live instructions write or the evaluation gives. Temporaries are registers that no live instruction touches; dead
instructions that write them are removed, and other dead code stays.

- ``graft`` replaces a live value by an expression of it, for one reader or for all.
- ``accumulate`` updates a register at the end of Learn by an expression of its old value and of a value that depends on the label.
- ``parameter`` grafts an expression that reads an unused register, and accumulates in that register; half of the time Setup
  initializes it.
- ``rewire`` makes a live instruction read another live value.
- ``bypass`` deletes a live instruction; its readers read one of its inputs.

All are typed by the op table. Function-preserving steps are frequent, because a register that nothing has written yet is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azdsl.codegen.instruction_words import first_input, op_code, output_register, second_input, with_field
from azdsl.codegen.numba_jit import inline, jit, lowest_bit
from azdsl.ir.packing import A_SHIFT, B_SHIFT, CONSTANTS
from azdsl.search.kernel.canonical import Scratch, bounds, liveness
from azdsl.search.kernel.expressions import expression_size, grow, kind_of, pick
from azdsl.search.kernel.rng import Words, below, uniform
from azdsl.search.kernel.rows import move, shift
from azdsl.search.kernel.space import MAX_EXPRESSION, Space

_ATTEMPTS = 8
"""Draws of an expression before an edit counts as impossible."""
_NONE, _ONE = np.uint64(0), np.uint64(1)
_SETUP, _PREDICT, _LEARN = range(3)


@inline
def evolves(space: Space, function: Any) -> Any:
    """Whether a function may be mutated."""
    return space.functions[function].op_count > 0


@inline
def make_room(space: Space, scratch: Scratch, code: Any, constants: Any, lengths: Any, registers: Any) -> None:
    """``make_room_in`` every function that may be mutated."""
    for function in range(3):
        if evolves(space, function):
            make_room_in(space, scratch, code, constants, lengths, function, registers)


@inline
def make_room_in(
    space: Space, scratch: Scratch, code: Any, constants: Any, lengths: Any, function: Any, registers: Any
) -> None:
    """Remove a function's dead instructions that write one of ``registers``; all of them if the function is nearly full.

    ``liveness`` must be up to date, and is not after it.
    """
    first, end = bounds(space, lengths, function)
    full = lengths[function] + MAX_EXPRESSION > space.functions[function].most
    live, to = scratch.begins[function], first
    for at in range(first, end):
        keep = live < end and scratch.order[live] == at
        live += np.uint64(keep)
        if keep or not (full or (scratch.writes[at] & registers) != _NONE):
            move(code, constants, at, to)
            to += _ONE
    lengths[function] = to - first


@inline
def pad(space: Space, code: Any, constants: Any, lengths: Any) -> None:
    """Lengthen every function to its minimum by NoOp."""
    for f in range(3):
        limits = space.functions[f]
        for at in range(limits.offset + lengths[f], limits.offset + limits.least):
            code[at] = _NONE
            for i in range(CONSTANTS):
                constants[CONSTANTS * at + i] = 0.0
        lengths[f] = max(lengths[f], limits.least)


@inline
def survey(space: Space, scratch: Scratch, lengths: Any) -> Any:
    """The registers that live instructions write, and those that they read; ``liveness`` must be up to date."""
    written, read = _NONE, _NONE
    for f in range(3):
        for i in range(scratch.begins[f], bounds(space, lengths, f)[1]):
            written |= scratch.writes[scratch.order[i]]
            read |= scratch.reads[scratch.order[i]]
    return written, read


@inline
def state_registers(space: Space, scratch: Scratch, lengths: Any) -> Any:
    """The registers that Predict and Learn read before they write them: what they keep from one call to the next."""
    kept = _NONE
    for f in (_PREDICT, _LEARN):
        written = _NONE
        for i in range(scratch.begins[f], bounds(space, lengths, f)[1]):
            kept |= scratch.reads[scratch.order[i]] & ~written
            written |= scratch.writes[scratch.order[i]]
    return kept & ~space.given & ~space.prediction


@inline
def pick_live(space: Space, state: Words, scratch: Scratch, lengths: Any, function: Any) -> Any:
    """The index of a random live instruction in its function, or -1."""
    first, end = bounds(space, lengths, function)
    begin = scratch.begins[function]
    if begin == end:
        return -1
    return np.int64(scratch.order[begin + np.uint64(below(state, end - begin))] - first)


@inline
def insert(
    space: Space, scratch: Scratch, code: Any, constants: Any, lengths: Any, function: Any, at: Any, count: Any
) -> Any:
    """Insert the last ``count`` instructions of ``scratch.edit`` at index ``at`` of a function. Returns whether there was room."""
    limits, n = space.functions[function], lengths[function]
    if count == 0 or n + count > limits.most:
        return False
    first = limits.offset
    for i in range(n - 1, at - 1, -1):
        move(code, constants, first + i, first + i + count)
    for i in range(count):
        place, source = first + at + i, MAX_EXPRESSION - count + i
        code[place] = scratch.edit[source]
        for k in range(CONSTANTS):
            constants[CONSTANTS * place + k] = scratch.edit_constants[CONSTANTS * source + k]
    lengths[function] = n + count
    return True


@inline
def replace_reads(space: Space, code: Any, first: Any, end: Any, before: Any, after: Any) -> Any:
    """Make the instructions ``code[first:end]`` read ``after`` where they read ``before``, up to the next write of ``before``.

    Returns whether there was no such write.
    """
    for at in range(first, end):
        op = space.table[op_code(code[at])]
        if op.inputs > 0 and op.a_base + np.int64(first_input(code[at])) == before:
            code[at] = with_field(code[at], A_SHIFT, after - op.a_base)
        if op.inputs > 1 and op.b_base + np.int64(second_input(code[at])) == before:
            code[at] = with_field(code[at], B_SHIFT, after - op.b_base)
        if op.has_output and output_of(space, code[at]) == before:
            return False
    return True


@inline
def output_of(space: Space, word: Any) -> Any:
    """The number of the register that an instruction with an output writes."""
    return space.table[op_code(word)].out_base + np.int64(output_register(word))


@inline
def input_of(space: Space, word: Any, slot: Any) -> Any:
    """The number of the register that an instruction reads as its input ``slot``."""
    op = space.table[op_code(word)]
    return (op.b_base + np.int64(second_input(word))) if slot else (op.a_base + np.int64(first_input(word)))


@jit
def graft(
    space: Space,
    state: Words,
    scratch: Scratch,
    code: Any,
    constants: Any,
    lengths: Any,
    function: Any,
    hole: Any,
    known: Any,
    free: Any,
) -> Any:
    """Replace a live value of ``function`` by an expression of it that reads ``hole`` (-1: none). Returns whether it was possible."""
    n = lengths[function]
    at = pick_live(space, state, scratch, lengths, function)
    if at < 0 and function == _PREDICT:  # the prediction is left from Setup
        register = np.int64(lowest_bit(space.prediction))
        count = grow(space, state, scratch, function, register, expression_size(state, 1), -1, hole, known, free)
        return insert(space, scratch, code, constants, lengths, function, n, count)
    if at < 0:
        return False
    first = space.functions[function].offset
    record = space.table[op_code(code[first + at])]
    size = expression_size(state, 1 if hole < 0 else 2)
    if record.inputs == 0 or uniform(state) < 0.5:  # the output: all readers see the new value
        if not record.has_output:
            return False
        register = output_of(space, code[first + at])
        count = grow(space, state, scratch, function, register, size, register, hole, known, free)
        return insert(space, scratch, code, constants, lengths, function, at + 1, count)
    register = input_of(space, code[first + at], below(state, record.inputs))
    value = pick(state, free & space.kinds[kind_of(space, register)].writable)
    if value < 0:
        return False
    free &= ~(_ONE << np.uint64(value))
    count = grow(space, state, scratch, function, value, size, register, hole, known, free)
    if count == 0 or n + count > space.functions[function].most:
        return False
    if uniform(state) < 0.5:
        replace_reads(space, code, first + at, first + at + 1, register, value)
    else:
        while at > 0:
            before = space.table[op_code(code[first + at - 1])]
            if before.has_output and output_of(space, code[first + at - 1]) == register:
                break
            at -= 1
        left = replace_reads(space, code, first + at, first + n, register, value)
        if left and function == _PREDICT and evolves(space, _LEARN):
            learn = space.functions[_LEARN].offset
            replace_reads(space, code, learn, learn + lengths[_LEARN], register, value)
    return insert(space, scratch, code, constants, lengths, function, at, count)


@inline
def depends_on_label(space: Space, scratch: Scratch, code: Any, lengths: Any) -> Any:
    """The registers that depend on the label at the end of Learn, by its live instructions; ``liveness`` must be up to date."""
    registers = space.label
    for i in range(scratch.begins[_LEARN], bounds(space, lengths, _LEARN)[1]):
        at = scratch.order[i]
        if (scratch.reads[at] & registers) != _NONE:
            registers |= scratch.writes[at]
        else:
            registers &= ~scratch.writes[at]
    return registers


@inline
def accumulate(
    space: Space,
    state: Words,
    scratch: Scratch,
    code: Any,
    constants: Any,
    lengths: Any,
    register: Any,
    known: Any,
    free: Any,
) -> Any:
    """Let Learn update ``register`` at its end by an expression of its old value and the label. Returns whether it was possible."""
    signals = depends_on_label(space, scratch, code, lengths)
    count = 0
    for _ in range(_ATTEMPTS):
        if count == 0:
            size = expression_size(state, 2)
            signal = pick(state, signals & space.kinds[below(state, 3)].all)
            if signal >= 0:
                count = grow(space, state, scratch, _LEARN, register, size, register, signal, known, free)
    return insert(space, scratch, code, constants, lengths, _LEARN, lengths[_LEARN], count)


@jit
def add_parameter(
    space: Space, state: Words, scratch: Scratch, code: Any, constants: Any, lengths: Any, known: Any, free: Any
) -> Any:
    """Let Predict read an unused register and Learn update it; Setup initializes it with probability 1/2."""
    kind = below(state, 3)
    hole = pick(state, free & space.kinds[kind].writable)
    if hole < 0 or not evolves(space, _PREDICT) or not evolves(space, _LEARN):
        return False
    free &= ~(_ONE << np.uint64(hole))
    found = False
    for _ in range(_ATTEMPTS):
        if not found:
            found = graft(space, state, scratch, code, constants, lengths, _PREDICT, hole, known, free)
    if not found:
        return False
    liveness(space, scratch, code, lengths)
    written, read = survey(space, scratch, lengths)
    known |= written
    free &= ~(written | read)
    accumulate(space, state, scratch, code, constants, lengths, hole, known, free)
    if evolves(space, _SETUP) and uniform(state) < 0.5:
        count = grow(space, state, scratch, _SETUP, hole, 1, -1, -1, known, free)
        insert(space, scratch, code, constants, lengths, _SETUP, lengths[_SETUP], count)
    return True


@inline
def bypass(space: Space, state: Words, scratch: Scratch, code: Any, constants: Any, lengths: Any, function: Any) -> Any:
    """Delete a live instruction; later instructions of the function read its input of the same kind, if it has one."""
    n = lengths[function]
    at = pick_live(space, state, scratch, lengths, function)
    if at < 0:
        return False
    first = space.functions[function].offset
    record = space.table[op_code(code[first + at])]
    if record.inputs > 0 and record.has_output:
        slot = below(state, record.inputs)
        register = input_of(space, code[first + at], slot)
        out = output_of(space, code[first + at])
        if kind_of(space, register) == kind_of(space, out):
            replace_reads(space, code, first + at + 1, first + n, out, register)
    shift(code, constants, first + at, first + n - 1)
    lengths[function] = n - 1
    return True


@inline
def rewire(space: Space, state: Words, scratch: Scratch, code: Any, lengths: Any, function: Any, known: Any) -> Any:
    """Let a live instruction read another live value of the kind."""
    at = pick_live(space, state, scratch, lengths, function)
    if at < 0:
        return False
    at += space.functions[function].offset
    record = space.table[op_code(code[at])]
    if record.inputs == 0:
        return False
    second = below(state, record.inputs) == 1
    base = np.int64(record.b_base if second else record.a_base)
    register = pick(state, known & space.kinds[kind_of(space, base)].all)
    if register < 0:
        return False
    before = code[at]
    code[at] = with_field(before, B_SHIFT if second else A_SHIFT, register - base)
    return code[at] != before
