"""What an island brings to a meeting: copies, so that the island goes on while the others are waited for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.config.search import Search
from azdsl.search.islands.hall_of_fame import fittest
from azdsl.search.islands.migration import leaving
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.hurdles import Hurdles
from azdsl.search.kernel.population import Island, Members
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.strip_dead import live


class Standing(NamedTuple):
    """An island at the end of an epoch: its finalists, those that would migrate, the fittest of each size for the hall of fame.

    Finalists and fittest are live, what migrates is whole.
    ``fitness`` float64[P] is that of all members; ``clock``, ``counts`` and ``hurdles`` are as ``Island`` has them.
    """

    finalists: Members
    leaving: Members
    fittest: Members
    fitness: NDArray[np.float64]
    clock: NDArray[np.int64]
    counts: NDArray[np.int64]
    hurdles: Hurdles


STANDING_MEMBERS = ("finalists", "leaving", "fittest")
"""The fields that are programs."""


def take_standing(space: Space, search: Search, island: Island, scratch: Scratch) -> Standing:
    """The standing of an island now."""
    return Standing(
        finalists=live(space, [island.finalists], scratch),
        leaving=leaving(search, island.members),
        fittest=fittest(space, (island.finalists, island.members), scratch),
        fitness=island.members.fitness.copy(),
        clock=island.clock.copy(),
        counts=island.counts.copy(),
        hurdles=Hurdles._make(array.copy() for array in island.hurdles),
    )
