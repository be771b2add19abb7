"""Kill worker processes during a search on a cluster; check that the result is equal and measure the time that was lost.

The search runs three times: on a cluster whose workers are killed, for the given time; for the same number of candidates on a cluster
without kills; and for the same number on threads. ``differing`` lists the runs whose files differ from those of the run on threads.
The exit status is 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from distributed import LocalCluster

from azdsl.cluster.connect import connect, processes
from azdsl.config import quantities
from azdsl.config.experiment import Experiment
from azdsl.search.display.progress import Snapshot
from azdsl.search.evolve import run
from azdsl.search.islands.executor import Placement
from azdsl.search.rundir.names import BEST, HALL_OF_FAME, HALL_OF_FAME_FILES
from azdsl.syntax import load_experiment

SEED = Path(__file__).parent.parent / "examples" / "linear.az"


@dataclass(frozen=True)
class Outcome:
    """The files of a run, its number of candidates and its time in seconds."""

    files: dict[str, bytes]
    evaluations: int
    seconds: float


@contextmanager
def killing(cluster: LocalCluster, every: float, seconds: float, seed: int) -> Iterator[list[int]]:
    """Kill a worker process every ``every`` seconds for ``seconds`` seconds. Yields the list of killed process ids."""
    killed: list[int] = []
    over = threading.Event()
    choose = random.Random(seed)
    end = time.monotonic() + seconds

    def kill() -> None:
        while not over.wait(every) and time.monotonic() < end + every / 2:
            # Only registered workers: a nanny does not restart a process that is killed during its start.
            registered = cluster.scheduler.workers if cluster.scheduler else {}
            pids = sorted(
                worker.pid for worker in cluster.workers.values() if worker.worker_address in registered and worker.pid
            )
            if pids:
                killed.append(choose.choice(pids))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def search(
    experiment: Experiment, out: Path, placement: Placement | None = None, seconds: float = 1e9, most: float = 1e18
) -> Outcome:
    """A run that stops at the first exchange after ``seconds`` seconds or ``most`` candidates."""

    def late(snapshot: Snapshot) -> bool:
        return snapshot.seconds >= seconds or snapshot.evaluations >= most

    result = run(experiment, out=out, quiet=True, on_epoch=late, placement=placement)
    paths = [out / BEST, out / HALL_OF_FAME, *sorted((out / HALL_OF_FAME_FILES).iterdir())]
    return Outcome(
        {str(path.relative_to(out)): path.read_bytes() for path in paths}, result.evaluations, result.seconds
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds",
        type=quantities.duration,
        default=120.0,
        help="seconds during which workers are killed (default: %(default)s)",
    )
    parser.add_argument("--every", type=float, default=5.0, help="seconds between kills (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--islands", type=int, default=4, help="islands of the search (default: %(default)s)")
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        help="random seed of the search and of the choice of workers (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    experiment = load_experiment(SEED)
    experiment = replace(
        experiment, search=replace(experiment.search, seed=arguments.seed, islands=arguments.islands, target=2.0)
    )
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with (
            processes(arguments.workers) as cluster,
            connect(cluster.scheduler_address) as placement,
            killing(cluster, arguments.every, arguments.seconds, arguments.seed) as killed,
        ):
            faulty = search(experiment, Path(folder) / "killed", placement, arguments.seconds)
        with connect(f"local:{arguments.workers}") as placement:
            undisturbed = search(experiment, Path(folder) / "undisturbed", placement, most=faulty.evaluations)
        threads = search(experiment, Path(folder) / "threads", most=faulty.evaluations)
    others = {"killed": faulty, "left alone": undisturbed}
    differing = [name for name, outcome in others.items() if outcome.files != threads.files]
    figures = {
        "identical": not differing,
        "differing": ", ".join(differing),
        "files": len(threads.files),
        "candidates": faulty.evaluations,
        "killed": len(killed),
        "seconds": round(faulty.seconds, 1),
        "seconds_left_alone": round(undisturbed.seconds, 1),
        "lost": round(faulty.seconds - undisturbed.seconds, 1),
        "lost_per_kill": round((faulty.seconds - undisturbed.seconds) / max(1, len(killed)), 2),
        "in_all": round(time.monotonic() - started, 1),
    }
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name:20}{value}" for name, value in figures.items()))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
