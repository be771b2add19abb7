"""Removal of dead code from members: the instructions that cannot affect a prediction."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from azdsl.codegen.numba_jit import jit
from azdsl.search.kernel.canonical import Scratch, bounds, liveness
from azdsl.search.kernel.population import Members
from azdsl.search.kernel.rows import move
from azdsl.search.kernel.space import Space


def strip_dead(space: Space, groups: Iterable[Members], scratch: Scratch) -> Members:
    """One copy of all members of ``groups`` without dead code. Functions may be shorter than their minimum length."""
    members = Members(*map(np.concatenate, zip(*groups, strict=True)))
    _strip_dead(space, members, scratch)
    return members


@jit
def _strip_dead(space: Space, members: Members, scratch: Scratch) -> None:
    for row in range(members.fitness.size):
        code, constants, lengths = members.code[row], members.constants[row], members.about[row].lengths
        liveness(space, scratch, code, lengths)
        for f in range(3):
            first, end = bounds(space, lengths, f)
            to = first
            for i in range(scratch.begins[f], end):
                move(code, constants, scratch.order[i], to)
                to += np.uint64(1)
            lengths[f] = to - first
