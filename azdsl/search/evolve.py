"""A search from settings to result.

How data flows: the settings give T_search, T_select and T_test (other tasks, with other seeds of the programs'
own draws), a search space and S islands. Islands run epochs of the same number of candidates, on as
many threads as there are workers. At the end of each, an island leaves its standing for the meeting: its best
programs and what it counted. The meeting is held in one thread when all standings are there: the best programs are
compared on T_select in float64, the hall of fame takes in what is new, a line of events and perhaps a checkpoint are
written, and stopping conditions are looked at. Meanwhile the islands run their next epoch, at whose end the best of the meeting
migrate. At the end of the run all finalists are compared on T_select, the best is the answer, and it is scored once on
T_test. The result for a seed does not depend on the number of workers, on where time slices ended or on interruptions.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from azdsl import atomic
from azdsl import tasks as make
from azdsl.config.experiment import EVOLVABLE, Experiment
from azdsl.config.search import SettingsError
from azdsl.config.tasks import FileTask, relocated
from azdsl.ir import FUNCTIONS
from azdsl.search.display.progress import Reporter
from azdsl.search.display.reporters import explained, make_reporter
from azdsl.search.islands.executor import Executor, ExecutorError, Placement
from azdsl.search.islands.island_report import make_report
from azdsl.search.islands.plan import STOPS, Plan, without_stops
from azdsl.search.islands.schedule import make_schedule
from azdsl.search.islands.selection import Judge
from azdsl.search.islands.workers import ThreadExecutor, default_workers, interruptible, make_context, warm_up
from azdsl.search.kernel.canonical import Scratch, make_scratch
from azdsl.search.kernel.hurdles import costs
from azdsl.search.kernel.population import make_island, write_initial
from azdsl.search.kernel.space import island_spaces, make_space
from azdsl.search.kernel.task_groups import first_group
from azdsl.search.recorder import Recorder
from azdsl.search.result import Result
from azdsl.search.rundir import artifacts, checkpoint, names
from azdsl.search.rundir import directory as rundir
from azdsl.search.rundir.directory import RunDirectory
from azdsl.search.session import OnEpoch, Session
from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet

__all__ = ["Result", "run"]

RUNS = Path("runs")
"""Where the command line puts run directories."""


@dataclass(frozen=True)
class _Tasks:
    """The three task sets, and whether the search's came from Python."""

    search: TaskSet
    select: TaskSet
    test: TaskSet
    from_python: bool

    @property
    def digest(self) -> str:
        """A digest of all examples."""
        digest = hashlib.blake2b(digest_size=16)
        for tasks in (self.search, self.select, self.test):
            for array in (tasks.train_X, tasks.train_y, tasks.valid_X, tasks.valid_y):
                digest.update(repr((array.shape, tasks.metric, tasks.epoch_length, tasks.epochs)).encode())
                digest.update(np.ascontiguousarray(array).data)
            tasks.rest()
        return digest.hexdigest()


def run(
    experiment: Experiment | None,
    *,
    base_dir: Path | None = None,
    tasks: TaskSet | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    workers: int | None = None,
    resume: str | Path | None = None,
    quiet: bool = False,
    on_epoch: OnEpoch | None = None,
    placement: Placement | None = None,
) -> Result:
    """Search for a better program than the experiment's.

    Paths in the experiment count from ``base_dir``. ``tasks`` replaces the search's task set; without a task
    statement, programs are compared and scored on it too. ``out`` is a new directory to write; with ``name``
    it is the next free ``runs/<name>-<n>``; with neither nothing is written. ``resume`` is a run directory to
    go on with: ``experiment`` may be None, or differ in when to stop. ``on_epoch`` gets a ``Snapshot`` after every
    epoch and stops the search by returning true. ``placement`` is where islands run, if not in threads of this process.
    Raises ``SettingsError``, ``TaskError``, ``ExecutorError`` and ``OSError``.
    """
    if workers is not None and placement is not None:
        raise SettingsError("workers", "a cluster has the workers that it has: leave out workers")
    if workers is not None and workers < 1:
        raise SettingsError("workers", f"workers must be at least 1, not {workers}")
    if resume is not None and out is not None:
        raise SettingsError("out", "a run that is resumed stays in its directory: leave out")
    reporter = make_reporter(quiet)
    path = Path(resume) if resume is not None else None
    default_task = experiment is not None and experiment.task is None and tasks is None
    if path:
        experiment, base_dir = _stored(path, experiment, base_dir, tasks), path
    if experiment is None:
        raise SettingsError("seed", "nothing to search from: give an experiment, or a run directory to resume")
    if experiment.task is None and tasks is None:
        experiment = replace(experiment, task=make.DEFAULT_TASK)
    with explained(reporter, "making the tasks (kept for the next start; azdsl cache shows them) …"):
        data = _tasks(experiment, tasks, base_dir)
    group = first_group(experiment.search, data.search)
    space, spaces = make_space(experiment, group), island_spaces(experiment, group)
    shares = costs(group, experiment.search)
    if path is None and (out is not None or name is not None):
        path = rundir.create(Path(out)) if out is not None else rundir.create_next(RUNS, str(name))
        experiment = _localized(experiment, base_dir, path)
    with rundir.locked(path):
        if path and resume is None:
            _write_settings(path, experiment, data)
        elif path:
            _check_data(path, data)
        judge = Judge(experiment, space, data.search, data.select, data.test)
        schedule = make_schedule(experiment.search, space, group)
        plan = Plan(experiment, space, spaces, judge, schedule, shares, data.search.tasks // group.tasks)
        idle = "" if workers or resume is not None else _idle(placement, experiment.search.islands)
        workers = min(workers or default_workers(), experiment.search.islands)
        busy = placement.describe() if placement else f"{workers} worker{'s' if workers > 1 else ''}"
        _introduce(reporter, experiment, busy + idle, path, default_task)
        with explained(reporter, "compiling the engine (the first start on this machine takes about a minute) …"):
            scratch = _scratch(plan, group)
            executor = placement.start(plan, data.search) if placement else _threads(plan, data.search, workers)
        islands = [make_island(space, experiment, number) for number in range(experiment.search.islands)]
        for own, island in zip(spaces, islands, strict=True):
            write_initial(own, experiment, island)
        directory = RunDirectory(path, _warning(reporter, quiet)) if path else None
        session = Session(plan, islands, executor, scratch, Recorder(plan, reporter, directory))
        if directory:
            _take_up(session, directory, _warning(reporter, quiet))
        if path and resume is not None:
            _write_settings(path, experiment, data)
        try:
            return _search(session, data, on_epoch, path)
        finally:
            reporter.close()


def _search(session: Session, data: _Tasks, on_epoch: OnEpoch | None, path: Path | None) -> Result:
    """Run to the end, choose the answer, score it, write everything; what stops a search does not stop the writing."""
    with interruptible() as asked:
        try:
            reason = session.go(asked, on_epoch)
        except ExecutorError as error:
            if path is None:
                raise
            session.save()
            raise ExecutorError(f"{error}\nwhat was found is kept; to go on: azdsl evolve --resume {path}") from error
        return _conclude(session, data, reason, path)


def _conclude(session: Session, data: _Tasks, reason: str, path: Path | None) -> Result:
    """Choose the answer, score it, write everything. ``reason`` says why the search stopped."""
    plan, seconds = session.plan, session.seconds
    ended = session.finish()
    chosen = ended.answer
    test_fitness, by_task = plan.judge.final(chosen.found.program)
    session.recorder.publish(chosen, ended.hall_of_fame, ended.evaluations, test_fitness)
    task, search = plan.experiment.task, plan.search
    table = isinstance(task, FileTask) and data.test.metric == "rmse"
    interrupted = reason == "interrupted"
    result = Result(
        best=chosen.found.program,
        fitness=chosen.fitness,
        test_fitness=test_fitness,
        search_fitness=chosen.found.search_fitness,
        evaluations=ended.evaluations,
        seconds=seconds,
        run_dir=path,
        layers=ended.layers,
        reached=chosen.fitness >= search.target or (search.target > 1.0 and not interrupted),
        interrupted=interrupted,
        stopped=reason,
        metric=data.test.metric,
        history=tuple(session.recorder.history),
        test_rmse=_mean(data.test.rmse(by_task)) if table else None,
        mean_rmse=_mean(data.test.mean_rmse()) if table else None,
        experiment=plan.experiment,
        hall_of_fame=ended.hall_of_fame,
        task_fitness=tuple(by_task),
        hurdles=ended.hurdles,
    )
    session.recorder.add_result(result.as_dict())
    return result


def _mean(errors: list[float]) -> float | None:
    """The mean over tasks; None when a task failed."""
    mean = sum(errors) / len(errors)
    return mean if math.isfinite(mean) else None


def _tasks(experiment: Experiment, given: TaskSet | None, base_dir: Path | None) -> _Tasks:
    """The task sets of the three roles."""
    task, seed = experiment.task, experiment.search.seed
    if task is None:
        assert given is not None
        return _Tasks(given, given, given, True)
    search = given or make.build(task, seed, "search", base_dir)
    data = _Tasks(
        search, make.build(task, seed, "select", base_dir), make.build(task, seed, "test", base_dir), given is not None
    )
    if (search.features, search.metric) != (data.select.features, data.select.metric):
        kinds = [f"{tasks.features} features, {tasks.metric}" for tasks in (search, data.select)]
        raise SettingsError("tasks", f"the tasks given ({kinds[0]}) are not of the experiment's kind ({kinds[1]})")
    return data


def _stored(path: Path, experiment: Experiment | None, base_dir: Path | None, tasks: TaskSet | None) -> Experiment:
    """The experiment of a run directory, with the stopping conditions of ``experiment`` when it is given."""
    config = rundir.read_config(path)
    stored = load_experiment(path / names.SEED)
    if config["run"].get("tasks_from_python") and tasks is None:
        raise SettingsError("resume", f"the tasks of {path} came from Python: resume it there, with the same tasks=")
    if experiment is None:
        return stored
    given = _localized(experiment, base_dir, path)
    if given.task is None and tasks is None:
        given = replace(given, task=make.DEFAULT_TASK)
    if str(without_stops(given)) != str(without_stops(stored)):
        may = ", ".join(STOPS)
        raise SettingsError(
            "resume", f"{path} is a run with other settings; a run that is resumed can change only {may}"
        )
    return given


def _localized(experiment: Experiment, base_dir: Path | None, directory: Path) -> Experiment:
    """The experiment with a relative path of its data as seen from ``directory``."""

    def move(path: str) -> str:
        return Path(os.path.relpath((base_dir or Path()) / path, directory)).as_posix()

    return replace(experiment, task=relocated(experiment.task, move))


def _check_data(path: Path, data: _Tasks) -> None:
    """Raise ``SettingsError`` when a run that is resumed is of other data."""
    if rundir.read_config(path)["run"].get("data") != data.digest:
        raise SettingsError("resume", f"the data of {path} have changed since it started: it cannot go on with others")


def _write_settings(path: Path, experiment: Experiment, data: _Tasks) -> None:
    """Write the settings of a run that begins or is resumed: it has no result yet.

    Raises ``SettingsError``, with all files as they were, if the settings would not be read back.
    """
    seed = artifacts.seed_text(experiment)
    config = artifacts.config_text(experiment, data.digest, data.from_python)
    (path / names.RESULT).unlink(missing_ok=True)
    atomic.write(path / names.SEED, seed)
    atomic.write(path / names.CONFIG, config)


def _take_up(session: Session, directory: RunDirectory, warn: Callable[[str], None]) -> None:
    """Go on from the newest checkpoint that can be used, or from the beginning where there never was one.

    Raises ``SettingsError`` when there is none that can be used: what was found would be overwritten.
    """
    try:
        saved, problems = checkpoint.read(directory.path)
    except checkpoint.OtherSchema as error:
        way = f"go on with the azdsl that wrote it, which {names.CONFIG} names, or start anew from its {names.SEED}"
        raise SettingsError("resume", f"{error}; {way}") from None
    if problems and saved is None:
        way = "put back a whole copy of one, or start anew from its"
        raise SettingsError(
            "resume", f"{'; '.join(problems)}; no other is beside it, and nothing was changed: {way} {names.SEED}"
        )
    for problem in problems:
        warn(f"{problem}; going on from the one before")
    if saved is None:
        directory.rewind(0)
        return
    if saved.facts.get("identity") != session.plan.identity:
        raise SettingsError("resume", f"the checkpoint in {directory.path} is of other settings than its {names.SEED}")
    try:
        session.resume(saved)
    except checkpoint.Damaged as error:
        raise SettingsError("resume", f"the checkpoint in {directory.path} cannot be used: {error}") from None
    session.recorder.history += directory.rewind(saved.facts["events_bytes"])


def _scratch(plan: Plan, tasks: TaskSet) -> Scratch:
    """Working memory for the islands' meetings, and all code that these need compiled."""
    scratch = make_scratch(plan.space, tasks.tasks)
    smallest = replace(plan.experiment, search=replace(plan.search, cache=16))
    island = make_island(plan.space, smallest, 0)
    write_initial(plan.space, smallest, island)
    make_report(plan.space, smallest.search, island, scratch)
    plan.judge.fitness([plan.experiment.program])
    return scratch


def _threads(plan: Plan, tasks: TaskSet, workers: int) -> Executor:
    """An executor of threads, after all code is compiled."""
    first = make_context(plan.experiment, plan.space, tasks)
    contexts = [first, *(make_context(plan.experiment, plan.space, tasks, first) for _ in range(workers - 1))]
    warm_up(plan.experiment, plan.space, contexts[0])
    return ThreadExecutor(plan.spaces, contexts)


def _introduce(reporter: Reporter, experiment: Experiment, busy: str, path: Path | None, default_task: bool) -> None:
    """What will be searched, with what, and where results go."""
    search, task = experiment.search, experiment.task
    described = make.describe(task) if task else "given from Python"
    described += f", {search.tasks_per_evaluation} tasks at a time" if search.tasks_per_evaluation else ""
    reporter.say(
        f"task      {described}" + (" (the file names no task: this is the built-in one)" if default_task else "")
    )
    reporter.say(f"ops       {_ops(experiment)}")
    several = "s" if search.islands > 1 else ""
    reporter.say(
        f"search    {search.islands} island{several} of {search.population:,} programs, seed {search.seed}, {busy}"
    )
    if path:
        reporter.say(f"results   {path}")


def _idle(placement: Placement | None, islands: int) -> str:
    """What to say when there are fewer islands than could go on at a time: how many would be enough."""
    if placement:  # two for each worker, so that it has one while another travels
        places = placement.slots()
        return f"; islands={2 * places} would keep them all busy" if places > islands else ""
    cores = default_workers()
    return f"; islands={cores} would use all {cores} cores" if cores > islands else ""


def _ops(experiment: Experiment) -> str:
    """The ops in words."""
    if len(set(experiment.ops)) == 1:
        ops = experiment.ops[0]
        return f"all {len(EVOLVABLE)}" if ops == EVOLVABLE else ", ".join(op.name for op in ops)
    return ", ".join(f"{len(ops)} in {name}" for name, ops in zip(FUNCTIONS, experiment.ops, strict=True))


def _warning(reporter: Reporter, quiet: bool) -> Callable[[str], None]:
    """Warnings are shown even when nothing else is."""

    def warn(message: str) -> None:
        if quiet:
            print(f"warning: {message}", file=sys.stderr, flush=True)
        else:
            reporter.say(f"warning: {message}")

    return warn
