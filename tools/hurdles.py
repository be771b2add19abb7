"""What hurdles and the proxy save or cost, as a Markdown table: ``python tools/hurdles.py [--data DIRECTORY]``.

The same searches with and without them, from the same seeds, each until its processor time is used up. Seeds draw tasks of
their own, easier ones and harder ones; so times are compared seed by seed, to the fitness that both searches of the seed came to.
``--data`` is a directory with CIFAR-10: with it the network of ``examples/cifar10.az`` is improved on projected pairs of classes.
Times are of the processor, so that what else runs on the machine weighs less.
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
from azdsl.search.display.progress import Snapshot
from azdsl.search.evolve import run
from azdsl.search.result import Result
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment

ROOT = Path(__file__).parents[1]

EVALUATED = ("hurdle", "full")
"""Layers whose candidates ran on more than the first examples."""


@dataclass(frozen=True)
class Work:
    """A search: an example with other settings, and the hurdles to try, by their names in the table."""

    title: str
    example: str
    settings: dict[str, Any]
    hurdles: dict[str, dict[str, Any]]


def kinds(percentiles: tuple[float, ...], **hurdles: Any) -> dict[str, dict[str, Any]]:
    """Hurdles at several percentiles, and at the first of them with the proxy."""
    found = {f"{hurdles['hurdles']}, percentile {p:g}": hurdles | {"hurdle_percentile": p} for p in percentiles}
    return found | {"the first of these with the proxy": next(iter(found.values())) | {"proxy": True}}


SYNTHETIC = (
    Work("affine, random programs at first", "affine.az", {"init": "random"}, kinds((50.0,), hurdles="20")),
    Work(
        "two-layer teacher, the network at first",
        "network.az",
        {"tasks": 10, "train": 1000, "valid": 100, "features": 4},
        kinds((75.0,), hurdles="100", hurdle_every=300),
    ),
)

PICTURES = Work(
    "CIFAR-10 pairs, the network at first",
    "cifar10.az",
    {"tasks": 8, "train": 4000, "select_tasks": 2, "test_tasks": 2, "test_valid": 500, "population": 100, "epoch": 500},
    kinds((50.0, 75.0), hurdles="800", hurdle_every=100),
)
"""Eight tasks are one block of lanes; selection and test are not what is measured."""


@dataclass(frozen=True)
class Outcome:
    """A search's processor time, its best fitness after so much of it, epoch by epoch, and its result."""

    cpu: float
    curve: list[tuple[float, float]]
    result: Result

    @property
    def best(self) -> float:
        """The best fitness in the end."""
        return self.curve[-1][1]

    def reached(self, level: float) -> float:
        """When the search came to a fitness that it has in the end."""
        return next(passed for passed, best in self.curve if best >= level)


def search(work: Work, settings: dict[str, Any], budget: float) -> Outcome:
    """Search until ``budget`` seconds of processor time are used up."""
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
    """A line of the table: searches of a kind, beside those without hurdles."""
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
    """The difference of the best fitness with its standard error; the ratio of times to the fitness that both came to."""
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
    """The mean of a figure over the runs that have it."""
    found = [f[key] for f in facts if f.get(key) is not None]
    return f"{statistics.mean(found):.2f}" if found else "–"


def numbers(text: str) -> tuple[int, ...]:
    """Seeds, separated by commas."""
    return tuple(map(int, text.split(",")))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a directory with CIFAR-10")
    parser.add_argument("--seconds", type=float, default=30.0, help="processor time of a search [30]")
    parser.add_argument(
        "--seeds", type=numbers, default=(0, 1, 2), metavar="N,N,…", help="seeds of the searches of each kind [0,1,2]"
    )
    parser.add_argument("--only", default="", metavar="WORD", help="only searches with this word in their title")
    arguments = parser.parse_args()
    works = list(SYNTHETIC)
    if arguments.data:
        works.append(Work(**{**vars(PICTURES), "settings": {**PICTURES.settings, "path": str(arguments.data)}}))
    for name, value in describe().items():
        print(f"{name:12}  {value}")
    heads = (
        "candidates/s",
        "evaluated/s",
        "examples saved",
        "best, mean",
        "paired difference",
        "time to what both reach",
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
