"""Which instructions each part of an evaluation needs (``protocol.Part``), as numba functions on packed programs.

An instruction is needed where something reads its result before it is overwritten. While training goes on, much of an evolved
program is not: what only validation reads is computed once, by the last training step. And in validation, where Learn does not
run, a register that depends on nothing that changes needs to be computed once: it has *settled*.

A set of registers is four words, one for each kind and one for none, with a bit for each register.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.instruction_words import first_input, op_code, output_register, second_input
from azdsl.codegen.numba_jit import jit, merged
from azdsl.codegen.op_table import NO_KIND, Column
from azdsl.codegen.protocol import Part


class Set(enum.IntEnum):
    """The sets of registers that the analysis keeps."""

    LIVE = 0  # at the place that it has come to
    TRAINING = 1  # live before ``Part.PREDICT``
    WRITTEN = 2  # by Predict in validation
    LAST = 3  # live before ``Part.LAST_PREDICT``
    OFTEN = 4  # written more than once in a validation example, or by the evaluation
    VALIDATION = 5  # live before ``Part.VALIDATE``
    CONSTANT = 6  # does not change any more


_LIVE, _TRAINING, _WRITTEN, _LAST, _OFTEN, _VALIDATION, _CONSTANT = (int(s) for s in Set)
_PREDICT, _LAST_PREDICT, _LAST_LEARN, _VALIDATE, _SETTLED = (
    int(p) for p in (Part.PREDICT, Part.LAST_PREDICT, Part.LAST_LEARN, Part.VALIDATE, Part.SETTLED)
)
_FUNCTION_OF = tuple(part.function for part in Part)
_A, _B, _OUT, _UPDATES, _RANDOM = (
    int(c) for c in (Column.A, Column.B, Column.OUT, Column.INDEX, Column.RANDOM)
)  # an op with an index updates its output
_SCALAR, _VECTOR, _NO_KIND = 0, 1, NO_KIND
_NO_REGISTER, _ONE, _ALL = np.uint64(0), np.uint64(1), ~np.uint64(0)
EVERYWHERE = (1 << len(Part)) - 1
"""The bits of an instruction that is needed in all parts."""

NEVER = (1 << 62) - 1
"""As the number of examples until registers have settled: no register does."""


@merged
def _walk(
    table: NDArray[np.int64],
    code: NDArray[np.uint64],
    first: Any,
    end: Any,
    sets: NDArray[np.uint64],
    needed: NDArray[np.int64],
    part: int,
) -> None:
    """Go back through a function from the registers in ``LIVE``: mark what it needs in ``part``, and leave what is live before it."""
    for row in range(end - 1, first - 1, -1):
        op, out = np.int64(op_code(code[row])), (_ONE << output_register(code[row]))
        needed[row] &= ~(1 << part)
        if sets[_LIVE, table[op, _OUT]] & out:
            needed[row] |= 1 << part
            if not table[op, _UPDATES]:
                sets[_LIVE, table[op, _OUT]] &= ~out
            sets[_LIVE, table[op, _A]] |= _ONE << first_input(code[row])
            sets[_LIVE, table[op, _B]] |= _ONE << second_input(code[row])


@jit
def find_needed(
    table: NDArray[np.int64],
    multiclass: int,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    sets: NDArray[np.uint64],
    needed: NDArray[np.int64],
) -> bool:
    """Write the parts that need each instruction of a live program to ``needed``, one bit each.

    ``table`` is that of an engine, ``sets`` uint64[Set, 4] working memory. Returns whether only the last step reads the squashed prediction.
    """
    learn = lengths[0] + lengths[1]
    predicted, prediction = (_VECTOR, _ONE << np.uint64(2)) if multiclass else (_SCALAR, _ONE << _ONE)
    for each in range(sets.shape[0]):
        for kind in range(sets.shape[1]):
            sets[each, kind] = _NO_REGISTER
    growing, unread = True, False
    while growing:
        growing = False
        for part in range(_VALIDATE, -1, -1):
            function = _FUNCTION_OF[part]
            for kind in range(_NO_KIND):
                if part != _PREDICT and part != _LAST_PREDICT:  # Learn follows these: its walk came before
                    live = sets[_VALIDATION, kind] if part >= _LAST_LEARN else _NO_REGISTER
                    if part != _LAST_LEARN:  # a validation is followed by training again, except the last one
                        live |= sets[_TRAINING, kind] | sets[_LAST, kind]
                    sets[_LIVE, kind] = live
            if function == 1:
                if part == _PREDICT:
                    unread = not sets[_LIVE, predicted] & prediction
                sets[_LIVE, predicted] |= prediction
            first = np.int64(0) if function == 0 else lengths[0] if function == 1 else learn
            _walk(table, code, first, first + lengths[function], sets, needed, part)
            if function == 1:
                for kind in range(_NO_KIND):
                    growing = growing or (sets[_LIVE, kind] & ~sets[part, kind]) != _NO_REGISTER
                    sets[part, kind] |= sets[_LIVE, kind]
    return unread


@jit
def settle(
    table: NDArray[np.int64],
    multiclass: int,
    lengths: NDArray[np.int64],
    code: NDArray[np.uint64],
    sets: NDArray[np.uint64],
    needed: NDArray[np.int64],
) -> int:
    """Mark what validation needs once registers have settled. Returns the examples until then, ``NEVER`` if none does.

    The arguments are those of ``find_needed``, which comes before.
    """
    first, end = lengths[0], lengths[0] + lengths[1]
    sets[_OFTEN, _VECTOR] = _ONE | (_ONE << _ONE if multiclass else _NO_REGISTER)
    for row in range(first, end):
        validates = needed[row] >> _VALIDATE & 1
        needed[row] = needed[row] & ~(1 << _SETTLED) | validates << _SETTLED
        if validates:
            kind, out = table[np.int64(op_code(code[row])), _OUT], (_ONE << output_register(code[row]))
            sets[_OFTEN, kind] |= sets[_WRITTEN, kind] & out
            sets[_WRITTEN, kind] |= out
    for kind in range(_NO_KIND):
        sets[_CONSTANT, kind] = ~(sets[_WRITTEN, kind] | sets[_OFTEN, kind])
    sets[_CONSTANT, _NO_KIND] = _ALL
    examples, settling = 0, True
    while settling:
        settling = False
        for row in range(first, end):
            op = np.int64(op_code(code[row]))
            if needed[row] >> _SETTLED & 1 and not table[op, _UPDATES] and not table[op, _RANDOM]:
                known = (_ONE << first_input(code[row])) & sets[_CONSTANT, table[op, _A]]
                also = (_ONE << second_input(code[row])) & sets[_CONSTANT, table[op, _B]]
                once = (_ONE << output_register(code[row])) & ~sets[_OFTEN, table[op, _OUT]]
                if known and also and once:
                    sets[_CONSTANT, table[op, _OUT]] |= once
                    needed[row] &= ~(1 << _SETTLED)
                    settling = True
        examples += settling
    return examples if examples else NEVER
