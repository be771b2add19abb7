"""Task groups: the tasks of a search split into groups of equal size, of which one is used at a time (``task_rotation``)."""

from __future__ import annotations

from azdsl.config.search import Search, SettingsError
from azdsl.taskset import TaskSet


def group_size(search: Search, tasks: TaskSet) -> int:
    """Tasks of one group. Raises ``SettingsError`` when ``tasks_per_evaluation`` does not divide the number of tasks."""
    size = search.tasks_per_evaluation or tasks.tasks
    if tasks.tasks % size:
        raise SettingsError(
            "tasks_per_evaluation",
            f"tasks_per_evaluation={size} does not divide the number of tasks, {tasks.tasks}; choose a divisor of {tasks.tasks}",
        )
    return size


def first_group(search: Search, tasks: TaskSet) -> TaskSet:
    """The tasks of the first group. An evaluation costs the same on every group."""
    return tasks.part(0, group_size(search, tasks))
