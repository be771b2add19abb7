"""Random expressions: trees of a few instructions that compute a register from others, typed by the op table."""

from __future__ import annotations

from typing import Any

import numpy as np

from azdsl.codegen.instruction_words import make_word, with_field
from azdsl.codegen.numba_jit import inline, jit, lowest_bit
from azdsl.ir.packing import A_SHIFT, B_SHIFT
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.rng import Words, below, uniform
from azdsl.search.kernel.rows import fresh_constants
from azdsl.search.kernel.space import MAX_EXPRESSION, Space

_TRIES = 32
"""Draws of an op before a position counts as impossible to fill."""
_INNER, _KNOWN, _LATER = 0.7, 0.9, 0.5
"""Probabilities: an input is computed by another instruction, else it is a known register, a given input is left for a later one."""
_NONE, _ONE = np.uint64(0), np.uint64(1)


@inline
def pick(state: Words, registers: Any) -> Any:
    """A random register of a set, or -1 if the set is empty."""
    count, rest = 0, registers
    while rest != _NONE:
        rest &= rest - _ONE
        count += 1
    if count == 0:
        return -1
    rest = registers
    for _ in range(below(state, count)):
        rest &= rest - _ONE
    return np.int64(lowest_bit(rest))


@inline
def kind_of(space: Space, register: Any) -> Any:
    """The kind of a register number: 0 scalar, 1 vector, 2 matrix."""
    return 2 if register >= space.kinds[2].base else (1 if register >= space.kinds[1].base else 0)


@inline
def draw_op(space: Space, state: Words, function: Any, kind: Any) -> Any:
    """An allowed op of ``function`` with an output of ``kind``, or -1."""
    choice = space.functions[function]
    for _ in range(_TRIES):
        op = space.ops[choice.first_op + below(state, choice.op_count)]
        record = space.table[op]
        if record.has_output and record.updates == 0 and record.out_base == space.kinds[kind].base:
            return op
    return -1


@jit
def grow(
    space: Space,
    state: Words,
    scratch: Scratch,
    function: Any,
    target: Any,
    size: Any,
    old: Any,
    hole: Any,
    known: Any,
    free: Any,
) -> Any:
    """Write an expression of about ``size`` instructions for ``target`` to the end of ``scratch.edit``. Returns its length, 0 if none fits.

    The first fitting input is ``old`` and the next is ``hole`` (-1: none); ``hole`` must be used. Other leaves are registers of
    ``known``, temporaries are registers of ``free``.
    """
    pending, waiting, made = scratch.pending, 1, 0
    pending[0] = target
    while waiting > 0:
        if made == MAX_EXPRESSION:
            return 0
        waiting -= 1
        out = pending[waiting]
        op = draw_op(space, state, function, kind_of(space, out))
        if op < 0:
            return 0
        record = space.table[op]
        if out < record.out_base + record.out_first:
            return 0
        made += 1
        at = MAX_EXPRESSION - made
        inputs = record.inputs
        word = make_word(op, 0, 0, out - record.out_base)
        flip = inputs == 2 and uniform(state) < 0.5
        for i in range(inputs):
            second = (i == 1) != flip
            base = np.int64(record.b_base if second else record.a_base)
            kind = kind_of(space, base)
            everything = space.kinds[kind].all
            more = made + waiting < size
            if old >= 0 and kind_of(space, old) == kind and not (more and uniform(state) < _LATER):
                register = old
                old = -1
            elif hole >= 0 and kind_of(space, hole) == kind and not (more and uniform(state) < _LATER):
                register = hole
                hole = -1
            else:
                register = -1
                if more and uniform(state) < _INNER:
                    register = pick(state, free & space.kinds[kind].writable)
                    if register >= 0:
                        free &= ~(_ONE << np.uint64(register))
                        pending[waiting] = register
                        waiting += 1
                if register < 0 and uniform(state) < _KNOWN:
                    register = pick(state, known & everything)
                if register < 0:
                    register = pick(state, everything)
            word = with_field(word, B_SHIFT if second else A_SHIFT, register - base)
        scratch.edit[at] = word
        fresh_constants(state, record, scratch.edit_constants, at)
    return 0 if hole >= 0 else made


@inline
def expression_size(state: Words, least: Any) -> Any:
    """``least``, and one more with probability 1/2, again and again."""
    size = least
    while size < MAX_EXPRESSION and uniform(state) < 0.5:
        size += 1
    return size
