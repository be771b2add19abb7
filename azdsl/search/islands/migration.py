"""Migration: each island takes in copies of another one's best programs.

What leaves at the end of an epoch arrives at the end of the next one: an island need not wait until the others have come as far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from azdsl.config.search import Search
from azdsl.search.islands.seeds import order
from azdsl.search.kernel.population import Island, Members, adopt, select, supplant

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


def leaving(search: Search, members: Members) -> Members:
    """Copies of the members that leave: the best ``search.migrants`` of them, the fittest first, the oldest of equals.

    Nobody leaves where the algorithm has no population, or while a member is not yet evaluated.
    """
    moves = (
        search.islands > 1 and search.migrants > 0.0 and search.algorithm in ARRIVALS and (members.fitness >= 0.0).all()
    )
    count = max(1, round(search.migrants * len(members.fitness))) if moves else 0
    order = np.lexsort((members.about["birth"], -members.fitness))
    return select(members, order[:count])


def arriving(many: Sequence[Members], taken_from: Sequence[int]) -> list[Members | None]:
    """For every island those that it takes in of the ``many`` that leave, each a part of another island; all islands do or none."""
    if any(not members.fitness.size for members in many):
        return [None] * len(many)
    return [None if origin == at else many[origin] for at, origin in enumerate(taken_from)]


def arrive(search: Search, island: Island, migrants: Members) -> None:
    """Put migrants in place of the members that the algorithm lets die: the oldest, or the worst."""
    ARRIVALS[search.algorithm](island, migrants)
