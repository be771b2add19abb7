"""Compare the speed of a search on local clusters of one and two worker processes with one thread pinned to one core.

The three variants alternate for several rounds, so that a slower phase of the machine affects all of them; the best run of each
counts. ``overhead`` is that of the cluster with one worker relative to the thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from azdsl.bench.searches import one_core
from azdsl.cluster.connect import connect
from azdsl.config.experiment import Experiment
from azdsl.search.display.progress import Snapshot
from azdsl.search.evolve import run
from azdsl.search.islands.executor import Placement
from azdsl.syntax import load_experiment

SEED = Path(__file__).parent.parent / "examples" / "linear.az"

SETTLED = 2
"""Epochs after which workers have compiled the code and caches are full."""


def rate(experiment: Experiment, placement: Placement | None) -> float:
    """Candidates per second, from the end of epoch ``SETTLED`` to the end of the last epoch."""
    marks: list[tuple[int, float]] = []

    def mark(snapshot: Snapshot) -> None:
        marks.append((snapshot.evaluations, time.perf_counter()))

    run(experiment, workers=None if placement else 1, quiet=True, on_epoch=mark, placement=placement)
    (first, started), (last, ended) = marks[SETTLED - 1], marks[-1]
    return (last - first) / (ended - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each variant (default: %(default)s)")
    parser.add_argument("--islands", type=int, default=4, help="islands of the search (default: %(default)s)")
    parser.add_argument(
        "--epoch", type=int, default=600_000, help="candidates of an epoch, about a second's (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=8, help="epochs of each island (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    experiment = load_experiment(SEED)
    length, islands = arguments.epoch, arguments.islands
    search = replace(
        experiment.search, islands=islands, epoch=length, max_evals=islands * length * arguments.epochs, target=2.0
    )
    experiment = replace(experiment, search=search)
    thread, one, two = [], [], []
    with connect("local:1") as small, connect("local:2") as large:
        for _ in range(arguments.rounds):
            with one_core():
                thread.append(rate(experiment, None))
            one.append(rate(experiment, small))
            two.append(rate(experiment, large))
    best = max(thread)
    figures = {
        "thread": best,
        "one_worker": max(one),
        "two_workers": max(two),
        "epoch_seconds": length / best,
        "overhead_%": 100.0 * (best / max(one) - 1.0),
        "two_workers_over_one_core": max(two) / best,
        "two_workers_over_one": max(two) / max(one),
    }
    print(
        json.dumps(figures)
        if arguments.json
        else "\n".join(f"{name:28}{value:,.2f}" for name, value in figures.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
