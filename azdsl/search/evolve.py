"""A search from settings to result.

The settings give the task sets T_search, T_select and T_test, a search space and S islands. Islands run epochs of a
fixed number of candidates, as many at a time as there are workers. At the end of an epoch each island emits a report with
its best programs and counts. After the last report of an epoch, one thread holds the exchange: the best programs are
compared on T_select, the hall of fame is updated, an event and perhaps a checkpoint are written, and the stopping
conditions are checked. Meanwhile the islands run their next epoch; at its end they receive the immigrants of that exchange.
At the end of the run all finalists are compared on T_select; one is chosen and scored once on T_test,
beside the seed program and the trivial baseline; it is the answer if it is better than both, else the seed program is, with tuned
constants if these are better on T_select.
The result depends on the seed program, the settings and the data, not on the number of workers, time slices or interruptions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from azdsl import atomic
from azdsl import tasks as make
from azdsl.config.experiment import Experiment, Stage
from azdsl.config.search import SettingsError
from azdsl.config.tasks import FileTask
from azdsl.messages import printable
from azdsl.search.display.introduction import introduction
from azdsl.search.display.progress import Reporter
from azdsl.search.display.reporters import explained, make_reporter
from azdsl.search.islands.answer import make_answer
from azdsl.search.islands.executor import Executor, ExecutorError, Placement
from azdsl.search.islands.island_report import make_report
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.proposals import check_populations
from azdsl.search.islands.run_state import PastStage, numbered
from azdsl.search.islands.workers import ThreadExecutor, default_workers, interruptible, make_contexts, warm_up
from azdsl.search.kernel.canonical import Scratch, make_scratch
from azdsl.search.kernel.population import make_island, write_initial
from azdsl.search.kernel.task_groups import group_size
from azdsl.search.planning import best_seed_first, digest, make_all_task_sets, make_plans
from azdsl.search.proposer import Function, Proposer, Source, make_source
from azdsl.search.recorder import Recorder
from azdsl.search.result import Result
from azdsl.search.rundir import checkpoint, names
from azdsl.search.rundir import directory as rundir
from azdsl.search.rundir.directory import RunDirectory
from azdsl.search.rundir.settings_files import check_data, check_proposals, localized, stored_experiment, write_settings
from azdsl.search.session import INTERRUPTED, OnEpoch, Session
from azdsl.search.task_sets import Given, TaskSets
from azdsl.taskset import TaskSet

__all__ = ["Result", "run"]

RUNS = Path("runs")
"""The parent of run directories that are named for their seed program."""


@dataclass(frozen=True)
class _Run:
    """A run whose settings and data are valid: ``plans`` and ``data`` of its stages and of its own task; ``path`` is its directory."""

    plans: tuple[Plan, ...]
    data: tuple[TaskSets, ...]
    path: Path | None = None
    resumed: bool = False

    @property
    def plan(self) -> Plan:
        """The plan of the run's own task."""
        return self.plans[-1]

    @property
    def own(self) -> TaskSets:
        """The task sets of the run's own task."""
        return self.data[-1]

    @property
    def experiment(self) -> Experiment:
        """The experiment as the files of the run state it."""
        return self.plan.experiment

    def write_settings(self) -> None:
        """Write the settings, if there is a directory."""
        if self.path:
            given = self.own.search.metric if self.own.from_python else None
            write_settings(self.path, self.experiment, digest(self.data), given)

    def in_directory(self, path: Path, base_dir: Path | None) -> _Run:
        """The run with its directory, from which the paths of its experiment then count."""
        whole = localized(self.experiment, base_dir, path)
        own = [whole.of_stage(number) for number in range(len(self.plans))]
        plans = [
            replace(plan, experiment=experiment, judge=replace(plan.judge, experiment=experiment))
            for plan, experiment in zip(self.plans, own, strict=True)
        ]
        return replace(self, plans=tuple(plans), path=path)


def run(
    experiment: Experiment | None,
    *,
    base_dir: Path | None = None,
    tasks: TaskSet | None = None,
    select: TaskSet | None = None,
    test: TaskSet | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    workers: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    quiet: bool = False,
    on_epoch: OnEpoch | None = None,
    proposals: Function | str | None = None,
    placement: Placement | None = None,
) -> Result:
    """Search for a better program than the experiment's.

    Relative paths in the experiment count from ``base_dir``. ``tasks``, ``select`` and ``test`` replace the
    search, selection and test tasks; without a task statement, ``make_task_sets`` says what is held out. ``out`` is a new
    directory for the run; with ``name`` it is the next free ``runs/<name>-<n>``; with neither nothing is written.
    ``resume`` is the directory of a run to continue: ``experiment`` may be None, or differ in its stopping conditions.
    ``on_epoch`` gets a ``Snapshot`` after every exchange and stops the search by returning true. ``proposals`` is called with the hall of
    fame once an epoch and gives programs to try; or it is a command that reads and prints them (``search.proposer``), or
    the ``proposals.jsonl`` of a run, which is repeated. Islands run in ``workers``
    threads of this process, or in ``placement``.
    Raises ``SettingsError``, ``TaskError``, ``ExecutorError`` and ``OSError``.
    """
    _check_options(workers, placement, resume, out)
    source = None if proposals is None else make_source(proposals)
    reporter, given = make_reporter(quiet), Given(tasks, select, test)
    warn = _warning(reporter, quiet)
    if resume is not None:
        prepared = _resume(Path(resume), experiment, given, base_dir, reporter)
        check_proposals(Path(resume), source is not None)
    else:
        prepared = _start(experiment, given, base_dir, reporter)
        if source:
            check_populations(prepared.plan)
        if out is not None or name is not None:
            path = rundir.create(Path(out)) if out is not None else rundir.create_next(RUNS, str(name))
            prepared = prepared.in_directory(path, base_dir)
    default_task = experiment is not None and experiment.task is None and tasks is None
    with rundir.locked(prepared.path):
        if prepared.path and prepared.resumed:
            check_data(prepared.path, digest(prepared.data))
        else:
            if prepared.path and source:
                atomic.write(prepared.path / names.PROPOSALS, "")
            prepared.write_settings()
        for line in introduction(prepared.plan, _workers(prepared, workers, placement), prepared.path, default_task):
            reporter.say(line)
        session = _session(prepared, workers, placement, reporter, warn, source)
        try:
            return _search(session, prepared, on_epoch)
        finally:
            reporter.close()


def _check_options(
    workers: int | None,
    placement: Placement | None,
    resume: str | os.PathLike[str] | None,
    out: str | os.PathLike[str] | None,
) -> None:
    """Raise ``SettingsError`` for arguments of ``run`` that exclude each other or are out of range."""
    if workers is not None and placement is not None:
        raise SettingsError("workers", "a cluster has its own workers: leave out workers")
    if workers is not None and workers < 1:
        raise SettingsError("workers", f"workers must be at least 1, not {workers}")
    if resume is not None and out is not None:
        raise SettingsError("out", "a resumed run stays in its directory: leave out the setting out")


def _start(experiment: Experiment | None, given: Given, base_dir: Path | None, reporter: Reporter) -> _Run:
    """A new run, without a directory."""
    if experiment is None:
        raise SettingsError("seed", "there is nothing to search from: give an experiment, or a run directory to resume")
    experiment = _with_task(experiment, given)
    with explained(reporter, "making the tasks (kept in the cache directory for the next start) …"):
        data = make_all_task_sets(experiment, given, base_dir)
    experiment = best_seed_first(experiment, data[-1])
    return _Run(make_plans(experiment, data), data)


def _with_task(experiment: Experiment, given: Given) -> Experiment:
    """The experiment with the default task, unless it has one or the tasks of the search are given."""
    return (
        replace(experiment, task=make.DEFAULT_TASK) if experiment.task is None and given.search is None else experiment
    )


def _resume(path: Path, experiment: Experiment | None, given: Given, base_dir: Path | None, reporter: Reporter) -> _Run:
    """The run in ``path``, with the stopping conditions of ``experiment`` unless it is None."""
    rundir.check_files(path)
    wanted = None if experiment is None else _with_task(experiment, given)
    stored = stored_experiment(path, wanted, base_dir, bool(given))
    return replace(_start(stored, given, path, reporter), path=path, resumed=True)


def _session(
    prepared: _Run,
    workers: int | None,
    placement: Placement | None,
    reporter: Reporter,
    warn: Callable[[str], None],
    source: Source | None,
) -> Session:
    """The islands of a run and what runs them: at their start, or as in the newest checkpoint of a run that is resumed."""
    plans, experiment, plan = prepared.plans, prepared.experiment, prepared.plans[0]
    with explained(reporter, "compiling the engine (takes about a minute at the first start on this machine) …"):
        executors, judged = list[Executor](), list[Plan]()
        for each in plans:
            if placement:
                executors.append(placement.start(each))
                judged.append(each)
            else:
                threads = _threads(each, _threads_of(experiment, workers))
                executors.append(threads)
                judged.append(_sharing(each, threads))
        scratch = _scratch(prepared)
    islands = [make_island(own.space, own.experiment, number) for number, own in enumerate(plan.islands)]
    for own, island in zip(plan.islands, islands, strict=True):
        write_initial(own.space, plan.experiment, island)
    directory = RunDirectory(prepared.path, warn) if prepared.path else None
    proposer = Proposer(source, warn, directory) if source else None
    recorder = Recorder(plan, prepared.plan, reporter, directory)
    session = Session(judged, islands, executors, scratch, recorder, proposer)
    if directory and prepared.resumed:
        _restore(session, directory, warn)
        if proposer:
            proposer.resume(session.state.epoch)
        prepared.write_settings()
    return session


def _sharing(plan: Plan, threads: ThreadExecutor) -> Plan:
    """The plan, whose judge shares the examples in memory with the threads that search on all tasks."""
    if plan.groups > 1:
        return plan
    return replace(plan, judge=replace(plan.judge, like=threads.contexts[0][0].groups[0]))


def _threads_of(experiment: Experiment, workers: int | None) -> int:
    """The number of threads: no more than there are islands."""
    return min(workers or default_workers(), experiment.search.islands)


def _workers(prepared: _Run, workers: int | None, placement: Placement | None) -> str:
    """A description of what runs the islands; with the number of islands for which no worker would be idle."""
    islands = prepared.experiment.search.islands
    threads = _threads_of(prepared.experiment, workers)
    busy = placement.describe() if placement else f"{threads} worker{'s' if threads > 1 else ''}"
    if workers or prepared.resumed:
        return busy
    if placement:  # two for each worker, so that it has one while another is transferred
        slots = placement.slots()
        return f"{busy}; islands={2 * slots} would keep them all busy" if slots > islands else busy
    cores = default_workers()
    return f"{busy}; islands={cores} would use all {cores} cores" if cores > islands else busy


def _search(session: Session, prepared: _Run, on_epoch: OnEpoch | None) -> Result:
    """Search until the end and conclude the run, also after an interruption."""
    with interruptible() as asked:
        try:
            reason = session.go(asked, on_epoch)
        except ExecutorError as error:
            if prepared.path is None:
                raise
            session.save()
            raise ExecutorError(
                f"{error}\nthe run was saved; to resume it: azdsl evolve --resume {prepared.path}"
            ) from error
        return _conclude(session, prepared, reason)


def _conclude(session: Session, prepared: _Run, reason: str) -> Result:
    """Choose the answer, score it and write the results. ``reason`` is why the search stopped."""
    plan, seconds = session.plans[-1], session.seconds
    ended = session.finish()
    data, interrupted = prepared.own, reason == INTERRUPTED
    found = make_answer(
        plan.judge, ended.chosen, ended.finalists, ended.hall_of_fame, ended.evaluations, tune=not interrupted
    )
    answer, ending = found.finalist, found.ending
    session.recorder.publish(answer, ended.hall_of_fame, ended.evaluations, ending)
    table = isinstance(plan.experiment.task, FileTask) and ending.held_out and ending.metric == "rmse"
    result = Result(
        best=answer.found.program,
        fitness=answer.fitness if data.select else None,
        test_fitness=ending.best.fitness if ending.held_out else None,
        search_fitness=answer.found.search_fitness,
        evaluations=ended.evaluations,
        seconds=seconds,
        run_dir=prepared.path,
        layers=ended.layers,
        reached=ended.chosen.fitness >= plan.search.target or (plan.search.target > 1.0 and not interrupted),
        interrupted=interrupted,
        stopped=reason,
        metric=ending.metric,
        history=tuple(session.recorder.history),
        test_rmse=ending.best.units if table else None,
        mean_rmse=ending.baseline.units if table else None,
        experiment=plan.experiment,
        hall_of_fame=ended.hall_of_fame,
        task_fitness=found.task_fitness if ending.held_out else (),
        hurdles=ended.hurdles,
        fec_sample=ended.fec_sample,
        ending=ending,
        tasks=plan.tasks if data.words else "",
        proposals=session.proposer.counts if session.proposer else None,
        stages=tuple(_summary(number, plan.experiment.stages[number], past) for number, past in numbered(ended.past)),
    )
    session.recorder.add_result(result.as_dict())
    return result


def _summary(number: int, stage: Stage, past: PastStage) -> dict[str, Any]:
    """A stage that ended, as the result states it: its number counted from 1, the same for each attempt at it."""
    return {
        "number": number + 1,
        "stage": str(stage),
        "evaluations": past.evaluations,
        "fitness": past.fitness,
        "stopped": past.reason,
        "program": str(past.answer),
    }


def _restore(session: Session, directory: RunDirectory, warn: Callable[[str], None]) -> None:
    """Restore the newest valid checkpoint; without any checkpoint the run starts from its beginning.

    Raises ``SettingsError`` if there are only invalid checkpoints: the results so far would be overwritten.
    """
    try:
        saved, problems = checkpoint.read(directory.path)
    except checkpoint.OtherSchema as error:
        way = f"resume with the version of azdsl that {names.CONFIG} names, or start a new run from its {names.SEED}"
        raise SettingsError("resume", f"{error}; {way}") from None
    if problems and saved is None:
        way = f"restore a copy of the checkpoint, or start a new run from its {names.SEED}"
        raise SettingsError("resume", f"{'; '.join(problems)}; no other is beside it, and nothing was changed: {way}")
    for problem in problems:
        warn(f"{problem}; the run resumes from the previous checkpoint")
    if saved is None:
        directory.rewind(0)
        return
    if saved.facts.get("identity") != session.plans[-1].identity:
        raise SettingsError(
            "resume",
            f"the checkpoint in {directory.path} was written with other settings than those of its {names.SEED}",
        )
    try:
        session.resume(saved)
    except checkpoint.Damaged as error:
        raise SettingsError("resume", f"the checkpoint in {directory.path} cannot be used: {error}") from None
    session.recorder.history += directory.rewind(saved.facts["events_bytes"])


def _scratch(prepared: _Run) -> Scratch:
    """The working memory of exchanges, after all code that they need is compiled."""
    plan = prepared.plan
    scratch = make_scratch(
        plan.space,
        max(group_size(each.search, each.judge.search) for each in prepared.plans),
    )
    smallest = replace(plan.experiment, search=replace(plan.search, cache=16))
    island = make_island(plan.space, smallest, 0)
    write_initial(plan.space, smallest, island)
    make_report(plan.space, smallest.search, island, scratch)
    plan.judge.fitness([plan.experiment.program])
    return scratch


def _threads(plan: Plan, workers: int) -> ThreadExecutor:
    """An executor of threads, after all code is compiled."""
    first = make_contexts(plan.experiment, plan.space, plan.task_sets)
    others = [make_contexts(plan.experiment, plan.space, plan.task_sets, first) for _ in range(workers - 1)]
    warm_up(plan.experiment, plan.space, first[0])
    return ThreadExecutor(plan.islands, [first, *others])


def _warning(reporter: Reporter, quiet: bool) -> Callable[[str], None]:
    """A function that shows a warning, on standard error if nothing else is shown."""

    def warn(message: str) -> None:
        if quiet:
            print(printable(f"warning: {message}"), file=sys.stderr, flush=True)
        else:
            reporter.say(f"warning: {message}")

    return warn
