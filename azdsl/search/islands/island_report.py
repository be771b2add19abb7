"""Island reports: copies of an island's data at the end of an epoch, so that the island can continue before the exchange."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.config.search import Search
from azdsl.search.islands.hall_of_fame import fittest
from azdsl.search.islands.migration import emigrants
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.hurdles import Hurdles
from azdsl.search.kernel.population import Clock, Island, Members
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.strip_dead import strip_dead


class IslandReport(NamedTuple):
    """An island at the end of an epoch: its finalists, its emigrants and its fittest members of each size.

    Dead code is removed from ``finalists`` and ``fittest`` but not from ``emigrants``. ``fitness`` float64[P] is that of all
    members. ``clock``, ``counts``, ``fec_sample`` and ``hurdles`` are those of ``Island``.
    """

    finalists: Members
    emigrants: Members
    fittest: Members
    fitness: NDArray[np.float64]
    clock: NDArray[np.int64]
    counts: NDArray[np.int64]
    fec_sample: NDArray[np.int64]
    hurdles: Hurdles

    @property
    def candidates(self) -> int:
        """Candidates of the island so far."""
        return int(self.clock[Clock.CANDIDATES])


def make_report(space: Space, search: Search, island: Island, scratch: Scratch) -> IslandReport:
    """The report of an island in its present state."""
    return IslandReport(
        finalists=strip_dead(space, [island.finalists], scratch),
        emigrants=emigrants(search, island.members),
        fittest=fittest(space, (island.finalists, island.members), scratch),
        fitness=island.members.fitness.copy(),
        clock=island.clock.copy(),
        counts=island.counts.copy(),
        fec_sample=island.fec_sample.copy(),
        hurdles=Hurdles._make(array.copy() for array in island.hurdles),
    )
