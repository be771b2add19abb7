"""Steps of the compiled loop that only some searches take. They are compiled for those, and called by their addresses."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from azdsl.codegen.numba_jit import address
from azdsl.search.kernel import edit, hurdle_run, reinforce, tuning
from azdsl.search.kernel.algorithms import REINFORCE
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.population import Island
from azdsl.search.kernel.space import Space


class Steps(NamedTuple):
    """The addresses of the steps of a search; 0 for a step that it does not take.

    ``edit`` is ``edit.edit``, ``tune`` is ``tuning.step``, ``compose`` and ``learn`` are those of ``reinforce``, and
    ``hurdles`` is ``hurdle_run.run_hurdles``.
    """

    edit: int
    tune: int
    compose: int
    learn: int
    hurdles: int


def find_steps(space: Space, island: Island, scratch: Scratch, engine: Any) -> Steps:
    """The steps of a search on ``space``. Those not yet compiled are compiled, or loaded from disk."""
    members, row, any_hash = island.members, 0, np.uint64(0)
    edits, learns = bool((space.mutations >= edit.GRAFT).any()), space.algorithm == REINFORCE
    return Steps(
        edit=address(edit.edit, space, island.rng, scratch, members, row, 0, 0) if edits else 0,
        tune=address(tuning.step, space, island, scratch, row) if space.tune > 0.0 else 0,
        compose=address(reinforce.compose, space, island.policy, island.rng, members, row) if learns else 0,
        learn=address(reinforce.learn, space, island.policy, members, row) if learns else 0,
        hurdles=address(hurdle_run.run_hurdles, space, island.hurdles, scratch, engine, any_hash)
        if space.hurdles
        else 0,
    )
