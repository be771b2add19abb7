"""The canonical form of a candidate: its live instructions, their cost and the 64-bit canonical hash.

``liveness`` is ``azdsl.ir.passes.liveness`` on arrays. ``canonical_hash`` uses value numbering: the hash of a register is the hash
of the expression that it holds, in terms of the registers at the start of the function. The hash of a program combines the hashes
of all registers that are read after the end of a function. It does not depend on the order of independent instructions, on dead
code or on the registers of temporaries.

Programs with equal hashes compute the same predictions bit for bit. The hash of a random op includes its index among the live
draws, on which the drawn number depends. Inputs are ordered only for ops that are commutative to the bit.

A look-up compares a hash with the entries of one cache. The probability that a run of 10**9 candidates with 10**5 entries ever
confuses two programs is about 10**14 / 2**64, or 5e-6.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.instruction_words import first_input, op_code, output_register, second_input
from azdsl.codegen.memory import aligned
from azdsl.codegen.numba_jit import inline, merged, multiply_high
from azdsl.ir.packing import CONSTANTS
from azdsl.search.kernel.hash_salts import hash_salts
from azdsl.search.kernel.space import MAX_EXPRESSION, Space

_SECOND, _OLD, _NUMBER, _DRAW, _LAST = hash_salts("step", 5)
_NONE, _ONE = np.uint64(0), np.uint64(1)


class Scratch(NamedTuple):
    """Working memory of one thread. After ``canonical_hash``, ``code``, ``constants`` and ``lengths`` hold the live program.

    ``writes`` and ``reads`` uint64[C] are sets of registers, one bit each, for every instruction. The live instructions of
    function f are ``order[begins[f] : its end]``, ascending. ``left`` is not 0 where the output of such an instruction is read
    after the function. ``bits`` views the memory of ``constants`` as uint64. ``values`` uint64[R] are the hashes of the registers.
    """

    lengths: NDArray[np.int64]
    code: NDArray[np.uint64]
    constants: NDArray[np.float64]
    bits: NDArray[np.uint64]
    writes: NDArray[np.uint64]
    reads: NDArray[np.uint64]
    order: NDArray[np.uint64]
    left: NDArray[np.uint64]
    begins: NDArray[np.uint64]
    values: NDArray[np.uint64]
    edit: NDArray[np.uint64]
    edit_constants: NDArray[np.float64]
    pending: NDArray[np.int64]
    task_fitness: NDArray[np.float64]


def make_scratch(space: Space, tasks: int) -> Scratch:
    """Working memory for programs of ``space`` evaluated on ``tasks`` tasks."""
    capacity = space.capacity
    code, writes, reads, order, left = (aligned(capacity, np.uint64) for _ in range(5))
    constants = aligned((capacity, CONSTANTS), np.float64)
    return Scratch(
        lengths=aligned(3, np.int64),
        code=code,
        constants=constants,
        bits=constants.view(np.uint64),
        writes=writes,
        reads=reads,
        order=order,
        left=left,
        begins=aligned(3, np.uint64),
        values=aligned(space.starts.shape[1], np.uint64),
        edit=aligned(MAX_EXPRESSION, np.uint64),
        edit_constants=aligned(MAX_EXPRESSION * CONSTANTS, np.float64),
        pending=aligned(2 * MAX_EXPRESSION, np.int64),
        task_fitness=aligned(tasks, np.float64),
    )


@inline
def mix(a: Any, b: Any) -> Any:
    """Fold the 128-bit product of two words (Wang Yi's wyhash, 2019)."""
    return (a * b) ^ multiply_high(a, b)


@inline
def bounds(space: Space, lengths: Any, f: Any) -> Any:
    """Start and end of function ``f`` in a row. Unsigned, so that numba omits its check for negative indices."""
    first = np.uint64(space.functions[f].offset)
    return first, first + np.uint64(lengths[f])


@inline
def decode(table: Any, writes: Any, reads: Any, code: Any, first: Any, end: Any) -> None:
    """Set ``writes`` and ``reads`` for the instructions ``code[first:end]``."""
    for at in range(first, end):
        word = code[at]
        op = table[op_code(word)]
        out = output_register(word)
        writes[at] = op.out_bit << out
        reads[at] = (op.a_bit << first_input(word)) | (op.b_bit << second_input(word)) | (op.old_bit << out)


@inline
def backward(scratch: Scratch, f: Any, first: Any, end: Any, after: Any) -> Any:
    """List the live instructions of a function after which the registers ``after`` are read. Returns the registers it reads.

    Every instruction is written to the list, but only live ones advance its end: there is no branch to mispredict.
    """
    needed, untouched, begin = after, after, end
    for i in range(end - first):
        at = end - _ONE - i
        out = scratch.writes[at]
        live = (needed & out) != _NONE
        scratch.order[begin - _ONE] = at
        scratch.left[begin - _ONE] = untouched & out
        begin -= np.uint64(live)
        needed = (needed & ~out) | (scratch.reads[at] if live else _NONE)
        untouched &= ~out
    scratch.begins[f] = begin
    return needed


@inline
def liveness(space: Space, scratch: Scratch, code: Any, lengths: Any) -> None:
    """List the instructions that can affect a prediction."""
    first0, end0 = bounds(space, lengths, 0)
    first1, end1 = bounds(space, lengths, 1)
    first2, end2 = bounds(space, lengths, 2)
    for first, end in ((first0, end0), (first1, end1), (first2, end2)):
        decode(space.table, scratch.writes, scratch.reads, code, first, end)
    after, entry = space.prediction, _NONE
    scratch.begins[2] = end2  # Learn has no live instruction unless Predict reads a register
    while True:
        before = backward(scratch, 1, first1, end1, after) & ~space.given
        if before == entry:
            break
        entry = before
        again = after | entry | (backward(scratch, 2, first2, end2, entry) & ~space.given)
        if again == after:
            break
        after = again
    backward(scratch, 0, first0, end0, entry)


@inline
def special(scratch: Scratch, op: Any, at: Any, old: Any, draw: Any, value: Any) -> Any:
    """Add the old value of the output, further constants and the index among the draws to an instruction's hash."""
    if op.updates:
        value = mix(value ^ _OLD, old)
    for i in range(1, op.constants):
        value = mix(value ^ scratch.bits[at, i], _NUMBER)
    if op.random:
        value = mix(value ^ draw, _DRAW)
    return value


@merged
def canonical_hash(space: Space, scratch: Scratch, code: Any, constants: Any, lengths: Any) -> Any:
    """Copy the live instructions to ``scratch``. Returns the cost of one evaluation and the canonical hash, which is not 0."""
    values = scratch.values
    cost, total, draw, to = 0.0, _NONE, _NONE, _NONE
    for f in range(3):
        for r in range(values.size):
            values[r] = space.starts[f, r]
        begin, end = scratch.begins[f], bounds(space, lengths, f)[1]
        scratch.lengths[f] = end - begin
        for i in range(begin, end):
            at = scratch.order[i]
            word = code[at]
            op = space.table[op_code(word)]
            scratch.code[to] = word
            for k in range(CONSTANTS):
                scratch.constants[to, k] = constants[CONSTANTS * at + k]
            out = op.out_base + (output_register(word))
            a, b = values[op.a_base + first_input(word)], values[op.b_base + second_input(word)]
            swap = (op.commutative != 0) & (b < a)
            x, y = (b if swap else a), (a if swap else b)
            # No op has both two inputs and constants: the second input and the first constant share an operand.
            value = mix(x ^ op.salt, y ^ _SECOND ^ (scratch.bits[to, 0] & op.number))
            if op.special:
                value = special(scratch, op, to, values[out], draw, value)
                draw += np.uint64(op.random)
            values[out] = value
            cost += op.costs[f]
            seen = mix(value ^ space.names[f, out], _LAST)
            total += seen if scratch.left[i] != _NONE else _NONE
            to += _ONE
    return cost, max(mix(total ^ _SECOND, _LAST), _ONE)
