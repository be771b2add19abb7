"""The plans of a run, one for each stage and one for the run's own tasks, and the task sets that they are for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from azdsl import tasks as make
from azdsl.config.experiment import Experiment
from azdsl.config.image_tasks import ImageTask
from azdsl.config.search import SettingsError, keys
from azdsl.config.task import Task
from azdsl.config.tasks import FileTask, SklearnTask
from azdsl.ir import Program
from azdsl.scoring import score
from azdsl.search.islands.island_plan import IslandPlan, make_islands
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.schedule import Schedule, Schedules, make_schedule
from azdsl.search.islands.selection import Judge
from azdsl.search.kernel.hurdles import costs
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.task_groups import first_group
from azdsl.search.task_sets import Given, TaskSets, make_task_sets
from azdsl.tasks.places import place_of
from azdsl.taskset import TaskSet


def make_all_task_sets(experiment: Experiment, given: Given, base_dir: Path | None) -> tuple[TaskSets, ...]:
    """The task sets of each stage, then those of the run's own task, where ``given`` counts (``make_task_sets``).

    The last have those of islands too. Raises ``TaskError``, and ``SettingsError`` for a stage or an island whose labels and predictions
    are in other registers, or that could search on rows or images that the run holds out.
    """
    own = make_task_sets(experiment, given, base_dir)
    stages = []
    for number, stage in enumerate(experiment.stages):
        _check_splits("stage", str(stage), stage.task, experiment.task, base_dir)
        sets = own if stage.task is None else make_task_sets(experiment.of_stage(number), Given(), base_dir)
        _check_metric("stage", str(stage), sets.search, own.search)
        stages.append(sets)
    islands = []
    for task in experiment.island_tasks:
        group = next(str(group) for group in experiment.groups if group.task == task)
        _check_splits("island", group, task, experiment.task, base_dir)
        islands.append(make.build(task, experiment.search.seed, "search", base_dir))
        _check_metric("island", group, islands[-1], own.search)
    return (*stages, replace(own, islands=tuple(islands)))


def _check_metric(key: str, statement: str, tasks: TaskSet, own: TaskSet) -> None:
    """Check that the tasks of a statement have their predictions in the register of the run's. Raises ``SettingsError``."""
    if tasks.metric_definition.vector != own.metric_definition.vector:
        metrics = f"{tasks.metric}, that of the run's own task is {own.metric}"
        raise SettingsError(
            key, f"{statement}: its metric is {metrics}: predictions would be in another register; use another task"
        )


def _check_splits(key: str, statement: str, task: Task | None, own: Task | None, base_dir: Path | None) -> None:
    """Check that the task of a statement splits the run's own table or images as the run does. Raises ``SettingsError``."""
    if isinstance(task, FileTask) and isinstance(own, FileTask):
        drops = ("missing", "columns", "target_column") if "drop" in (task.missing, own.missing) else ()
        names, sizes, what = {"select", "test", *drops}, [], f"rows of {own.data}"
    elif isinstance(task, ImageTask) and isinstance(own, ImageTask):
        names, what, held = (
            {"test", "pairs", "held_out", "classes"},
            f"images of {own.dataset or own.images}",
            own.sizes("select"),
        )
        sizes = [f"select_valid={held.valid}"] if task.sizes("select").valid != held.valid else []
    else:
        return
    if task.kind != own.kind or _source(task, base_dir) != _source(own, base_dir):
        return
    deciding = [f.name for f in keys(own) if f.name in names]
    differ = [*(name for name in deciding if getattr(task, name) != getattr(own, name)), *sizes]
    if differ:
        raise SettingsError(
            key,
            f"{statement}: it would search on {what} that the run holds out: "
            f"set {differ[0]} as in the run's own task, since it decides how they are split",
        )


def _source(task: FileTask | ImageTask, base_dir: Path | None) -> tuple[str | Path | None, ...]:
    """What two tasks of the same kind on the same data have in common: names, and the file, however its path is written."""
    if isinstance(task, SklearnTask):
        return (task.data,)
    place = place_of(task.data, base_dir).resolve() if task.data else None
    return (place,) if isinstance(task, FileTask) else (task.images, task.dataset, place)


def best_seed_first(experiment: Experiment, data: TaskSets) -> Experiment:
    """The experiment with its best seed program on the selection tasks as ``program``, the one that the answer is compared with.

    The order in which several seed programs are given does not matter. Raises ``SettingsError`` for more than a population holds.
    """
    if not experiment.further_seeds:
        return experiment
    programs = distinct_seeds(experiment)
    scores = score(programs, experiment, data.select or data.search, "select", "jit").fitness_list
    first = max(range(len(programs)), key=lambda at: scores[at])
    others = tuple(program for at, program in enumerate(programs) if at != first)
    return replace(experiment, program=programs[first], further_seeds=others)


def distinct_seeds(experiment: Experiment) -> list[Program]:
    """The different seed programs, sorted by their text. Raises ``SettingsError`` for more than a population holds."""
    programs = sorted(set(experiment.seed_programs), key=str)
    if len(programs) > (room := experiment.search.population):
        raise SettingsError(
            "seed", f"{len(programs)} seed programs do not fit a population of {room}: give fewer, or more room"
        )
    return programs


def make_plans(experiment: Experiment, data: Sequence[TaskSets]) -> tuple[Plan, ...]:
    """The plans of each stage and of the run's own tasks. Raises ``SettingsError``."""
    own = data[-1].islands
    return tuple(_plan(experiment.of_stage(number), sets, own) for number, sets in enumerate(data))


def _plan(experiment: Experiment, data: TaskSets, own: tuple[TaskSet, ...]) -> Plan:
    group, task_sets = first_group(experiment.search, data.search), (data.search, *own)
    space, islands = make_space(experiment, group), make_islands(experiment, task_sets)
    judge = Judge(experiment, space, data.search, data.select or data.search, data.test)
    common = make_schedule(experiment.search, space, group)

    def schedule(own: IslandPlan) -> Schedule:
        if not own.tasks and own.search.epoch == experiment.search.epoch:
            return common
        return make_schedule(own.search, own.space, task_sets[own.tasks])

    schedules = Schedules(tuple(map(schedule, islands)))
    groups = data.search.tasks // group.tasks
    shares = costs(group, experiment.search)
    return Plan(experiment, space, islands, task_sets, judge, schedules, shares, groups, data.words)


def digest(data: Sequence[TaskSets]) -> str:
    """A digest of all examples; without stages, that of the run's own task sets."""
    digests = [sets.digest for sets in data]
    return digests[0] if len(digests) == 1 else hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()
