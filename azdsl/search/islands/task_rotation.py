"""Task rotation: a search evaluates on one group of its tasks at a time and changes the group at intervals.

With ``tasks_per_evaluation`` = D the T tasks are split, in their order, into T / D groups (``kernel.task_groups``). All islands use
the same group. After every ``redraw`` candidates of an island, they switch to the next group of a permutation drawn from the random
seed, and all members are evaluated again. Real et al. (2020, Section 4.2) draw D tasks for every evaluation instead, so that the
fitness of two programs is not comparable. The run's best program and the hall of fame are measured on all T tasks.
"""

from __future__ import annotations

from azdsl.config.search import Search
from azdsl.search.islands.seeds import permutation
from azdsl.search.kernel.population import Clock, Island, reset_fitness
from azdsl.search.kernel.space import Space

_ORDER = 1
"""First number of the random stream that orders groups; the streams of islands have one number, those of exchanges begin with 0."""


def group_of_draw(search: Search, groups: int, draw: int) -> int:
    """The group of draw number ``draw``, counted from 0. Every group is used once before any group is repeated."""
    number, at = divmod(draw, groups)
    return permutation(search.seed, _ORDER, number, size=groups)[at]


def set_group(space: Space, island: Island, number: int) -> None:
    """Evaluate an island on group ``number`` from now on; every fitness that it holds is invalidated."""
    island.clock[Clock.TASK_GROUP] = number
    reset_fitness(space, island)
