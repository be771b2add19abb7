"""Runs all algorithms, or variants of the settings, with all random seeds, and stores finished runs.

Runs are parallel, one per thread. A random seed determines the tasks and all random decisions, so all algorithms have the same
tasks. A run depends on its random seed and settings only, not on the number of workers or on earlier runs.
"""

from __future__ import annotations

import os
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
"""Called with a finished run, the number of finished runs and the planned number; first with None, for stored runs."""

SHARED = ("seed", "max_evals", "target", "task", "images", "dataset", "data")
"""Settings that variants share: random seeds, budget, target and data."""

_TICK_SECONDS = 0.2


def compare(
    experiment: Experiment,
    *,
    base_dir: Path,
    algorithms: Sequence[str] | None = None,
    variants: Sequence[Mapping[str, Any]] | None = None,
    seeds: Iterable[int] | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    workers: int | None = None,
    report: Report = lambda run, done, planned: None,
) -> Comparison:
    """Run every algorithm with every random seed on the experiment, except for stored runs.

    With ``variants``, settings that override the experiment's, these are compared and not algorithms. A run stops after
    ``max_evals`` candidates (default ``BUDGET``) or at the ``target``. ``out`` is the directory to write or continue; with
    ``name`` it is the directory ``runs/<name>-<n>`` with these settings, or the next free one; with neither nothing is
    written. Raises ``SettingsError``, ``TaskError`` and ``OSError``.
    """
    if workers is not None and workers < 1:
        raise SettingsError("workers", f"workers must be at least 1, not {workers}")
    if algorithms is not None and variants is not None:
        raise SettingsError("variants", "algorithms and variants exclude each other; a variant may set its algorithm")
    random_seeds = _random_seeds(experiment, seeds)
    shared = _shared(experiment, keep_algorithm=variants is not None)
    budget = shared.search.max_evals or BUDGET
    chosen = _algorithms(shared, algorithms) if variants is None else _variants(shared, variants, base_dir)
    experiments = {name: replace(one, search=settings_of(one.search, budget)) for name, one in chosen.items()}
    digest = store.identity(shared, base_dir)
    path = Path(out) if out is not None else store.find(RUNS, name, digest) if name is not None else None
    if path:
        store.begin(path, digest, shared)
    planned = [(name, seed) for seed in random_seeds for name in experiments]
    with directory.locked(path):
        wanted = set(planned)
        done = {run.key: run for run in (store.finished(path) if path else []) if run.key in wanted}
        report(None, len(done), len(planned))

        def keep(run: Run) -> None:
            done[run.key] = run
            if path:
                store.add(path, run)
            report(run, len(done), len(planned))

        _run_all(experiments, base_dir, [key for key in planned if key not in done], workers or default_workers(), keep)
        target = shared.search.target if shared.search.target <= 1.0 else None
        title = f"{tasks.describe(shared.task or tasks.DEFAULT_TASK)}; {len(random_seeds)} seeds"
        result = Comparison(
            title, budget, target, tuple(done[key] for key in planned if key in done), len(planned), path
        )
        if path:
            for file, text in result.files().items():
                atomic.write(path / file, text)
    return result


def _random_seeds(experiment: Experiment, seeds: Iterable[int] | None) -> list[int]:
    """The distinct random seeds of a comparison. Raises ``SettingsError`` for none, or one below 0."""
    first = experiment.search.seed
    found = list(dict.fromkeys(range(first, first + REPETITIONS) if seeds is None else seeds))
    if not found or min(found) < 0:
        raise SettingsError("seeds", "seeds must be one or more numbers, 0 or greater")
    return found


def _shared(experiment: Experiment, keep_algorithm: bool) -> Experiment:
    """The experiment with what all runs share: a task, a budget and, unless each run keeps its own, the default algorithm."""
    search = replace(experiment.search, max_evals=experiment.search.max_evals or BUDGET)
    if not keep_algorithm:
        search = replace(search, algorithm=Search().algorithm)
    return replace(experiment, task=experiment.task or tasks.DEFAULT_TASK, search=search)


def _algorithms(shared: Experiment, names: Sequence[str] | None) -> dict[str, Experiment]:
    """The experiment with each algorithm, by name. Raises ``SettingsError`` for an unknown name."""
    chosen = ALGORITHMS if names is None else names
    check_names("algorithms", "algorithm", chosen, ALGORITHMS)
    return {name: replace(shared, search=replace(shared.search, algorithm=name)) for name in chosen}


def _variants(shared: Experiment, variants: Sequence[Mapping[str, Any]], base_dir: Path) -> dict[str, Experiment]:
    """The experiment with the settings of each variant, by their text. Raises ``SettingsError``."""
    if not variants:
        raise SettingsError("variants", "the list of variants is empty: give at least one")
    if fixed := [key for variant in variants for key in SHARED if key in variant]:
        raise SettingsError(fixed[0], f"variants cannot differ in {fixed[0]}: give it once, for all variants")
    return {_name(variant): override(shared, variant, base_dir) for variant in variants}


def _name(variant: Mapping[str, Any]) -> str:
    """The name of a variant: its settings."""
    return ", ".join(f"{key}={value}" for key, value in variant.items()) or "as given"


def _run_all(
    experiments: Mapping[str, Experiment],
    base_dir: Path,
    keys: Sequence[tuple[str, int]],
    workers: int,
    keep: Callable[[Run], None],
) -> None:
    """Execute the runs, ``workers`` at a time. Ctrl-C stops unfinished runs, which are discarded."""
    halted = threading.Event()
    with interruptible() as asked, ThreadPoolExecutor(workers) as pool:

        def halt() -> bool:
            return asked.is_set() or halted.is_set()

        def work(key: tuple[str, int]) -> Run | None:
            return None if halt() else one_run(experiments[key[0]], *key, base_dir, halt)

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
