"""The mutations that know the live data flow, as one step of the compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from azdsl.codegen.numba_jit import jit
from azdsl.config.search import MUTATIONS
from azdsl.search.kernel.canonical import Scratch, liveness
from azdsl.search.kernel.data_flow import (
    accumulate,
    add_parameter,
    bypass,
    evolves,
    graft,
    make_room,
    pad,
    rewire,
    state_registers,
    survey,
)
from azdsl.search.kernel.expressions import pick
from azdsl.search.kernel.rng import Words
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.transplant import transplant

GRAFT, ACCUMULATE, PARAMETER, REWIRE, BYPASS, TRANSPLANT = (
    MUTATIONS.index(name) for name in ("graft", "accumulate", "parameter", "rewire", "bypass", "transplant")
)
_LEARN = 2
_NONE, _ONE = np.uint64(0), np.uint64(1)


@jit
def edit(space: Space, state: Words, scratch: Scratch, members: Any, row: Any, kind: Any, function: Any) -> Any:
    """Edit the live data flow of a member by mutation ``kind``. Returns whether an edit was possible."""
    code, constants, lengths = members.code[row], members.constants[row], members.about[row].lengths
    liveness(space, scratch, code, lengths)
    written, read = survey(space, scratch, lengths)
    known = written | space.given
    unused = ~(written | read | space.given | space.prediction)
    free = _NONE
    for k in range(3):
        for _ in range(3):
            register = pick(state, unused & ~free & space.kinds[k].writable)
            if register >= 0:
                free |= _ONE << np.uint64(register)
    if kind <= PARAMETER or kind == TRANSPLANT:
        make_room(space, scratch, code, constants, lengths, free)
        liveness(space, scratch, code, lengths)
    changed = False
    if kind == GRAFT:
        changed = graft(space, state, scratch, code, constants, lengths, function, -1, known, free)
    elif kind == ACCUMULATE:
        register = pick(state, state_registers(space, scratch, lengths))
        if register >= 0 and evolves(space, _LEARN):
            changed = accumulate(space, state, scratch, code, constants, lengths, register, known, free)
    elif kind == PARAMETER:
        changed = add_parameter(space, state, scratch, code, constants, lengths, known, free)
    elif kind == REWIRE:
        changed = rewire(space, state, scratch, code, lengths, function, known)
    elif kind == TRANSPLANT:
        changed = transplant(space, state, scratch, members, row, function, known, free, written | read)
    else:
        changed = bypass(space, state, scratch, code, constants, lengths, function)
    pad(space, code, constants, lengths)
    return changed
