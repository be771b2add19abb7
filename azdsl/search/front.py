"""The hall of fame: the programs that no smaller or equally small one beats, over the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from azdsl.codegen.compiled import jit
from azdsl.ir import Program
from azdsl.search.canonical import Scratch, bounds, liveness
from azdsl.search.population import Island, Members, genotype
from azdsl.search.selection import canonical
from azdsl.search.space import Space


@dataclass(frozen=True)
class Entry:
    """A program of the front with its fitness in the search. ``birth`` is its number among the island's candidates."""

    program: Program
    fitness: float
    island: int
    birth: int

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
    """The front with what the populations add to it."""
    for number, island in enumerate(islands):
        front = _merge([*front, *_better(front, space, island, scratch, number, multiclass)])
    return front


def _better(
    front: Front, space: Space, island: Island, scratch: Scratch, number: int, multiclass: bool
) -> Iterable[Entry]:
    """Of each size the island's fittest member, if it beats the front's entries of that size or less."""
    members = island.members
    sizes = np.zeros(len(members.fitness), np.int64)
    live_sizes(space, members, scratch, sizes)
    order = np.lexsort((members.about["birth"], -members.fitness, sizes))
    firsts = order[np.flatnonzero(np.diff(sizes[order], prepend=-1))]
    for row in firsts.tolist():
        fitness = float(members.fitness[row])
        if fitness > max((entry.fitness for entry in front if entry.size <= sizes[row]), default=0.0):
            program = canonical(genotype(space, members, row), multiclass)
            yield Entry(program, fitness, number, int(members.about["birth"][row]))


def _merge(entries: Iterable[Entry]) -> Front:
    """The entries that no other one beats."""
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda e: (e.size, -e.fitness, e.birth, e.island)):
        if not kept or entry.fitness > kept[-1].fitness:
            kept.append(entry)
    return tuple(kept)
