"""The hall of fame: the best program of each size over the complete run, if no smaller program is as good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.ir import Metric, Program, renumber
from azdsl.search.islands.selection import Found
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.population import Members, genotype, select
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.strip_dead import strip_dead

MAX_LINEAGE = 12
"""Ancestors that an entry keeps, the latest ones."""


class Ancestor(NamedTuple):
    """An earlier entry of the hall of fame that an entry improved on."""

    size: int
    fitness: float
    island: int
    birth: int


@dataclass(frozen=True)
class HallOfFameEntry:
    """A program of the hall of fame with its search fitness. ``birth`` is its number among the island's candidates.

    ``lineage`` lists the entries that it improved on, the earliest first; each was the best of at most its successor's size.
    """

    program: Program
    fitness: float
    island: int
    birth: int
    lineage: tuple[Ancestor, ...] = ()

    def __post_init__(self) -> None:
        # Ancestors are lists when they come from the JSON of a checkpoint.
        object.__setattr__(self, "lineage", tuple(Ancestor(*ancestor) for ancestor in self.lineage))

    @property
    def size(self) -> int:
        """Live instructions."""
        return len(self.program)


HallOfFame = tuple[HallOfFameEntry, ...]
"""Entries by rising size, which are also by rising fitness."""

Measure = Callable[[Program], float]
"""The fitness of a program on the search tasks, by a full evaluation."""


def fittest(space: Space, groups: Iterable[Members], scratch: Scratch) -> Members:
    """The fittest member of each size, without dead code, by rising size: all that these members can add to a hall of fame."""
    members = strip_dead(space, groups, scratch)
    sizes = _sizes(members)
    order = np.lexsort((members.about["birth"], -members.fitness, sizes))
    firsts = order[np.flatnonzero(np.diff(sizes[order], prepend=-1))]
    return select(members, firsts[members.fitness[firsts] > max(space.floor, 0.0)])


def update(
    entries: HallOfFame, space: Space, by_island: Mapping[int, Members], metric: Metric, measure: Measure
) -> HallOfFame:
    """The hall of fame ``entries`` updated with the ``fittest`` members of islands, by number.

    The fitness of a member may be that of another program, with the same errors on the first examples (FEC), so ``measure`` gives
    the fitness of an entry.
    """
    for number, members in by_island.items():
        entries = _merge([*entries, *_better(entries, space, members, number, metric, measure)])
    return entries


def include(entries: HallOfFame, found: Iterable[Found]) -> HallOfFame:
    """The hall of fame ``entries`` updated with programs whose fitness was measured on all tasks."""
    for item in found:
        best = _best_up_to(entries, len(item.program))
        if item.search_fitness > (best.fitness if best else 0.0):
            new = HallOfFameEntry(item.program, item.search_fitness, item.island, item.birth, _lineage(best))
            entries = _merge([*entries, new])
    return entries


def _best_up_to(entries: HallOfFame, size: int) -> HallOfFameEntry | None:
    """The best entry of at most ``size`` instructions."""
    return max((entry for entry in entries if entry.size <= size), key=lambda e: e.fitness, default=None)


def _sizes(members: Members) -> NDArray[np.int64]:
    """The number of instructions of every member."""
    sizes: NDArray[np.int64] = members.about["lengths"].sum(axis=1)
    return sizes


def _better(
    entries: HallOfFame, space: Space, members: Members, number: int, metric: Metric, measure: Measure
) -> Iterable[HallOfFameEntry]:
    """New entries: the members of island ``number`` that are fitter than all entries of their size or smaller."""
    for row, size in enumerate(_sizes(members).tolist()):
        best = _best_up_to(entries, size)
        least = best.fitness if best else 0.0
        if members.fitness[row] <= least:
            continue
        program = renumber(genotype(space, members, row), metric)
        fitness = measure(program)
        if fitness > least:
            yield HallOfFameEntry(program, fitness, number, int(members.about["birth"][row]), _lineage(best))


def _lineage(best: HallOfFameEntry | None) -> tuple[Ancestor, ...]:
    """The lineage of an entry that improves on ``best``."""
    if best is None:
        return ()
    return (*best.lineage, Ancestor(best.size, best.fitness, best.island, best.birth))[-MAX_LINEAGE:]


def _merge(entries: Iterable[HallOfFameEntry]) -> HallOfFame:
    """The entries that are fitter than every smaller entry, the fittest of each size. No two have equal size and fitness."""
    kept: list[HallOfFameEntry] = []
    for entry in sorted(entries, key=lambda e: (e.size, -e.fitness)):
        if not kept or entry.fitness > kept[-1].fitness:
            kept.append(entry)
    return tuple(kept)
