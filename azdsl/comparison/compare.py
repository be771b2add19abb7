"""Runs all algorithms with all seeds, several at a time, each in a thread of its own, and keeps what is finished.

Seeds decide the tasks and everything random, so all algorithms meet the same tasks. A run depends on its
algorithm, seed and settings alone: not on the number of workers, nor on what was finished before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from azdsl import tasks
from azdsl.comparison import BUDGET, REPETITIONS, store
from azdsl.comparison.result import Comparison
from azdsl.comparison.runs import Run, one_run, settings_of
from azdsl.experiment import Experiment
from azdsl.schema import check_names
from azdsl.search import rundir
from azdsl.search.evolve import RUNS
from azdsl.search.workers import default_workers, interruptible
from azdsl.settings import ALGORITHMS, SettingsError

Report = Callable[[Run | None, int, int], None]
"""Told of a finished run, and of how many of how many are finished now; None for those that were there before."""

_TICK_SECONDS = 0.2


def compare(
    experiment: Experiment,
    *,
    base_dir: Path,
    algorithms: Sequence[str] | None = None,
    seeds: Iterable[int] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    workers: int | None = None,
    report: Report = lambda run, done, planned: None,
) -> Comparison:
    """Run every algorithm with every seed on the experiment, or what is missing of that.

    Every run stops after ``max_evals`` candidates (default ``BUDGET``), or at the ``target``. ``out`` is the directory
    to write, or to go on with; with ``name`` it is the ``runs/<name>-<n>`` with these settings, or the next free one;
    with neither nothing is written. Raises ``SettingsError``, ``TaskError`` and ``OSError``.
    """
    chosen = _algorithms(algorithms)
    asked_seeds = list(dict.fromkeys(range(experiment.search.seed, experiment.search.seed + REPETITIONS) if seeds is None else seeds))
    if not asked_seeds or min(asked_seeds) < 0:
        raise SettingsError("seeds", "seeds must be one or more numbers from 0 on")
    if workers is not None and workers < 1:
        raise SettingsError("workers", f"workers must be at least 1, not {workers}")
    budget = experiment.search.max_evals or BUDGET
    shared = replace(experiment, task=experiment.task or tasks.DEFAULT_TASK, search=settings_of(experiment.search, budget))
    digest = store.identity(shared, base_dir)
    path = Path(out) if out is not None else store.find(RUNS, name, digest) if name is not None else None
    if path:
        store.begin(path, digest, shared)
    planned = [(algorithm, seed) for seed in asked_seeds for algorithm in chosen]
    with rundir.locked(path):
        wanted = set(planned)
        done = {run.key: run for run in (store.finished(path) if path else []) if run.key in wanted}
        report(None, len(done), len(planned))

        def keep(run: Run) -> None:
            done[run.key] = run
            if path:
                store.add(path, run)
            report(run, len(done), len(planned))

        _run_all(shared, base_dir, [key for key in planned if key not in done], workers or default_workers(), keep)
        target = shared.search.target if shared.search.target <= 1.0 else None
        title = f"{tasks.describe(shared.task or tasks.DEFAULT_TASK)}; {len(asked_seeds)} seeds"
        result = Comparison(title, budget, target, tuple(done[key] for key in planned if key in done), len(planned), path)
        if path:
            for file, text in result.files().items():
                rundir.write_text(path / file, text)
    return result


def _algorithms(names: Sequence[str] | None) -> list[str]:
    """The algorithms asked for, each once. Raises ``SettingsError`` for one that does not exist."""
    chosen = list(dict.fromkeys(ALGORITHMS if names is None else names))
    check_names("algorithms", "algorithm", chosen, ALGORITHMS)
    return chosen


def _run_all(experiment: Experiment, base_dir: Path, keys: Sequence[tuple[str, int]], workers: int, keep: Callable[[Run], None]) -> None:
    """Do all runs, ``workers`` at a time. Ctrl-C stops those that are going on; nothing of them is kept."""
    halted = threading.Event()
    with interruptible() as asked, ThreadPoolExecutor(workers) as pool:

        def halt() -> bool:
            return asked.is_set() or halted.is_set()

        def work(key: tuple[str, int]) -> Run | None:
            return None if halt() else one_run(experiment, *key, base_dir, halt)

        waiting = {pool.submit(work, key) for key in keys}
        try:
            while waiting:
                finished, waiting = wait(waiting, _TICK_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    run = future.result()
                    if run is not None:
                        keep(run)
        except BaseException:
            halted.set()
            raise
