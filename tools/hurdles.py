"""What hurdles and the proxy save or cost, as a Markdown table: ``python tools/hurdles.py [--data DIRECTORY]``.

The same searches with and without them, from the same seeds, each until a fitness is reached or its processor time is used up.
``--data`` is a directory with CIFAR-10: with it the network of ``examples/cifar10.az`` is improved on projected pairs of classes.
Times are of the processor, so that what else runs on the machine weighs less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from azdsl.bench.machine import describe
from azdsl.overrides import override
from azdsl.search.evolve import run
from azdsl.search.progress import Snapshot
from azdsl.search.result import Result
from azdsl.syntax import load_experiment

ROOT = Path(__file__).parents[1]

EVALUATED = ("hurdle", "full")
"""Layers whose candidates ran on more than the first examples."""


@dataclass(frozen=True)
class Work:
    """A search: an example with other settings, the fitness to reach, and the hurdles to try."""

    title: str
    example: str
    settings: dict[str, Any]
    level: float
    hurdles: dict[str, Any]


SYNTHETIC = (
    Work(
        "affine, random programs at first",
        "affine.az",
        {"init": "random", "target": 2.0},
        0.95,
        {"hurdles": "20", "hurdle_percentile": 50.0},
    ),
    Work(
        "two-layer teacher, the network at first",
        "network.az",
        {"tasks": 10, "train": 1000, "valid": 100, "features": 4, "target": 2.0},
        0.85,
        {"hurdles": "100", "hurdle_every": 300},
    ),
)

PICTURES = Work(
    "CIFAR-10 pairs, the network at first",
    "cifar10.az",
    {"target": 2.0, "population": 100, "epoch": 500},
    0.735,
    {"hurdles": "800", "hurdle_every": 100},
)


@dataclass(frozen=True)
class Outcome:
    """A search's processor time, the time at which it reached the level (None: never), its best fitness, and its result."""

    cpu: float
    reached: float | None
    best: float
    result: Result


def search(work: Work, settings: dict[str, Any], budget: float) -> Outcome:
    """Search until the level is reached or ``budget`` seconds of processor time are used up."""
    path = ROOT / "examples" / work.example
    experiment = override(load_experiment(path), {"islands": 1, **work.settings, **settings}, path.parent)
    started: list[float] = []
    reached: list[float] = []
    bests = [0.0]

    def watch(snapshot: Snapshot) -> bool:
        passed = time.process_time() - started[0]
        bests.append(snapshot.best)
        if snapshot.best >= work.level:
            reached.append(passed)
        return bool(reached) or passed >= budget

    run(override(experiment, {"max_evals": 32, "epoch": 16}), base_dir=path.parent, workers=1, quiet=True)  # compiles
    started.append(time.process_time())
    result = run(experiment, base_dir=path.parent, workers=1, quiet=True, on_epoch=watch)
    return Outcome(time.process_time() - started[0], reached[0] if reached else None, bests[-1], result)


def row(title: str, outcomes: list[Outcome]) -> str:
    """A line of the table."""
    cpu = sum(o.cpu for o in outcomes)
    candidates = sum(o.result.evaluations for o in outcomes)
    evaluated = sum(o.result.layers[name] for o in outcomes for name in EVALUATED)
    times = [o.reached for o in outcomes if o.reached is not None]
    facts = [o.result.hurdles for o in outcomes if o.result.hurdles]
    cells = [
        title,
        f"{candidates / cpu:,.0f}",
        f"{evaluated / cpu:,.0f}",
        f"{100 * statistics.mean(f['saved'] for f in facts):.0f} %" if facts else "–",
        f"{len(times)} of {len(outcomes)}" + (f", {statistics.median(times):.1f} s" if times else ""),
        f"{statistics.median(o.best for o in outcomes):.4f}",
        *(mean_of(facts, key) for key in ("score_rank_correlation", "rank_correlation")),
    ]
    return f"| {' | '.join(cells)} |"


def mean_of(facts: list[Any], key: str) -> str:
    """The mean of a figure over the runs that have it."""
    found = [f[key] for f in facts if f.get(key) is not None]
    return f"{statistics.mean(found):.2f}" if found else "–"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a directory with CIFAR-10")
    parser.add_argument("--seconds", type=float, default=30.0, help="processor time of a search [30]")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each kind [3]")
    parser.add_argument("--only", default="", metavar="WORD", help="only searches with this word in their title")
    arguments = parser.parse_args()
    works = list(SYNTHETIC)
    if arguments.data:
        works.append(Work(**{**vars(PICTURES), "settings": {**PICTURES.settings, "path": str(arguments.data)}}))
    for name, value in describe().items():
        print(f"{name:12}  {value}")
    heads = ("candidates/s", "evaluated/s", "examples saved", "reached, median", "best, median", "rank correlation", "with proxy")
    for work in (work for work in works if arguments.only in work.title):
        print(f"\n| {work.title}, to {work.level} | {' | '.join(heads)} |\n|---{'|--:' * len(heads)}|", flush=True)
        kinds = {"without": {}, f"hurdles {work.hurdles['hurdles']}": work.hurdles, "and the proxy": work.hurdles | {"proxy": True}}
        for title, settings in kinds.items():
            outcomes = [search(work, settings | {"seed": seed}, arguments.seconds) for seed in range(arguments.seeds)]
            print(row(title, outcomes), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
