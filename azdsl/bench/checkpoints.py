"""Figures of checkpoints: their size and the time to write one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from azdsl import tasks
from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.searches import NEVER
from azdsl.bench.workloads import demo
from azdsl.search.evolve import run
from azdsl.search.kernel.population import make_island
from azdsl.search.kernel.space import make_space
from azdsl.search.recorder import SAVE_SECONDS
from azdsl.search.rundir import checkpoint

POPULATION, CANDIDATES = 10_000, 2_000_000
"""Members of each island, and a number of candidates that fills all caches."""

_MEGA = 1e6


def _checkpoints(scale: Scale) -> Callable[[], tuple[int, float, float]]:
    """A function that writes the checkpoint of a stopped search. Returns bytes, wall-clock time and processor time [s]."""
    experiment = demo(target=NEVER, population=POPULATION, max_evals=scale.of(CANDIDATES))
    assert experiment.task
    space = make_space(experiment, tasks.build(experiment.task, experiment.search.seed, "search", None))
    islands = [make_island(space, experiment, number) for number in range(experiment.search.islands)]
    with tempfile.TemporaryDirectory() as folder:
        run(experiment, out=Path(folder) / "run", quiet=True)
        saved, _ = checkpoint.read(Path(folder) / "run")
    assert saved
    checkpoint.restore(space, islands, saved.arrays)
    reports = checkpoint.restore_reports(space, [experiment.search] * len(islands), saved.arrays)
    facts = saved.facts

    def write() -> tuple[int, float, float]:
        with tempfile.TemporaryDirectory() as folder:
            started, used = time.perf_counter(), time.process_time()
            data = checkpoint.encode(space, islands, facts, *reports)
            checkpoint.write(Path(folder), data)
            return len(data), time.perf_counter() - started, time.process_time() - used

    return write


def _size(scale: Scale) -> Callable[[], Sample]:
    write = _checkpoints(scale)
    return lambda: Sample(write()[0] / _MEGA)


def _time(scale: Scale) -> Callable[[], Sample]:
    write = _checkpoints(scale)

    def sample() -> Sample:
        _, seconds, cpu = write()
        return Sample(
            1e3 * seconds,
            {"CPU ms": 1e3 * cpu, f"% of the time at one every {SAVE_SECONDS:g} s": 100.0 * seconds / SAVE_SECONDS},
        )

    return sample


_TITLE = f"checkpoint, two islands of {POPULATION:,} programs"

FIGURES = (
    Figure("checkpoint-size", f"{_TITLE}, size", "MB", 5.0, False, _size, once=True),
    Figure("checkpoint-time", f"{_TITLE}, written and synced", "ms", 50.0, False, _time),
)
