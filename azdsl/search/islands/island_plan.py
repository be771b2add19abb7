"""What is fixed for each island: its settings, its search space and the tasks that it searches on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from azdsl.config.experiment import Experiment
from azdsl.config.search import Search, SettingsError
from azdsl.search.kernel.space import Space, make_space
from azdsl.search.kernel.task_groups import first_group
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class IslandPlan:
    """The settings of an island. ``tasks`` is the place of its search tasks among the task sets of the search.

    At place 0 are the tasks of the run or stage, then those of ``Experiment.island_tasks``. ``groups`` is the number of task groups.
    """

    experiment: Experiment
    space: Space
    tasks: int = 0
    groups: int = 1

    @property
    def search(self) -> Search:
        """The search's settings on this island."""
        return self.experiment.search


def make_islands(experiment: Experiment, task_sets: Sequence[TaskSet]) -> tuple[IslandPlan, ...]:
    """The plan of every island, whose search tasks are among ``task_sets``. Raises ``SettingsError``."""
    islands = experiment.search.islands
    for group in experiment.groups:
        if group.islands.most >= islands:
            raise SettingsError("island", f"{group}: the islands of the search are numbered 0 to {islands - 1}")
    places = {None: 0} | {task: place for place, task in enumerate(experiment.island_tasks, 1)}
    made: dict[Experiment, IslandPlan] = {}
    found = []
    for number in range(islands):
        own, place = experiment.of_island(number), places[experiment.island_task(number)]
        if own not in made:
            first = first_group(own.search, task_sets[place])
            made[own] = IslandPlan(own, make_space(own, first), place, task_sets[place].tasks // first.tasks)
        found.append(made[own])
    return tuple(found)
