"""Migration: each island receives copies of another island's best members.

Emigrants selected at the end of an epoch are inserted into their new island at the end of the next epoch, so that no island has to
wait for another one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from azdsl.config.search import Search
from azdsl.search.islands.seeds import permutation
from azdsl.search.kernel.population import Island, Members, replace_oldest, replace_worst, select

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
    count = max(1, round(search.migrants * len(members.fitness))) if complete else 0
    order = np.lexsort((members.about["birth"], -members.fitness))
    return select(members, order[:count])


def immigrants(emigrated: Sequence[Members], from_islands: Sequence[int]) -> list[Members | None]:
    """For every island, the emigrants of the island that ``sources`` assigned to it; None without one.

    None for all islands if any island has no emigrants.
    """
    if any(not members.fitness.size for members in emigrated):
        return [None] * len(emigrated)
    return [None if source == island else emigrated[source] for island, source in enumerate(from_islands)]


def insert_immigrants(search: Search, island: Island, migrants: Members) -> None:
    """Replace the members that the algorithm replaces, the oldest or the worst, by immigrants."""
    INSERT[search.algorithm](island, migrants)
