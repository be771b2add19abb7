"""Diverse tasks: a search evaluates on some of its tasks at a time, and on others from time to time.

With ``tasks_per_evaluation`` = D the T tasks are dealt, in their order, into T / D groups (Real et al. 2020, Section 4.2, draw
D tasks for every evaluation; that leaves programs with fitness that cannot be compared). All islands evaluate on the same
group. After every ``redraw`` candidates they take the next group of an order drawn from the seed, and
measure their members anew on it. What a program is worth to the run, its best and its hall of fame, is its fitness on all T.
"""

from __future__ import annotations

from azdsl.config.search import Search, SettingsError
from azdsl.search.islands.seeds import order
from azdsl.search.kernel.population import Island, forget_fitness
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet

_ORDER = 1
"""The stream of random numbers that orders groups; those of islands have one number, those of meetings two that begin with 0."""


def group_size(search: Search, tasks: TaskSet) -> int:
    """Tasks of a group. Raises ``SettingsError`` when the tasks cannot be dealt into groups of ``tasks_per_evaluation``."""
    size = search.tasks_per_evaluation or tasks.tasks
    if tasks.tasks % size:
        raise SettingsError(
            "tasks_per_evaluation",
            f"tasks_per_evaluation={size}: {tasks.tasks} tasks cannot be dealt into groups of {size}; take a number that divides them",
        )
    return size


def first_group(search: Search, tasks: TaskSet) -> TaskSet:
    """The tasks of one group: all groups cost the same."""
    return tasks.part(0, group_size(search, tasks))


def group(search: Search, groups: int, draw: int) -> int:
    """The group of a draw (counted from 0): each comes once before any comes again."""
    number, at = divmod(draw, groups)
    return order(search.seed, _ORDER, number, size=groups)[at]


def take(space: Space, island: Island, number: int) -> None:
    """Have an island evaluate on a group from now on: what it knows of its programs no longer holds."""
    island.clock[2] = number
    forget_fitness(space, island)
