"""The canonical form of a candidate: its live instructions, their cost and a 128-bit hash of their meaning.

``liveness`` is ``azdsl.ir.passes.liveness`` on arrays. ``fingerprint`` numbers values: a register's hash is
that of the expression which it holds, in terms of the registers at the function's start. A program's hash
combines those of the registers that something reads after each function, so it does not depend on the
order of independent instructions, on dead code or on which registers temporaries are in. Programs with the
same hash compute the same predictions bit for bit: a random op's hash holds its place among the live draws,
which is what the draw depends on; only ops that are commutative to the bit may have their inputs swapped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.ir.packing import A_SHIFT, B_SHIFT, CONSTANTS, FIELD, OUT_SHIFT
from azdsl.codegen.compiled import inline, lowest_bit, multiply_high
from azdsl.search.salts import salts
from azdsl.search.space import KINDS, NO_KIND, Space

_FIELD = np.uint64(FIELD)
_A, _B, _OUT = np.uint64(A_SHIFT), np.uint64(B_SHIFT), np.uint64(OUT_SHIFT)
_SECOND, _OLD, _NUMBER, _DRAW, _LAST = ((pair[0], pair[1]) for pair in salts("step", 5))


_ONE = np.uint64(1)
_BANKS = len(KINDS)
_READS = NO_KIND + 1
"""Where the flags of what an instruction reads start in a row of ``Scratch.masks``."""


class Scratch(NamedTuple):
    """Working memory of one island. ``code``, ``constants`` and ``lengths`` hold the live program after ``compact``.

    ``bits`` is the constants' memory in words. For every instruction, ``masks`` uint64[C, 8] flags by bank the
    register that it writes and those that it reads, and ``keep`` whether it is live. ``slots`` uint8[C, 4]: a
    live instruction's register numbers: output, inputs, the updated one. ``after`` uint64[3, 3]: the
    registers that are read after each function, by bank. ``values`` hashes of what registers hold.
    """

    lengths: NDArray[np.int64]
    code: NDArray[np.uint64]
    constants: NDArray[np.float64]
    bits: NDArray[np.uint64]
    masks: NDArray[np.uint64]
    keep: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    after: NDArray[np.uint64]
    values: NDArray[np.uint64]
    task_fitness: NDArray[np.float64]


def make_scratch(space: Space, tasks: int) -> Scratch:
    """Working memory for programs of ``space`` evaluated on that many tasks."""
    capacity, constants = space.capacity, np.zeros((space.capacity, CONSTANTS))
    return Scratch(
        lengths=np.zeros(3, np.int64),
        code=np.zeros(capacity, np.uint64),
        constants=constants,
        bits=constants.view(np.uint64),
        masks=np.zeros((capacity, 2 * _READS), np.uint64),
        keep=np.zeros(capacity, np.uint8),
        slots=np.zeros((capacity, 4), np.uint8),
        after=np.zeros((3, _BANKS), np.uint64),
        values=np.zeros((space.registers.shape[1], 2), np.uint64),
        task_fitness=np.zeros(tasks),
    )


@inline
def mix(a: Any, b: Any) -> Any:
    """Fold the 128-bit product of two words (Wang Yi's wyhash, 2019)."""
    return (a * b) ^ multiply_high(a, b)


@inline
def decode(table: Any, masks: Any, code: Any, first: Any, length: Any) -> None:
    """Flag what the instructions of a function write and read."""
    for at in range(first, first + length):
        word = code[at]
        op = table[np.int64(word & _FIELD)]
        out = _ONE << (word >> _OUT)
        for i in range(2 * _READS):
            masks[at, i] = np.uint64(0)
        masks[at, op.out_kind] = out
        masks[at, _READS + op.a_kind] |= _ONE << ((word >> _A) & _FIELD)
        masks[at, _READS + op.b_kind] |= _ONE << ((word >> _B) & _FIELD)
        masks[at, _READS + op.old_kind] |= out


@inline
def backward(masks: Any, keep: Any, first: Any, length: Any, s: Any, v: Any, m: Any) -> Any:
    """Which instructions of a function matter when s, v and m are read later; gives what is read before it."""
    for i in range(length):
        at = first + length - 1 - i
        s_out, v_out, m_out = masks[at, 0], masks[at, 1], masks[at, 2]
        live = np.uint64(((s & s_out) | (v & v_out) | (m & m_out)) != np.uint64(0))
        keep[at] = live
        all_ones = np.uint64(0) - live
        s = (s & ~s_out) | (masks[at, _READS] & all_ones)
        v = (v & ~v_out) | (masks[at, _READS + 1] & all_ones)
        m = (m & ~m_out) | (masks[at, _READS + 2] & all_ones)
    return s, v, m


@inline
def liveness(space: Space, scratch: Scratch, code: Any, lengths: Any) -> None:
    """Flag the instructions that can reach a prediction, and the registers that are read after each function."""
    masks, keep, after = scratch.masks, scratch.keep, scratch.after
    first = (space.functions[0].offset, space.functions[1].offset, space.functions[2].offset)
    for f in range(3):
        decode(space.table, masks, code, first[f], lengths[f])
    given_s, given_v, given_m = ~space.given[0], ~space.given[1], ~space.given[2]
    s1, v1, m1 = space.prediction[0], space.prediction[1], space.prediction[2]
    while True:
        s, v, m = backward(masks, keep, first[1], lengths[1], s1, v1, m1)
        s0, v0, m0 = s & given_s, v & given_v, m & given_m
        s, v, m = backward(masks, keep, first[2], lengths[2], s0, v0, m0)
        s = (s & given_s) | s0 | space.prediction[0]
        v = (v & given_v) | v0 | space.prediction[1]
        m = (m & given_m) | m0 | space.prediction[2]
        if s == s1 and v == v1 and m == m1:
            break
        s1, v1, m1 = s, v, m
    backward(masks, keep, first[0], lengths[0], s0, v0, m0)
    after[0, 0], after[0, 1], after[0, 2] = s0, v0, m0
    after[1, 0], after[1, 1], after[1, 2] = s1, v1, m1
    after[2, 0], after[2, 1], after[2, 2] = s0, v0, m0


@inline
def compact(space: Space, scratch: Scratch, code: Any, constants: Any, lengths: Any) -> Any:
    """Move the live instructions together, function after function; gives the cost of one evaluation.

    Every instruction is written and the end moves on past live ones only: nothing to mispredict.
    """
    slots, cost = scratch.slots, 0.0
    end: Any = 0
    for f in range(3):
        first, begin = space.functions[f].offset, end
        for at in range(first, first + lengths[f]):
            word, live = code[at], np.int64(scratch.keep[at])
            op = space.table[np.int64(word & _FIELD)]
            out = np.int64(word >> _OUT)
            scratch.code[end] = word
            for i in range(CONSTANTS):
                scratch.constants[end, i] = constants[CONSTANTS * at + i]
            slots[end, 0] = op.out_base + out
            slots[end, 1] = op.a_base + np.int64((word >> _A) & _FIELD)
            slots[end, 2] = op.b_base + np.int64((word >> _B) & _FIELD)
            slots[end, 3] = op.old_base + out * op.updates
            cost += op.costs[f] * live
            end += live
        scratch.lengths[f] = end - begin
    return cost


@inline
def special(scratch: Scratch, record: Any, at: Any, draw: Any, h0: Any, h1: Any) -> Any:
    """Add to an instruction's hash the value that it updates, its constants and its place among the draws."""
    values, old = scratch.values, scratch.slots[at, 3]
    if record.updates:
        h0, h1 = mix(h0 ^ _OLD[0], values[old, 0]), mix(h1 ^ _OLD[1], values[old, 1])
    for i in range(record.constants):
        bits = scratch.bits[at, i]
        h0, h1 = mix(h0 ^ bits, _NUMBER[0]), mix(h1 ^ bits, _NUMBER[1])
    if record.random:
        h0, h1 = mix(h0 ^ draw, _DRAW[0]), mix(h1 ^ draw, _DRAW[1])
    return h0, h1


@inline
def fingerprint(space: Space, scratch: Scratch) -> Any:
    """The hash of the live program: two words."""
    values, slots = scratch.values, scratch.slots
    at, draw = 0, np.uint64(0)
    sum0, sum1 = np.uint64(0), np.uint64(0)
    for f in range(3):
        for r in range(values.shape[0]):
            values[r, 0] = space.registers[f, r].value0
            values[r, 1] = space.registers[f, r].value1
        for _ in range(scratch.lengths[f]):
            record = space.table[np.int64(scratch.code[at] & _FIELD)]
            out, a, b = slots[at, 0], slots[at, 1], slots[at, 2]
            swap = record.commutative != 0 and values[b, 0] < values[a, 0]
            x, y = (b, a) if swap else (a, b)
            h0 = mix(values[x, 0] ^ record.salt0, values[y, 0] ^ _SECOND[0])
            h1 = mix(values[x, 1] ^ record.salt1, values[y, 1] ^ _SECOND[1])
            if not record.plain:
                h0, h1 = special(scratch, record, at, draw, h0, h1)
                draw += np.uint64(record.random)
            values[out, 0], values[out, 1] = h0, h1
            at += 1
        for bank in range(_BANKS):
            left = scratch.after[f, bank]
            while left:
                r = space.first_register[bank] + np.int64(lowest_bit(left))
                left &= left - _ONE
                sum0 += mix(values[r, 0] ^ space.registers[f, r].name0, _LAST[0])
                sum1 += mix(values[r, 1] ^ space.registers[f, r].name1, _LAST[1])
    return mix(sum0 ^ _SECOND[0], _LAST[0]), mix(sum1 ^ _SECOND[1], _LAST[1])
