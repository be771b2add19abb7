"""The hall of fame: the programs that no smaller or equally small one beats, over the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from azdsl.codegen.compiled import jit
from azdsl.ir import Program
from azdsl.search.canonical import Scratch, bounds, liveness
from azdsl.search.population import Island, Members, genotype
from azdsl.search.selection import Found, canonical
from azdsl.search.space import Space

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


@jit
def live_sizes(space: Space, members: Members, scratch: Scratch, sizes: Any) -> None:
    """Count every member's live instructions."""
    for row in range(sizes.size):
        lengths = members.about[row].lengths
        liveness(space, scratch, members.code[row], lengths)
        count = 0
        for f in range(3):
            count += int(bounds(space, lengths, f)[1] - scratch.begins[f])
        sizes[row] = count


def update(front: Front, space: Space, islands: Sequence[Island], scratch: Scratch, multiclass: bool) -> Front:
    """The front with what the populations and their finalists add to it."""
    for number, island in enumerate(islands):
        for members in (island.finalists, island.members):
            front = _merge([*front, *_better(front, space, members, scratch, number, multiclass)])
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


def _better(
    front: Front, space: Space, members: Members, scratch: Scratch, number: int, multiclass: bool
) -> Iterable[Entry]:
    """Of each size the fittest of an island's members, if it beats the front's entries of that size or less."""
    sizes = np.zeros(len(members.fitness), np.int64)
    live_sizes(space, members, scratch, sizes)
    order = np.lexsort((members.about["birth"], -members.fitness, sizes))
    firsts = order[np.flatnonzero(np.diff(sizes[order], prepend=-1))]
    for row in firsts.tolist():
        fitness = float(members.fitness[row])
        before = _before(front, sizes[row])
        if fitness > (before.fitness if before else max(space.floor, 0.0)):
            program = canonical(genotype(space, members, row), multiclass)
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
