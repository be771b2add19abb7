"""Recombination: a slice of another member's live data flow, transplanted into a member.

A slice is a live instruction of the donor, its root, with some of the instructions of the same function that compute its inputs. The
members of a population descend from the same programs, so a register mostly has the same role in all of them: what a slice reads keeps
its number where the receiver has such a value, and another value of the kind is read where it has not. Temporaries get registers that
no live instruction of the receiver touches.

Half of the time the root's value takes the place of a live value; otherwise a parameter comes over whole: a register of the donor
that the receiver does not use, with its use in Predict, its update in Learn and its initial value in Setup.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azdsl.codegen.instruction_words import make_word, op_code, with_field
from azdsl.codegen.numba_jit import inline, jit
from azdsl.ir.packing import A_SHIFT, B_SHIFT, CONSTANTS, OUT_SHIFT
from azdsl.search.kernel.algorithms import tournament
from azdsl.search.kernel.canonical import Scratch, bounds, liveness
from azdsl.search.kernel.data_flow import (
    evolves,
    input_of,
    insert,
    make_room,
    output_of,
    pick_live,
    replace_reads,
    state_registers,
)
from azdsl.search.kernel.expressions import draw_op, kind_of, pick
from azdsl.search.kernel.rng import Words, below, uniform
from azdsl.search.kernel.rows import fresh_constants
from azdsl.search.kernel.space import MAX_EXPRESSION, Space

_INNER = 0.75
"""Probability that the instruction that computes an input of a slice belongs to the slice."""
_DRAWS = 8
"""Draws of an op that combines two values of a kind."""
_NONE, _ONE = np.uint64(0), np.uint64(1)
_SETUP, _PREDICT, _LEARN = range(3)


@inline
def choose(space: Space, state: Words, scratch: Scratch, code: Any, function: Any, root: Any) -> Any:
    """List the instructions of a slice in ``scratch.pending``, last first, as indices of the row. Returns their number.

    ``root`` is an index into ``scratch.order``; ``liveness`` must be that of the donor.
    """
    last = scratch.order[root]
    scratch.pending[0], count = np.int64(last), 1
    needed = scratch.reads[last]
    for back in range(root - scratch.begins[function]):
        at = scratch.order[root - _ONE - np.uint64(back)]
        if (scratch.writes[at] & needed) != _NONE:
            needed &= ~scratch.writes[at]
            updates = space.table[op_code(code[at])].updates != 0
            if count < MAX_EXPRESSION and not updates and uniform(state) < _INNER:
                scratch.pending[count] = np.int64(at)
                count += 1
                needed |= scratch.reads[at]
    return count


@inline
def read(space: Space, state: Words, scratch: Scratch, word: Any, slot: Any, known: Any) -> Any:
    """The word with the register that the receiver reads in an input slot; it is remembered in ``scratch.values``."""
    record, register = space.table[op_code(word)], input_of(space, word, slot)
    to = np.int64(scratch.values[register]) - 1
    if to < 0:
        to = register
        if (known & (_ONE << np.uint64(register))) == _NONE:
            other = pick(state, known & space.kinds[kind_of(space, register)].all)
            to = other if other >= 0 else register
        scratch.values[register] = np.uint64(to + 1)
    base = np.int64(record.b_base if slot else record.a_base)
    return with_field(word, B_SHIFT if slot else A_SHIFT, to - base)


@jit
def fetch(
    space: Space,
    state: Words,
    scratch: Scratch,
    code: Any,
    constants: Any,
    function: Any,
    root: Any,
    target: Any,
    known: Any,
    free: Any,
) -> Any:
    """Write a slice of the donor, whose root then computes ``target``, to the end of ``scratch.edit``. Returns its length, 0 if it does not fit.

    ``code`` and ``constants`` are the donor's, and ``liveness`` must be. ``scratch.values`` maps registers of the donor to those of the
    receiver, plus 1; 0 is none yet.
    """
    count = choose(space, state, scratch, code, function, root)
    left = count
    for register in range(scratch.values.size):
        scratch.values[register] = _NONE
    for step in range(root - scratch.begins[function] + _ONE):
        at = np.int64(scratch.order[scratch.begins[function] + np.uint64(step)])
        record, word = space.table[op_code(code[at])], code[at]
        if not record.has_output:
            continue
        out = output_of(space, word)
        if left == 0 or at != scratch.pending[left - 1]:
            scratch.values[out] = _NONE
            continue
        for slot in range(record.inputs):
            word = read(space, state, scratch, word, slot, known)
        to = target
        if left > 1:
            to = pick(state, free & space.kinds[kind_of(space, out)].writable)
            if to < 0:
                return 0
            free &= ~(_ONE << np.uint64(to))
        scratch.values[out] = np.uint64(to + 1)
        place = MAX_EXPRESSION - left
        scratch.edit[place] = with_field(word, OUT_SHIFT, to - np.int64(record.out_base))
        for i in range(CONSTANTS):
            scratch.edit_constants[CONSTANTS * place + i] = constants[CONSTANTS * at + i]
        left -= 1
    return count


@inline
def root_that(space: Space, scratch: Scratch, lengths: Any, function: Any, register: Any, writes: Any) -> Any:
    """The last live instruction of the donor that writes ``register``, or the first that reads it: an index into ``scratch.order``, or -1."""
    flag, found = _ONE << np.uint64(register), np.int64(-1)
    for i in range(scratch.begins[function], bounds(space, lengths, function)[1]):
        at = scratch.order[i]
        touched = scratch.writes[at] if writes else scratch.reads[at]
        if (touched & flag) != _NONE and (writes or found < 0):
            found = np.int64(i)
    return found


@inline
def combine(space: Space, state: Words, scratch: Scratch, function: Any, out: Any, value: Any) -> Any:
    """Write ``out = op(out, value)``, or with the inputs swapped, as the only instruction of ``scratch.edit``.

    Returns 1, or 0 if the function has no such op among a few drawn.
    """
    kind = kind_of(space, out)
    base = space.kinds[kind].base
    for _ in range(_DRAWS):
        op = draw_op(space, state, function, kind)
        if op >= 0:
            record = space.table[op]
            if record.inputs == 2 and record.a_base == base and record.b_base == base and record.constants == 0:
                first, second = (out, value) if uniform(state) < 0.5 else (value, out)
                scratch.edit[MAX_EXPRESSION - 1] = make_word(op, first - base, second - base, out - base)
                fresh_constants(state, record, scratch.edit_constants, MAX_EXPRESSION - 1)
                return 1
    return 0


@inline
def replace_value(
    space: Space,
    state: Words,
    scratch: Scratch,
    members: Any,
    row: Any,
    donor: Any,
    function: Any,
    root: Any,
    known: Any,
    free: Any,
) -> Any:
    """Let a slice compute a value for all readers of the root's register, or for one reader of another value of its kind.

    Half of the time the new value is combined with the old one. ``liveness`` must be the donor's; afterwards it is the receiver's.
    Returns whether it was possible.
    """
    code, constants, lengths = members.code[row], members.constants[row], members.about[row].lengths
    register = output_of(space, members.code[donor][scratch.order[root]])
    target, everywhere, combines = register, uniform(state) < 0.5, uniform(state) < 0.5
    if combines or not everywhere:
        target = pick(state, free & space.kinds[kind_of(space, register)].writable)
        if target < 0:
            return False
        free &= ~(_ONE << np.uint64(target))
    count = fetch(
        space, state, scratch, members.code[donor], members.constants[donor], function, root, target, known, free
    )
    liveness(space, scratch, code, lengths)
    at = pick_live(space, state, scratch, lengths, function)
    if count == 0 or at < 0 or lengths[function] + count + 1 > space.functions[function].most:
        return False
    if everywhere:
        insert(space, scratch, code, constants, lengths, function, at + 1, count)
        if combines:
            one = combine(space, state, scratch, function, register, target)
            insert(space, scratch, code, constants, lengths, function, at + 1 + count, one)
        return True
    place = space.functions[function].offset + at
    record = space.table[op_code(code[place])]
    before = -1
    for slot in range(record.inputs):
        found = input_of(space, code[place], slot)
        if kind_of(space, found) == kind_of(space, target) and (before < 0 or uniform(state) < 0.5):
            before = found
    if before < 0:
        return False
    replace_reads(space, code, place, place + 1, before, target)
    insert(space, scratch, code, constants, lengths, function, at, count)
    if combines:
        one = combine(space, state, scratch, function, target, before)
        insert(space, scratch, code, constants, lengths, function, at + count, one)
    return True


@inline
def bring_parameter(
    space: Space,
    state: Words,
    scratch: Scratch,
    members: Any,
    row: Any,
    donor: Any,
    register: Any,
    known: Any,
    free: Any,
) -> Any:
    """Bring a register of the donor with its use, its update and its initial value. Returns whether it is used.

    ``liveness`` must be the donor's; afterwards it is the receiver's.
    """
    code, constants, lengths = members.code[row], members.constants[row], members.about[row].lengths
    theirs, of_donor = members.code[donor], members.about[donor].lengths
    flag = _ONE << np.uint64(register)
    known, free = known | flag, free & ~flag
    liveness(space, scratch, code, lengths)
    make_room(space, scratch, code, constants, lengths, flag)  # no dead instruction may write what is read from now on
    liveness(space, scratch, theirs, of_donor)
    user = root_that(space, scratch, of_donor, _PREDICT, register, False)
    if user < 0 or not space.table[op_code(theirs[scratch.order[user]])].has_output:
        return False
    if not replace_value(space, state, scratch, members, row, donor, _PREDICT, np.uint64(user), known, free):
        return False
    for function in (_LEARN, _SETUP):
        liveness(space, scratch, theirs, of_donor)
        root = root_that(space, scratch, of_donor, function, register, True)
        if root >= 0 and evolves(space, function):
            count = fetch(
                space,
                state,
                scratch,
                theirs,
                members.constants[donor],
                function,
                np.uint64(root),
                register,
                known,
                free,
            )
            insert(space, scratch, code, constants, lengths, function, lengths[function], count)
    return True


@jit
def transplant(
    space: Space,
    state: Words,
    scratch: Scratch,
    members: Any,
    row: Any,
    function: Any,
    known: Any,
    free: Any,
    used: Any,
) -> Any:
    """Transplant a slice of the winner of a tournament. ``used`` are the receiver's registers. Returns whether it was possible."""
    donor = tournament(members.adjusted, space.tournament, state)
    if donor == row or members.about[donor].hash == members.about[row].hash:
        return False
    theirs, lengths = members.code[donor], members.about[donor].lengths
    liveness(space, scratch, theirs, lengths)
    if uniform(state) < 0.5 and evolves(space, _PREDICT) and evolves(space, _LEARN):
        register = pick(state, state_registers(space, scratch, lengths) & ~used)
        if register >= 0:
            return bring_parameter(space, state, scratch, members, row, donor, register, known, free)
    begin, end = scratch.begins[function], bounds(space, lengths, function)[1]
    if begin == end:
        return False
    root = begin + np.uint64(below(state, end - begin))
    record = space.table[op_code(theirs[scratch.order[root]])]
    if not record.has_output or record.updates != 0:
        return False
    return replace_value(space, state, scratch, members, row, donor, function, root, known, free)
