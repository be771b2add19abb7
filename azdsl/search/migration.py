"""Migration: each island takes in copies of its neighbour's best programs, all at once, in a ring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from azdsl.search.population import Island, Members, adopt, select


def migrate(islands: Sequence[Island], share: float) -> bool:
    """Island i adopts copies of the best ``share`` of island i - 1; whether any went.

    Nobody goes while an island's initial population is not yet evaluated. Copies are taken before the first
    one arrives anywhere, so the order of the islands is of no matter.
    """
    if len(islands) < 2 or share <= 0.0 or any((island.members.fitness < 0.0).any() for island in islands):
        return False
    leaving = [best_members(island, share) for island in islands]
    for at, island in enumerate(islands):
        adopt(island, leaving[at - 1])
    return True


def best_members(island: Island, share: float) -> Members:
    """Copies of the best ``share`` of the members, at least one: the fittest first, the oldest of equals."""
    members = island.members
    count = max(1, round(share * len(members.fitness)))
    order = np.lexsort((members.about["birth"], -members.fitness))
    return select(members, order[:count])
