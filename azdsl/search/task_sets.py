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

LEAST_HELD_BACK = 20
"""The fewest given tasks of which some are held back: the interval of a gain on fewer than four test tasks says little."""

HELD_BACK_SHARE = 5
"""One in so many of the given tasks is held back for selection, and as many for the test."""

_STREAM = 0x4E1D
"""Tells the random draw of the tasks that are held back from other uses of the run's random seed."""


@dataclass(frozen=True)
class Given:
    """Task sets from Python, None for a split that has none: in place of those that the task statement makes."""

    search: TaskSet | None = None
    select: TaskSet | None = None
    test: TaskSet | None = None

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(each is not None for each in vars(self).values())


@dataclass(frozen=True, eq=False)
class TaskSets:
    """The task sets of the three splits; None where no tasks are held out for a split.

    ``from_python``: not all are made from a task statement. ``words`` describes tasks that are given from Python and says what
    is held out; it is empty for a task statement. ``islands`` are the search tasks that islands have of their own.
    """

    search: TaskSet
    select: TaskSet | None
    test: TaskSet | None
    from_python: bool
    words: str = ""
    islands: tuple[TaskSet, ...] = ()

    @property
    def digest(self) -> str:
        """A digest of all examples."""
        digest = hashlib.blake2b(digest_size=16)
        for task_set in (self.search, self.select, self.test, *self.islands):
            if task_set is None:
                digest.update(b"none")
                continue
            for array in (task_set.train_X, task_set.train_y, task_set.valid_X, task_set.valid_y):
                digest.update(repr((array.shape, task_set.metric, task_set.epoch_length, task_set.epochs)).encode())
                digest.update(np.ascontiguousarray(array).data)
            task_set.rest()
        return digest.hexdigest()


def make_task_sets(experiment: Experiment, given: Given, base_dir: Path | None) -> TaskSets:
    """The task sets of an experiment, with those that are ``given`` in place of its own.

    An experiment without a task statement needs ``given.search``. Without ``given.select`` and ``given.test`` a random fifth
    of it is then held back for each, if there are at least ``LEAST_HELD_BACK`` tasks; otherwise nothing is held out.
    Raises ``TaskError``, and ``SettingsError`` if a split has other features or another metric than the search tasks, or
    is the task set of the search.
    """
    task, seed = experiment.task, experiment.search.seed
    check_given(given)
    if task is None:
        assert given.search is not None
        split = _held_back(given.search, seed) if given.select is None and given.test is None else given
        assert split.search is not None
        sets = TaskSets(split.search, split.select, split.test, True, _words(split, given.search))
    else:
        search = given.search or tasks.build(task, seed, "search", base_dir)
        select = given.select or tasks.build(task, seed, "select", base_dir)
        test = given.test or tasks.build(task, seed, "test", base_dir)
        names = [name for name, each in vars(given).items() if each is not None]
        words = f"the tasks of {' and '.join(names)} given from Python" if given else ""
        sets = TaskSets(search, select, test, bool(given), words)
    check_kinds(sets.search, sets.select, sets.test)
    return sets


def check_given(given: Given) -> None:
    """Raise ``SettingsError`` for what is not a task set, and for a held-out task set that is that of the search."""
    for name, each in vars(given).items():
        if each is not None and not isinstance(each, TaskSet):
            name = "tasks" if name == "search" else name
            way = "make a task set with azdsl.TaskSet.from_arrays"
            raise SettingsError(name, f"{name} must be a task set, not {type(each).__name__}: {way}")
    if given.search is not None and any(each is given.search for each in (given.select, given.test)):
        raise SettingsError("tasks", "the tasks of the search cannot also be those of selection or test: give others")


def check_kinds(search: TaskSet, *held_out: TaskSet | None) -> None:
    """Raise ``SettingsError`` if a held-out task set has other features or another metric than that of the search."""
    for one in held_out:
        if one is not None and (one.features, one.metric) != (search.features, search.metric):
            kinds = [f"{each.features} features, {each.metric}" for each in (search, one)]
            raise SettingsError(
                "tasks", f"the search tasks ({kinds[0]}) and the held-out tasks ({kinds[1]}) differ in kind"
            )


def _held_back(given: TaskSet, seed: int) -> Given:
    """The given tasks split at random into search, selection and test tasks; all for the search if they are few."""
    if given.tasks < LEAST_HELD_BACK:
        return Given(given)
    order = np.random.default_rng((seed, _STREAM)).permutation(given.tasks)
    count = given.tasks // HELD_BACK_SHARE
    return Given(*(given.take(np.sort(part)) for part in (order[2 * count :], order[:count], order[count : 2 * count])))


def _words(split: Given, given: TaskSet) -> str:
    """What is held out of tasks given from Python."""
    assert split.search is not None
    found = tasks.describe(given)
    held = [
        f"{each.tasks} for {name}" for name, each in (("selection", split.select), ("the test", split.test)) if each
    ]
    if not held:
        return f"{found}; nothing is held out"
    if split.search is given:
        missing = "" if len(held) == 2 else "; no others are held out"
        return f"{found}, and {' and '.join(held)}{missing}"
    return f"{found}: {split.search.tasks} for the search, held back {' and '.join(held)}"
