"""The plans of a run, one for each stage and one for the run's own tasks, and the task sets that they are for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from azdsl.config.experiment import Experiment, Stage
from azdsl.config.search import SettingsError
from azdsl.config.task import Task
from azdsl.config.tasks import FileTask, SklearnTask
from azdsl.scoring import score
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.schedule import make_schedule
from azdsl.search.islands.selection import Judge
from azdsl.search.kernel.hurdles import costs
from azdsl.search.kernel.space import island_spaces, make_space
from azdsl.search.kernel.task_groups import first_group
from azdsl.search.task_sets import Given, TaskSets, make_task_sets
from azdsl.tasks.places import place_of


def make_all_task_sets(experiment: Experiment, given: Given, base_dir: Path | None) -> tuple[TaskSets, ...]:
    """The task sets of each stage, then those of the run's own task, where ``given`` counts (``make_task_sets``).

    Raises ``TaskError``, and ``SettingsError`` for a stage whose labels and predictions are in other registers, or that could search on
    held-out rows of the run's own table.
    """
    own = make_task_sets(experiment, given, base_dir)
    stages = []
    for number, stage in enumerate(experiment.stages):
        _check_rows(stage, experiment.task, base_dir)
        sets = own if stage.task is None else make_task_sets(experiment.of_stage(number), Given(), base_dir)
        if sets.search.metric_definition.vector != own.search.metric_definition.vector:
            metrics = f"{sets.search.metric}, that of the run's own task is {own.search.metric}"
            raise SettingsError(
                "stage", f"{stage}: its metric is {metrics}: predictions would be in another register; use another task"
            )
        stages.append(sets)
    return (*stages, own)


def _check_rows(stage: Stage, own: Task | None, base_dir: Path | None) -> None:
    """Check that a stage on the run's own table splits its rows as the run does. Raises ``SettingsError``."""
    task = stage.task
    if not (isinstance(task, FileTask) and isinstance(own, FileTask)):
        return
    if _table(task, base_dir) != _table(own, base_dir):
        return
    names = ("select", "test") + (
        ("missing", "columns", "target_column") if "drop" in (task.missing, own.missing) else ()
    )
    for name in names:
        if getattr(task, name) != getattr(own, name):
            raise SettingsError(
                "stage",
                f"{stage}: it would search on rows of {own.data} that the run holds out: "
                f"set {name} as in the run's own task, since it decides how rows are split",
            )


def _table(task: FileTask, base_dir: Path | None) -> str | Path:
    """What two tasks on the same table have in common: the name of a bundled data set, or the file, however its path is written."""
    return task.data if isinstance(task, SklearnTask) else place_of(task.data, base_dir).resolve()


def best_seed_first(experiment: Experiment, data: TaskSets) -> Experiment:
    """The experiment with its best seed program on the selection tasks as ``program``, the one that the answer is compared with.

    The order in which several seed programs are given does not matter.
    """
    if not experiment.further_seeds:
        return experiment
    programs = sorted(set(experiment.seed_programs), key=str)
    scores = score(programs, experiment, data.select or data.search, "select", "jit").fitness_list
    first = max(range(len(programs)), key=lambda at: scores[at])
    others = tuple(program for at, program in enumerate(programs) if at != first)
    return replace(experiment, program=programs[first], further_seeds=others)


def make_plans(experiment: Experiment, data: Sequence[TaskSets]) -> tuple[Plan, ...]:
    """The plans of each stage and of the run's own tasks. Raises ``SettingsError``."""
    return tuple(_plan(experiment.of_stage(number), sets) for number, sets in enumerate(data))


def _plan(experiment: Experiment, data: TaskSets) -> Plan:
    group = first_group(experiment.search, data.search)
    space, spaces = make_space(experiment, group), island_spaces(experiment, group)
    judge = Judge(experiment, space, data.search, data.select or data.search, data.test)
    schedule = make_schedule(experiment.search, space, group)
    groups = data.search.tasks // group.tasks
    shares = costs(group, experiment.search)
    return Plan(experiment, space, spaces, judge, schedule, shares, groups, data.words)


def digest(data: Sequence[TaskSets]) -> str:
    """A digest of all examples; without stages, that of the run's own task sets."""
    digests = [sets.digest for sets in data]
    return digests[0] if len(digests) == 1 else hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()
