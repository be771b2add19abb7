"""Migration: each island receives copies of another island's best members.

Emigrants selected at the end of an epoch are inserted into their new island at the end of the next epoch, so that no island has to
wait for another one. Between islands with other tasks only programs go: the next candidates of the new island are the immigrants as
they stand, evaluated on its tasks as its initial population was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from azdsl.config.search import Search
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.islands.seeds import permutation
from azdsl.search.kernel.population import (
    Island,
    Members,
    evaluate_next,
    replace_oldest,
    replace_worst,
    select,
    without_fitness,
)

_PAIRS = 0
"""First number of the random stream that pairs islands; the streams of islands have one number, this one has two."""

MANY_ISLANDS = 100
"""Number of islands from which ``both`` is the default exchange: a ring of this length takes too many epochs to go round."""

INSERT = {"regularized_evolution": replace_oldest, "nonregularized_evolution": replace_worst}
"""How immigrants are inserted, for the algorithms that have a population."""


def sources(search: Search, exchange: int) -> list[int]:
    """For every island, the island that its immigrants come from at exchange number ``exchange`` (counted from 1).

    ``ring``: the previous island. ``pairs``: the island's partner; partners are drawn at every exchange, and one of an odd number of
    islands has none. ``both``: ring and pairs alternate. The default is the ring, and ``both`` from ``MANY_ISLANDS`` islands on.
    """
    islands = search.islands
    topology = search.exchange or ("ring" if islands < MANY_ISLANDS else "both")
    ring = [(island - 1) % islands for island in range(islands)]
    if topology == "ring" or (topology == "both" and exchange % 2 == 1):
        return ring
    partners, drawn = list(range(islands)), permutation(search.seed, _PAIRS, exchange, size=islands)
    for one, other in zip(drawn[::2], drawn[1::2], strict=False):
        partners[one], partners[other] = other, one
    return partners


def emigrants(search: Search, members: Members) -> Members:
    """Copies of the best ``search.migrants`` of the members, by falling fitness, the oldest of equals first.

    Empty for one island, for algorithms without a population, and while a member has not been evaluated.
    """
    migrates = search.islands > 1 and search.migrants > 0.0 and search.algorithm in INSERT
    complete = migrates and (members.fitness >= 0.0).all()
    order = np.lexsort((members.about["birth"], -members.fitness))
    return select(members, order[: migrants(search) if complete else 0])


def migrants(search: Search) -> int:
    """How many members of an island's population migrate, and how many immigrants it takes."""
    return max(1, round(search.migrants * search.population))


def immigrants(
    emigrated: Sequence[Members], from_islands: Sequence[int], islands: Sequence[IslandPlan], lengths: Sequence[int]
) -> list[Members | None]:
    """For every island, the emigrants of the island that ``sources`` assigned to it; None without any.

    They are without fitness if the island has other tasks than theirs. Of those it takes at most half as many as an epoch of it has
    candidates (``lengths``).
    """
    found: list[Members | None] = []
    for number, (source, own) in enumerate(zip(from_islands, islands, strict=True)):
        most, known = migrants(own.search), islands[source].tasks == own.tasks
        taken = select(emigrated[source], slice(most if known else min(most, lengths[number] // 2)))
        arrives = source != number and taken.fitness.size > 0
        found.append((taken if known else without_fitness(taken)) if arrives else None)
    return found


def receive_immigrants(search: Search, island: Island, arrived: Iterable[Members]) -> None:
    """Insert the immigrants of an island, those with fitness first. Those without are its next candidates, in their order."""
    unknown = []
    for members in arrived:
        if members.fitness[0] < 0.0:
            unknown.append(members)
        else:
            insert_immigrants(search, island, members)
    if unknown:
        together = Members(*(np.concatenate(arrays)[: search.population] for arrays in zip(*unknown, strict=True)))
        evaluate_next(island, together, worst=INSERT[search.algorithm] is replace_worst)


def insert_immigrants(search: Search, island: Island, arrived: Members) -> None:
    """Replace the members that the algorithm replaces, the oldest or the worst, by immigrants."""
    INSERT[search.algorithm](island, arrived)
