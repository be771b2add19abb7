"""The task sets of a run, one for each split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from azdsl import tasks
from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.taskset import TaskSet


@dataclass(frozen=True, eq=False)
class TaskSets:
    """The task sets of the three splits. ``from_python``: the search's is not made from a task statement."""

    search: TaskSet
    select: TaskSet
    test: TaskSet
    from_python: bool

    @property
    def digest(self) -> str:
        """A digest of all examples."""
        digest = hashlib.blake2b(digest_size=16)
        for task_set in (self.search, self.select, self.test):
            for array in (task_set.train_X, task_set.train_y, task_set.valid_X, task_set.valid_y):
                digest.update(repr((array.shape, task_set.metric, task_set.epoch_length, task_set.epochs)).encode())
                digest.update(np.ascontiguousarray(array).data)
            task_set.rest()
        return digest.hexdigest()


def make_task_sets(experiment: Experiment, given: TaskSet | None, base_dir: Path | None) -> TaskSets:
    """The task sets of an experiment, ``given`` for the search if it is not None.

    An experiment without a task statement needs ``given``, which then is all three. Raises ``TaskError``, and
    ``SettingsError`` if ``given`` has other features or another metric than the task statement.
    """
    task, seed = experiment.task, experiment.search.seed
    if task is None:
        assert given is not None
        return TaskSets(given, given, given, True)
    search = given or tasks.build(task, seed, "search", base_dir)
    select, test = (tasks.build(task, seed, split, base_dir) for split in ("select", "test"))
    if (search.features, search.metric) != (select.features, select.metric):
        kinds = [f"{one.features} features, {one.metric}" for one in (search, select)]
        raise SettingsError("tasks", f"the tasks given ({kinds[0]}) are not of the experiment's kind ({kinds[1]})")
    return TaskSets(search, select, test, given is not None)
