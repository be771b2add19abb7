"""Mutations of one genotype: a row of packed instructions, changed in place.

A mutation returns False when the row is certainly unchanged, so that the child needs no evaluation. Each function starts at its
offset in the row (``Space.functions``); the content beyond a function's length is undefined.
"""

from __future__ import annotations

import math
from typing import Any

from numba import boolean

from azdsl.codegen.instruction_words import make_word, op_code, with_field
from azdsl.codegen.numba_jit import call, inline
from azdsl.config.search import MUTATIONS
from azdsl.ir.packing import A_SHIFT, B_SHIFT, CONSTANTS, OUT_SHIFT
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.edit import GRAFT
from azdsl.search.kernel.rng import Words, digit, exp, next_word, normal, uniform
from azdsl.search.kernel.rows import INDEX, STD, fresh_constants, order, shift
from azdsl.search.kernel.space import Space

_ALTER, _INSTRUCTION, _FUNCTION, _INSERT, _REMOVE, _TRADE = (
    MUTATIONS.index(name)
    for name in ("alter", "randomize_instruction", "randomize_function", "insert", "remove", "trade")
)
_TRIES = 8
"""Draws of a mutation before a row is left unchanged."""
FLIP = 0.1
"""Probability that a mutated constant changes its sign instead of its magnitude."""


@inline
def write_random(space: Space, state: Words, code: Any, constants: Any, function: Any, first: Any, count: Any) -> None:
    """Write ``count`` random instructions of ``function``, starting at index ``first`` of the row."""
    choice = space.functions[function]
    for at in range(first, first + count):
        k, word = digit(next_word(state), choice.op_count)
        op = space.ops[choice.first_op + k]
        record = space.table[op]
        a, word = digit(word, record.a_count)
        b, word = digit(word, record.b_count)
        out, word = digit(word, record.out_count)
        code[at] = make_word(op, a, b, out + record.out_first)
        fresh_constants(state, record, constants, at)


@inline
def alter_constant(state: Words, word: Any, record: Any, constants: Any, at: Any) -> Any:
    """Change one constant of an instruction according to its role. Returns False, without a change, if it would not be finite."""
    i, word = digit(word, record.constants)
    role = record.roles[i]
    place = CONSTANTS * at + i
    before = constants[place]
    if role == INDEX:
        after = uniform(state)
    elif role != STD and uniform(state) < FLIP:
        after = -before
    else:
        after = before * exp(normal(state))
    if not math.isfinite(after):
        return False
    constants[place] = after
    order(constants, at, record.low, record.high)
    return True


@inline
def alter(space: Space, state: Words, code: Any, constants: Any, at: Any) -> Any:
    """Redraw one input or the output, or change a constant: each input, the output and the constants with equal probability."""
    before = code[at]
    record = space.table[op_code(before)]
    kinds = record.inputs + record.has_output + (1 if record.constants else 0)
    if kinds == 0:
        return False
    kind, word = digit(next_word(state), kinds)
    if kind < record.inputs:
        shift = A_SHIFT if kind == 0 else B_SHIFT
        index, word = digit(word, record.a_count if kind == 0 else record.b_count)
    elif kind == record.inputs and record.has_output:
        shift = OUT_SHIFT
        index, word = digit(word, record.out_count)
        index += record.out_first
    else:
        return alter_constant(state, word, record, constants, at)
    code[at] = with_field(before, shift, index)
    return code[at] != before


@inline
def mutate_blindly(
    space: Space, state: Words, code: Any, constants: Any, lengths: Any, kind: Any, function: Any, word: Any
) -> Any:
    """One of ``BLIND_MUTATIONS``. Draws come from ``word``, then from ``state``. Returns False if the row is certainly unchanged."""
    limits, n = space.functions[function], lengths[function]
    first = limits.offset
    if (kind == _INSERT and n == limits.most) or (kind != _INSERT and n == 0):
        return False
    at, word = digit(word, n + 1 if kind in (_INSERT, _TRADE) else n)
    fresh = 1
    if kind == _ALTER:
        return alter(space, state, code, constants, first + at)
    if kind == _REMOVE:
        if n <= limits.least:
            return False
        shift(code, constants, first + at, first + n - 1)
        lengths[function] = n - 1
        return True
    if kind == _INSERT:
        shift(code, constants, first + n, first + at)
        lengths[function] = n + 1
    elif (
        kind == _TRADE
    ):  # insert at one of n + 1 places, then remove one of the n + 1 instructions, possibly the new one
        gone, word = digit(word, n + 1)
        if gone == at:
            return False
        removed, at = (gone, at - 1) if gone < at else (gone - 1, at)
        shift(code, constants, first + removed, first + at)
    elif kind == _FUNCTION:
        at, fresh = 0, n
    write_random(space, state, code, constants, function, first + at, fresh)
    return True


@inline
def mutate(space: Space, state: Words, scratch: Scratch, members: Any, row: Any, edit: Any) -> Any:
    """Mutate a member once. Returns False if it is certainly unchanged, for example because its length does not permit the mutation.

    ``edit`` is the address of ``edit.edit``. A data-flow mutation that finds nothing to edit is drawn again, a few times.
    """
    for _ in range(_TRIES):
        k, word = digit(next_word(state), space.mutations.size)
        f, word = digit(word, space.evolvable.size)
        kind, function = space.mutations[k], space.evolvable[f]
        if kind < GRAFT:
            code, constants, lengths = members.code[row], members.constants[row], members.about[row].lengths
            return mutate_blindly(space, state, code, constants, lengths, kind, function, word)
        if call(boolean, edit, (space, state, scratch, members, row, kind, function)):
            return True
    return False
