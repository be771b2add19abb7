"""Tuning of constants inside the search: a local search around one elite at a time (``search(tune=0.1)``).

Some of an island's candidates have no mutated parent, but are the *incumbent* with other constants: each of its live constants is
multiplied by the exponential of a Gaussian step with probability 1/2, at least one of them; signs and instructions stay. Such a
candidate is evaluated and enters the population like any other (Lamarckian evolution). If it is better it becomes the incumbent, and
replaces the previous incumbent among the finalists. The size of the steps follows the 1/5 success rule (Rechenberg 1973). When the
steps are tiny or ``TRIALS`` candidates were spent, the next winner of a tournament that was not tuned before becomes the incumbent.

Nearly all of these candidates are evaluated in full, while most others are settled by the caches. So their share is one of the full
evaluations, which is about their share of the time. Evaluations are counted, not seconds, and everything is part of the island's
state: the result does not depend on time slices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azdsl.codegen.instruction_words import op_code
from azdsl.codegen.numba_jit import inline, jit
from azdsl.ir.packing import CONSTANTS
from azdsl.ops import Role, elementary
from azdsl.search.kernel.canonical import Scratch, bounds, liveness
from azdsl.search.kernel.rng import below, exp, normal, uniform
from azdsl.search.kernel.rows import order
from azdsl.search.kernel.space import ROLES, Space

TRIALS = 100
"""The most candidates that are spent on one incumbent."""

WIDEST, NARROWEST = elementary.log(3.0), 0.003
"""The first standard deviation of the steps, and the one at which the tuning of an incumbent ends, in logarithms."""

WIDEN = 1.5
"""The factor of the standard deviation after a success."""

NARROW = 1.0 / math.sqrt(math.sqrt(WIDEN))
"""The factor of the standard deviation after a failure: one success in five keeps it."""

REMEMBERED = 64
"""Canonical hashes of the latest tuned programs that are kept, so that none of these is tuned again."""

PROGRESS = (
    "standard deviation of the steps",
    "candidates left to the incumbent",
    "hashes kept so far",
    "candidates that tuned, of all incumbents",
)
"""The numbers of ``Island.tuning``."""

SPREAD, LEFT, TUNED, SPENT = range(len(PROGRESS))

_INDEX = ROLES.index(Role.INDEX)
_NONE = np.uint64(0)


@inline
def done(tuning: Any) -> Any:
    """Whether no incumbent is being tuned."""
    return tuning[LEFT] <= 0.0 or tuning[SPREAD] < NARROWEST


@inline
def is_new(tuned: Any, program_hash: Any) -> Any:
    """Whether a program was evaluated and is not among the latest tuned ones."""
    new = program_hash != _NONE
    for i in range(tuned.size):
        new = new and tuned[i] != program_hash
    return new


@inline
def keep(tuning: Any, tuned: Any, program_hash: Any) -> None:
    """Remember that a program was tuned."""
    tuned[np.int64(tuning[TUNED]) % tuned.size] = program_hash
    tuning[TUNED] += 1.0


@inline
def begin(tuning: Any, tuned: Any, program_hash: Any) -> None:
    """Start the tuning of a new incumbent."""
    tuning[SPREAD], tuning[LEFT] = WIDEST, float(TRIALS)
    keep(tuning, tuned, program_hash)


@inline
def tunable(space: Space, code: Any, constants: Any, at: Any, slot: Any) -> Any:
    """Whether constant number ``slot`` of the instruction at ``at`` exists, is no index and has a scale."""
    record = space.table[op_code(code[at])]
    return slot < record.constants and record.roles[slot] != _INDEX and constants[CONSTANTS * at + slot] != 0.0


@jit
def step(space: Space, island: Any, scratch: Scratch, row: Any) -> Any:
    """Change live constants of the member in ``row``. Returns False, without a change, if none is tunable."""
    state, spread, lengths = island.rng, island.tuning[SPREAD], island.members.about[row].lengths
    code, constants = island.members.code[row], island.members.constants[row]
    liveness(space, scratch, code, lengths)
    count = 0
    for f in range(3):
        for i in range(scratch.begins[f], bounds(space, lengths, f)[1]):
            for slot in range(CONSTANTS):
                count += 1 if tunable(space, code, constants, np.int64(scratch.order[i]), slot) else 0
    if count == 0:
        return False
    certain, number = below(state, count), 0
    for f in range(3):
        for i in range(scratch.begins[f], bounds(space, lengths, f)[1]):
            at = np.int64(scratch.order[i])
            for slot in range(CONSTANTS):
                if tunable(space, code, constants, at, slot):
                    if number == certain or uniform(state) < 0.5:
                        after = constants[CONSTANTS * at + slot] * exp(spread * normal(state))
                        if math.isfinite(after) and after != 0.0:
                            constants[CONSTANTS * at + slot] = after
                    number += 1
            record = space.table[op_code(code[at])]
            order(constants, at, record.low, record.high)
    return True


@inline
def adapt(tuning: Any, tuned: Any, better: Any, program_hash: Any) -> None:
    """Update the size of the steps after a candidate; ``program_hash`` is that of the incumbent."""
    tuning[SPREAD] = min(tuning[SPREAD] * WIDEN, WIDEST) if better else tuning[SPREAD] * NARROW
    tuning[LEFT] -= 1.0
    tuning[SPENT] += 1.0
    if done(tuning):
        keep(tuning, tuned, program_hash)
