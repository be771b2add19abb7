"""Candidates whose fitness is told from outside: bred and looked up by the steps of the compiled loop, without an evaluation.

A fitness that is asked for is NaN, in the fitness cache too. A member without a known fitness is never preferred as a parent: its
adjusted fitness is minus infinity, as that of a program that failed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from azdsl.codegen.numba_jit import jit
from azdsl.search.kernel.algorithms import pair
from azdsl.search.kernel.cache import find
from azdsl.search.kernel.canonical import Scratch, canonical_hash, liveness
from azdsl.search.kernel.evaluation import full, functional_hash
from azdsl.search.kernel.loop import adjust, bear, copy_row, settle, store
from azdsl.search.kernel.population import LAYERS, Clock, Island, Members
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.steps import Steps

TRIES = 4096
"""Candidates in a row, none of them new, after which no more are bred."""

_BUDGET, _FULL = LAYERS.index("over_budget"), LAYERS.index("full")


class Unanswered(NamedTuple):
    """An engine that evaluates nothing: the fitness of every program is ``fitness``, which is NaN."""

    fitness: float = float("nan")


def _is_unanswered(engine: Any) -> bool:
    return getattr(engine, "instance_class", None) is Unanswered


@overload(full)
def _full(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
    if not _is_unanswered(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
        task_fitness[:] = engine.fitness
        return 0

    return implementation


@overload(functional_hash)
def _functional_hash(engine: Any, lengths: Any, code: Any, constants: Any) -> Any:
    if not _is_unanswered(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any) -> Any:
        return np.uint64(0)

    return implementation


@jit
def breed_unanswered(
    space: Space,
    island: Island,
    scratch: Scratch,
    engine: Unanswered,
    steps: Steps,
    spare: Members,
    bred: Members,
    wanted: Any,
    enters: Any,
) -> Any:
    """Breed candidates until ``wanted`` are new, ``bred`` is full or ``TRIES`` in a row were not new.

    Writes new ones to ``bred``, with fitness NaN, and does not replace members by them. A candidate with a known fitness enters the
    population at once if ``enters`` and no new one was bred before it; otherwise it follows the new ones in ``bred``. One that is
    asked for already is dropped. Initial members are the first candidates and stay where they are. ``spare`` is a row of working
    memory. Returns the number of candidates in ``bred``.
    """
    members, state, clock, size = island.members, island.rng, island.clock, island.members.fitness.size
    count, new, tries = 0, 0, 0
    while new < wanted and count < bred.fitness.size and tries < TRIES:
        row, changed, layer = clock[Clock.WRITTEN] % size, True, 0
        stands = clock[Clock.WRITTEN] < clock[Clock.UNCHANGED]
        if not stands:
            parent, row = pair(space, members, state, row)
            copy_row(space, members, row, spare, 0)
            changed = bear(space, state, scratch, members, parent, row, steps.edit)
        if changed:
            layer = settle(space, island, scratch, engine, steps, row, 0.0)
            if layer == _BUDGET:
                members.fitness[row] = -np.inf
            adjust(space, members, scratch, row)
        members.about[row].birth = clock[Clock.CANDIDATES]
        clock[Clock.CANDIDATES] += 1
        unknown, is_new = np.isnan(members.fitness[row]), layer == _FULL
        if unknown:
            members.adjusted[row] = -np.inf
        tries = 0 if is_new else tries + 1
        stays = stands or (enters and not unknown)
        if is_new or not (unknown or stays):
            copy_row(space, members, row, bred, count)
            count += 1
        new += is_new
        enters = enters and not is_new
        if stays:
            clock[Clock.WRITTEN] += 1
        else:
            copy_row(space, spare, 0, members, row)
    return count


@jit
def answer(space: Space, island: Island, scratch: Scratch, members: Members, told: Any) -> None:
    """Set the canonical hash and the adjusted fitness of the ``members`` that are ``told`` bool[P], and store their fitness in the cache."""
    for row in range(told.size):
        if told[row]:
            about = members.about[row]
            liveness(space, scratch, members.code[row], about.lengths)
            _, about.hash = canonical_hash(space, scratch, members.code[row], members.constants[row], about.lengths)
            present, _ = find(island.fitness_cache, about.hash)
            store(island.fitness_cache, present, about.hash, members.fitness[row])
            adjust(space, members, scratch, row)
