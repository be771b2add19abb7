"""Migration: each island takes in copies of another one's best programs, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from azdsl.search.draws import order
from azdsl.search.population import Island, Members, adopt, select, supplant
from azdsl.settings import Search

_PAIRS = 0
"""The stream of random numbers that pairs islands; those of the islands have one number, this one two."""

MANY = 100
"""Islands from which on a ring would hardly ever come round: by default pairs then take turns with it."""

ARRIVALS = {"regularized_evolution": adopt, "nonregularized_evolution": supplant}
"""How migrants come in, for the algorithms that have a population."""


def sources(search: Search, meeting: int) -> list[int]:
    """For every island the one that it takes programs from when they meet for the ``meeting``-th time.

    ``ring``: the island before it. ``pairs``: its partner; partners are drawn anew for every meeting, and of an
    odd number of islands one is left to itself. ``both``: the ring and pairs take turns. Unless the search says which, it
    is the ring, and from ``MANY`` islands on both.
    """
    islands = search.islands
    exchange = search.exchange or ("ring" if islands < MANY else "both")
    ring = [(island - 1) % islands for island in range(islands)]
    if exchange == "ring" or (exchange == "both" and meeting % 2 == 1):
        return ring
    found, drawn = list(range(islands)), order(search.seed, _PAIRS, meeting, size=islands)
    for one, other in zip(drawn[::2], drawn[1::2], strict=False):
        found[one], found[other] = other, one
    return found


def migrate(islands: Sequence[Island], share: float, taken_from: Sequence[int], algorithm: str) -> bool:
    """Island i takes in copies of the best ``share`` of island ``taken_from[i]``, if that is another; whether any went.

    They replace the members that the algorithm lets die: the oldest, or the worst. Nobody goes where the
    algorithm has no population, or while an island's initial population is not yet evaluated. Copies are taken
    before the first one arrives anywhere, so the order of the islands is of no matter.
    """
    arrive = ARRIVALS.get(algorithm)
    if arrive is None or len(islands) < 2 or share <= 0.0 or any((island.members.fitness < 0.0).any() for island in islands):
        return False
    leaving = [best_members(island, share) for island in islands]
    for at, island in enumerate(islands):
        if taken_from[at] != at:
            arrive(island, leaving[taken_from[at]])
    return True


def best_members(island: Island, share: float) -> Members:
    """Copies of the best ``share`` of the members, at least one: the fittest first, the oldest of equals."""
    members = island.members
    count = max(1, round(share * len(members.fitness)))
    order = np.lexsort((members.about["birth"], -members.fitness))
    return select(members, order[:count])
