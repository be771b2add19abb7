"""Figures of the search: candidates per second, float32, two cores, time to solve the demo."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.workloads import demo
from azdsl.search.display.progress import Snapshot
from azdsl.search.evolve import run

NEVER = 2.0
"""A target that no program reaches."""

CANDIDATES, SEEDS = 2_000_000, (0, 1)
"""Candidates of a search, and the random seeds."""

SOLVED_SEEDS, GIVE_UP_SECONDS = 20, 30.0


@dataclass(frozen=True)
class Pace:
    """Sums over searches: candidates after the first epoch, their processor time and wall-clock time [s], all candidates by layer."""

    candidates: int
    cpu: float
    seconds: float
    layers: Mapping[str, int]


def search(candidates: int, seeds: tuple[int, ...], workers: int = 1, **settings: Any) -> Pace:
    """Run the demo's search, one seed after the other, for a number of candidates."""
    paces = [_search(candidates, workers, {"seed": seed, "islands": 1} | settings) for seed in seeds]
    return Pace(
        sum(pace.candidates for pace in paces),
        sum(pace.cpu for pace in paces),
        sum(pace.seconds for pace in paces),
        {name: sum(pace.layers[name] for pace in paces) for name in paces[0].layers},
    )


def _search(candidates: int, workers: int, settings: dict[str, Any]) -> Pace:
    marks: list[tuple[int, float, float]] = []

    def mark(snapshot: Snapshot) -> None:
        marks.append((snapshot.evaluations, time.process_time(), time.perf_counter()))

    result = run(demo(target=NEVER, max_evals=candidates, **settings), workers=workers, quiet=True, on_epoch=mark)
    first, last = marks[0], marks[-1]
    return Pace(last[0] - first[0], last[1] - first[1], last[2] - first[2], result.layers)


def _candidates(scale: Scale) -> Callable[[], Sample]:
    count = scale.of(CANDIDATES)

    def sample() -> Sample:
        pace = search(count, SEEDS)
        total = sum(pace.layers.values())
        shares = {f"{name.replace('_', ' ')} %": 100.0 * part / total for name, part in pace.layers.items()}
        return Sample(pace.candidates / pace.cpu, shares)

    return sample


def _precision(scale: Scale) -> Callable[[], Sample]:
    count = scale.of(CANDIDATES)

    def sample() -> Sample:
        double, single = (search(count, SEEDS, precision=bits) for bits in (64, 32))
        rates = {"float64/s": double.candidates / double.cpu, "float32/s": single.candidates / single.cpu}
        return Sample(rates["float32/s"] / rates["float64/s"], rates)

    return sample


@contextmanager
def one_core() -> Iterator[None]:
    """Restrict this process to one core, if the operating system permits it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _islands(scale: Scale) -> Callable[[], Sample]:
    count = scale.of(2 * CANDIDATES)

    def sample() -> Sample:
        with one_core():
            one = search(count, SEEDS[:1], islands=2)
        two = search(count, SEEDS[:1], 2, islands=2)
        notes = {
            "% of both cores' time in use": 50.0 * two.cpu / two.seconds,
            "times the processor time of one core": two.cpu / one.cpu,
        }
        return Sample(two.candidates / two.seconds, notes, one.candidates / one.seconds)

    return sample


def _solved(scale: Scale) -> Callable[[], Sample]:
    seeds, patience = range(scale.of(SOLVED_SEEDS, 2)), GIVE_UP_SECONDS * scale.work

    def sample() -> Sample:
        seconds, cpu, candidates, reached = [], [], [], 0
        for seed in seeds:
            started, used = time.perf_counter(), time.process_time()
            result = run(demo(seed=seed, timeout=patience), quiet=True)
            seconds.append(time.perf_counter() - started)
            cpu.append(time.process_time() - used)
            candidates.append(result.evaluations)
            reached += result.reached
        notes: dict[str, float | str] = {
            f"solved within {patience:g} s": f"{reached} of {len(seeds)}",
            "median CPU s": statistics.median(cpu),
            "least s": min(seconds),
            "most s": max(seconds),
            "median candidates": statistics.median(candidates),
        }
        return Sample(statistics.median(seconds), notes)

    return sample


FIGURES = (
    Figure(
        "candidates", "candidates of the demo's search, one core", "candidates/s", 5.0, True, _candidates, "programs"
    ),
    Figure("float32", "float32 over float64, demo's search", "×", 1.5, True, _precision, median=True),
    Figure("islands", "two islands on two cores, beside one core", "candidates/s", 1.85, True, _islands, paired=True),
    Figure("solved", "demo solved, median over seeds", "s", 3.0, False, _solved, once=True),
)
