"""Runs all algorithms, or variants of the settings, with all seeds, and keeps what is finished.

Several runs go at a time, each in a thread of its own.
Seeds decide the tasks and everything random, so all contestants meet the same tasks. A run depends on its
seed and settings alone: not on the number of workers, nor on what was finished before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from azdsl import atomic, tasks
from azdsl.comparison import BUDGET, REPETITIONS, store
from azdsl.comparison.result import Comparison
from azdsl.comparison.runs import Run, one_run, settings_of
from azdsl.config.experiment import Experiment
from azdsl.config.schema import check_names
from azdsl.config.search import ALGORITHMS, Search, SettingsError
from azdsl.search.evolve import RUNS
from azdsl.search.islands.workers import default_workers, interruptible
from azdsl.search.rundir import directory
from azdsl.setting_overrides import override

Report = Callable[[Run | None, int, int], None]
"""Told of a finished run, and of how many of how many are finished now; None for those that were there before."""

SHARED = ("seed", "max_evals", "target", "task", "images", "dataset", "path")
"""Settings that variants have in common: the seeds, the budget, what a success is, and where the data come from."""

_TICK_SECONDS = 0.2


def compare(
    experiment: Experiment,
    *,
    base_dir: Path,
    algorithms: Sequence[str] | None = None,
    variants: Sequence[Mapping[str, Any]] | None = None,
    seeds: Iterable[int] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    workers: int | None = None,
    report: Report = lambda run, done, planned: None,
) -> Comparison:
    """Run every algorithm with every seed on the experiment, or what is missing of that.

    With ``variants``, each of them settings laid over the experiment's as ``override`` does, run these and not algorithms.
    Every run stops after ``max_evals`` candidates (default ``BUDGET``), or at the ``target``. ``out`` is the directory
    to write, or to go on with; with ``name`` it is the ``runs/<name>-<n>`` with these settings, or the next free one;
    with neither nothing is written. Raises ``SettingsError``, ``TaskError`` and ``OSError``.
    """
    asked_seeds = list(
        dict.fromkeys(range(experiment.search.seed, experiment.search.seed + REPETITIONS) if seeds is None else seeds)
    )
    if not asked_seeds or min(asked_seeds) < 0:
        raise SettingsError("seeds", "seeds must be one or more numbers from 0 on")
    if workers is not None and workers < 1:
        raise SettingsError("workers", f"workers must be at least 1, not {workers}")
    budget = experiment.search.max_evals or BUDGET
    shared = replace(
        experiment, task=experiment.task or tasks.DEFAULT_TASK, search=replace(experiment.search, max_evals=budget)
    )
    if variants is None:
        shared = replace(shared, search=replace(shared.search, algorithm=Search().algorithm))
        chosen = _algorithms(shared, algorithms)
    elif algorithms is None:
        chosen = _variants(shared, variants, base_dir)
    else:
        raise SettingsError(
            "variants", "algorithms and variants exclude each other; a variant may have an algorithm of its own"
        )
    contestants = {name: replace(one, search=settings_of(one.search, budget)) for name, one in chosen.items()}
    digest = store.identity(shared, base_dir)
    path = Path(out) if out is not None else store.find(RUNS, name, digest) if name is not None else None
    if path:
        store.begin(path, digest, shared)
    planned = [(name, seed) for seed in asked_seeds for name in contestants]
    with directory.locked(path):
        wanted = set(planned)
        done = {run.key: run for run in (store.finished(path) if path else []) if run.key in wanted}
        report(None, len(done), len(planned))

        def keep(run: Run) -> None:
            done[run.key] = run
            if path:
                store.add(path, run)
            report(run, len(done), len(planned))

        _run_all(contestants, base_dir, [key for key in planned if key not in done], workers or default_workers(), keep)
        target = shared.search.target if shared.search.target <= 1.0 else None
        title = f"{tasks.describe(shared.task or tasks.DEFAULT_TASK)}; {len(asked_seeds)} seeds"
        result = Comparison(
            title, budget, target, tuple(done[key] for key in planned if key in done), len(planned), path
        )
        if path:
            for file, text in result.files().items():
                atomic.write(path / file, text)
    return result


def _algorithms(shared: Experiment, names: Sequence[str] | None) -> dict[str, Experiment]:
    """The experiment with each algorithm asked for, by its name. Raises ``SettingsError`` for one that does not exist."""
    chosen = ALGORITHMS if names is None else names
    check_names("algorithms", "algorithm", chosen, ALGORITHMS)
    return {name: replace(shared, search=replace(shared.search, algorithm=name)) for name in chosen}


def _variants(shared: Experiment, variants: Sequence[Mapping[str, Any]], base_dir: Path) -> dict[str, Experiment]:
    """The experiment with each variant's settings, by what they are. Raises ``SettingsError``."""
    if not variants:
        raise SettingsError("variants", "no variant is named")
    if fixed := [key for variant in variants for key in SHARED if key in variant]:
        raise SettingsError(fixed[0], f"variants cannot differ in {fixed[0]}: give it once, for all of them")
    return {_name(variant): override(shared, variant, base_dir) for variant in variants}


def _name(variant: Mapping[str, Any]) -> str:
    """What a variant is called: the settings that it has of its own."""
    return ", ".join(f"{key}={value}" for key, value in variant.items()) or "as given"


def _run_all(
    contestants: Mapping[str, Experiment],
    base_dir: Path,
    keys: Sequence[tuple[str, int]],
    workers: int,
    keep: Callable[[Run], None],
) -> None:
    """Do all runs, ``workers`` at a time. Ctrl-C stops those that are going on; nothing of them is kept."""
    halted = threading.Event()
    with interruptible() as asked, ThreadPoolExecutor(workers) as pool:

        def halt() -> bool:
            return asked.is_set() or halted.is_set()

        def work(key: tuple[str, int]) -> Run | None:
            return None if halt() else one_run(contestants[key[0]], *key, base_dir, halt)

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
