"""Measure what hurdles and the proxy save or cost, as a Markdown table: ``python tools/hurdles.py [--data DIRECTORY]``.

The same searches run with and without hurdles, with the same random seeds and the same processor time. Each random seed draws
its own tasks, which may be easy or hard. Therefore times are compared for each random seed, up to the best fitness that both
searches reach. With ``--data``, a directory with CIFAR-10, the network of ``examples/cifar10.az`` is improved on projected
pairs of classes. Times are processor times, because other processes affect them less.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from azdsl.bench.machine import describe
from azdsl.config import quantities
from azdsl.search.display.progress import Snapshot
from azdsl.search.evolve import run
from azdsl.search.result import Result
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment

ROOT = Path(__file__).parents[1]

EVALUATED = ("hurdle", "full")
"""Layers of candidates that were evaluated beyond the FEC examples."""


@dataclass(frozen=True)
class Work:
    """One search to repeat: an example with changed settings, and the settings of hurdles by their titles in the table."""

    title: str
    example: str
    settings: dict[str, Any]
    hurdles: dict[str, dict[str, Any]]


def kinds(percentiles: tuple[float, ...], **hurdles: Any) -> dict[str, dict[str, Any]]:
    """Return settings of hurdles for several percentiles, and for the first percentile with the proxy."""
    found = {f"{hurdles['hurdles']}, percentile {p:g}": hurdles | {"hurdle_percentile": p} for p in percentiles}
    return found | {"the first of these, with the proxy": next(iter(found.values())) | {"proxy": True}}


SYNTHETIC = (
    Work("affine tasks, from random programs", "affine.az", {"init": "random"}, kinds((50.0,), hurdles="20")),
    Work(
        "two-layer teacher, from the network",
        "network.az",
        {"tasks": 10, "train": 1000, "valid": 100, "features": 4},
        kinds((75.0,), hurdles="100", hurdle_every=300),
    ),
)

PICTURES = Work(
    "CIFAR-10 pairs, from the network",
    "cifar10.az",
    {"tasks": 8, "train": 4000, "select_tasks": 2, "test_tasks": 2, "test_valid": 500, "population": 100, "epoch": 500},
    kinds((50.0, 75.0), hurdles="800", hurdle_every=100),
)
"""Eight tasks fill one block of lanes. Selection and test tasks are few, because they are not measured."""


@dataclass(frozen=True)
class Outcome:
    """A search: its processor time in seconds, the curve of (processor time, best fitness) by epoch, and its result."""

    cpu: float
    curve: list[tuple[float, float]]
    result: Result

    @property
    def best(self) -> float:
        """The final best fitness."""
        return self.curve[-1][1]

    def reached(self, level: float) -> float:
        """The processor time in seconds after which the best fitness was at least ``level``, which it must have reached."""
        return next(passed for passed, best in self.curve if best >= level)


def search(work: Work, settings: dict[str, Any], budget: float) -> Outcome:
    """Run a search for ``budget`` seconds of processor time."""
    path = ROOT / "examples" / work.example
    experiment = override(
        load_experiment(path), {"islands": 1, "target": 2.0, **work.settings, **settings}, path.parent
    )
    curve: list[tuple[float, float]] = []

    def watch(snapshot: Snapshot) -> bool:
        curve.append((time.process_time() - started, snapshot.best))
        return curve[-1][0] >= budget

    run(override(experiment, {"max_evals": 32, "epoch": 16}), base_dir=path.parent, workers=1, quiet=True)  # compiles
    started = time.process_time()
    result = run(experiment, base_dir=path.parent, workers=1, quiet=True, on_epoch=watch)
    return Outcome(time.process_time() - started, curve, result)


def row(title: str, outcomes: list[Outcome], without: list[Outcome]) -> str:
    """Return a row of the table: searches with hurdles, compared with those without."""
    cpu = sum(o.cpu for o in outcomes)
    candidates = sum(o.result.evaluations for o in outcomes)
    evaluated = sum(o.result.layers[name] for o in outcomes for name in EVALUATED)
    facts = [o.result.hurdles for o in outcomes if o.result.hurdles]
    cells = [
        title,
        f"{candidates / cpu:,.0f}",
        f"{evaluated / cpu:,.0f}",
        f"{100 * statistics.mean(f['saved'] for f in facts):.0f} %" if facts else "–",
        f"{statistics.mean(o.best for o in outcomes):.4f}",
        *(compared(outcomes, without) if outcomes is not without else ("–", "–")),
        *(mean_of(facts, key) for key in ("score_rank_correlation", "rank_correlation")),
    ]
    return f"| {' | '.join(cells)} |"


def compared(ours: list[Outcome], theirs: list[Outcome]) -> tuple[str, str]:
    """Compare pairs of searches with the same random seed.

    Returns the mean difference of the best fitness with its standard error, and the ratio of the times until the best fitness
    that both searches reach.
    """
    differences = [a.best - b.best for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
    ratios = []
    for a, b in zip(ours, theirs, strict=True):
        level = min(a.best, b.best)
        ratios.append(a.reached(level) / b.reached(level))
    sooner = sum(ratio < 1.0 for ratio in ratios)
    times = f"{statistics.geometric_mean(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f}), {sooner} of {len(ratios)} sooner"
    return f"{statistics.mean(differences):+.4f} ± {error:.4f}", times


def mean_of(facts: list[Any], key: str) -> str:
    """Return the mean of a figure over the runs that have it."""
    found = [f[key] for f in facts if f.get(key) is not None]
    return f"{statistics.mean(found):.2f}" if found else "–"


def numbers(text: str) -> tuple[int, ...]:
    """Parse random seeds, separated by commas."""
    return tuple(map(int, text.split(",")))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="directory with CIFAR-10")
    parser.add_argument(
        "--seconds", type=quantities.duration, default=30.0, help="processor time of a search in seconds [30]"
    )
    parser.add_argument(
        "--seeds", type=numbers, default=(0, 1, 2), metavar="N,N,…", help="random seeds of each kind of search [0,1,2]"
    )
    parser.add_argument("--only", default="", metavar="WORD", help="run only searches with this word in their title")
    arguments = parser.parse_args()
    works = list(SYNTHETIC)
    if arguments.data:
        works.append(Work(**{**vars(PICTURES), "settings": {**PICTURES.settings, "data": str(arguments.data)}}))
    for name, value in describe().items():
        print(f"{name:12}  {value}")
    heads = (
        "candidates/s",
        "evaluated/s",
        "examples saved",
        "best, mean",
        "paired difference",
        "time to the fitness both reach",
        "rank correlation",
        "with proxy",
    )
    for work in (work for work in works if arguments.only in work.title):
        print(f"\n| {work.title} | {' | '.join(heads)} |\n|---{'|--:' * len(heads)}|", flush=True)
        without: list[Outcome] = []
        for title, settings in {"without": {}, **work.hurdles}.items():
            outcomes = [search(work, settings | {"seed": seed}, arguments.seconds) for seed in arguments.seeds]
            without = without or outcomes
            print(row(title, outcomes, without), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
