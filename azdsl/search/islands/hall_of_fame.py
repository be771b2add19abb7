"""The hall of fame: the programs that no smaller or equally small one beats, over the whole run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.ir import Program, renumber
from azdsl.search.islands.selection import Found
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.population import Members, genotype, select
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.strip_dead import live

LINEAGE = 12
"""Steps of its lineage that an entry remembers, the last ones."""


class Step(NamedTuple):
    """What an entry of the front improved on."""

    size: int
    fitness: float
    island: int
    birth: int


@dataclass(frozen=True)
class Entry:
    """A program of the front with its fitness in the search. ``birth`` is its number among the island's candidates.

    ``lineage`` are the entries that it improved on, each the best of at most its successor's size, the first first.
    """

    program: Program
    fitness: float
    island: int
    birth: int
    lineage: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        # A checkpoint holds them as lists.
        object.__setattr__(self, "lineage", tuple(Step(*step) for step in self.lineage))

    @property
    def size(self) -> int:
        """Live instructions."""
        return len(self.program)


Front = tuple[Entry, ...]
"""Entries by size, the fitness rising."""


def fittest(space: Space, many: Iterable[Members], scratch: Scratch) -> Members:
    """The fittest of each size, live, in the order of their sizes: all that these members can add to a front."""
    members = live(space, many, scratch)
    sizes = _sizes(members)
    order = np.lexsort((members.about["birth"], -members.fitness, sizes))
    firsts = order[np.flatnonzero(np.diff(sizes[order], prepend=-1))]
    return select(members, firsts[members.fitness[firsts] > max(space.floor, 0.0)])


def update(front: Front, space: Space, many: Iterable[Members], multiclass: bool) -> Front:
    """The front with what the ``fittest`` of each island add to it."""
    for number, members in enumerate(many):
        front = _merge([*front, *_better(front, space, members, number, multiclass)])
    return front


def include(front: Front, found: Iterable[Found]) -> Front:
    """The front with what programs that were measured by themselves add to it."""
    for item in found:
        before = _before(front, len(item.program))
        if item.search_fitness > (before.fitness if before else 0.0):
            entry = Entry(item.program, item.search_fitness, item.island, item.birth, _lineage(before))
            front = _merge([*front, entry])
    return front


def _before(front: Front, size: int) -> Entry | None:
    """The best entry of at most a size."""
    return max((entry for entry in front if entry.size <= size), key=lambda e: e.fitness, default=None)


def _sizes(members: Members) -> NDArray[np.int64]:
    """Every member's instructions."""
    sizes: NDArray[np.int64] = members.about["lengths"].sum(axis=1)
    return sizes


def _better(front: Front, space: Space, members: Members, number: int, multiclass: bool) -> Iterable[Entry]:
    """Those of an island's fittest that beat the front's entries of their size or less."""
    for row, size in enumerate(_sizes(members).tolist()):
        fitness, before = float(members.fitness[row]), _before(front, size)
        if fitness > (before.fitness if before else 0.0):
            program = renumber(genotype(space, members, row), multiclass)
            yield Entry(program, fitness, number, int(members.about["birth"][row]), _lineage(before))


def _lineage(before: Entry | None) -> tuple[Step, ...]:
    """The lineage of what improves on ``before``."""
    if before is None:
        return ()
    return (*before.lineage, Step(before.size, before.fitness, before.island, before.birth))[-LINEAGE:]


def _merge(entries: Iterable[Entry]) -> Front:
    """The entries that no other one beats."""
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda e: (e.size, -e.fitness, e.birth, e.island)):
        if not kept or entry.fitness > kept[-1].fitness:
            kept.append(entry)
    return tuple(kept)
