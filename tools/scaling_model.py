"""A search on 1 to 10,000 workers, simulated from what an epoch costs on a cluster (``tools/cluster_costs.py``).

Every worker has an island. The search's process encodes and submits the islands one after the other, the scheduler
passes each on, workers differ in speed and their epochs in length, results come back over one link and are taken in one
after the other in the order in which they arrive. An island goes on at once, unless the islands have not yet met for the epoch
before; what a meeting takes is reckoned to the islands that are taken in. Diversity is how many islands a program that is better
than all others has reached after so many meetings, by who takes from whom.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from azdsl.config.search import Search
from azdsl.search.islands.migration import sources

WORKERS = (1, 2, 10, 100, 1_000, 10_000)
SECONDS = (0.5, 2.0, 10.0, 60.0, 300.0)


@dataclass(frozen=True)
class Costs:
    """Of one island's epoch: milliseconds of the search's process before and after it, at the worker besides the epoch, of the
    scheduler and of the meeting (its standing taken, and its share of what follows); bytes each way; of the link to the search
    bytes a second and a packet's seconds.
    """

    before_ms: float
    after_ms: float
    worker_ms: float
    scheduler_ms: float
    meet_ms: float
    state_bytes: float
    link: float
    latency: float


@dataclass(frozen=True)
class Outcome:
    """Of one size: the share of the workers' time spent searching, of the scheduler's time and the link's in use."""

    workers: int
    seconds: float
    throughput: float
    scheduler: float
    link: float


def in_turn(
    ready: np.ndarray[tuple[int], np.dtype[np.float64]], each: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """When jobs are done that one server does in the order in which they are ready, each in the same time."""
    order = np.argsort(ready, kind="stable")
    steps = each * np.arange(1, ready.size + 1)
    done = np.empty_like(ready)
    done[order] = np.maximum.accumulate(ready[order] - steps + each) + steps
    return done


def simulate(costs: Costs, workers: int, seconds: float, spread: float, epochs: int, seed: int) -> Outcome:
    """Epochs of that many seconds in the mean; ``spread`` is the coefficient of variation of speed, and of each epoch."""
    draw = np.random.default_rng(seed)
    speed = np.exp(draw.normal(0.0, spread, workers))
    transfer = costs.state_bytes / costs.link
    each = (costs.after_ms + costs.meet_ms + costs.before_ms) / 1e3
    submitted, met = in_turn(np.zeros(workers), costs.before_ms / 1e3), 0.0
    for _ in range(epochs):
        length = seconds * speed * np.exp(draw.normal(0.0, spread, workers))
        sent = in_turn(in_turn(submitted, costs.scheduler_ms / 1e3), transfer) + costs.latency
        finished = sent + costs.worker_ms / 1e3 + length
        arrived = in_turn(in_turn(finished + costs.latency, costs.scheduler_ms / 1e3), transfer)
        taken = in_turn(arrived, each)
        submitted, met = np.maximum(taken, met), float(taken.max())
    passed = met
    useful = float(np.mean(speed)) * seconds * epochs / passed
    busy = workers * epochs / passed
    return Outcome(workers, seconds, useful, 2e-3 * costs.scheduler_ms * busy, 2.0 * transfer * busy)


def meetings(exchange: str, islands: int, share: float) -> int:
    """After how many meetings a program has reached that share of the islands, when it takes over each island that it reaches.

    It comes to an island at the end of the epoch after the meeting, when those that go on to the next one have been chosen.
    """
    search = Search(islands=min(islands, 4096), exchange=exchange)
    reached, coming = np.zeros(search.islands, bool), np.zeros(search.islands, bool)
    reached[0] = True
    for meeting in range(1, 4 * search.islands + 4):
        standing = reached.copy()
        reached |= coming
        coming = standing[sources(search, meeting)]
        if (reached | coming).mean() >= share:
            return meeting
    raise AssertionError("every exchange reaches all islands")


def shortest(outcomes: Iterable[Outcome], workers: int, throughput: float) -> float | None:
    """The shortest epochs that keep workers as busy as that."""
    return min((o.seconds for o in outcomes if o.workers == workers and o.throughput >= throughput), default=None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value, meaning in (
        ("before-ms", 9.0, "milliseconds to encode and submit an island"),
        ("after-ms", 11.0, "milliseconds to receive and decode one"),
        ("worker-ms", 21.0, "milliseconds at the worker besides the epoch"),
        ("scheduler-ms", 2.0, "milliseconds of the scheduler for a task each way"),
        ("meet-ms", 3.6, "milliseconds of a meeting for each island, its standing included"),
        ("state-bytes", 891_496.0, "bytes of an island's state"),
        ("link", 1.25e9, "bytes a second of the link to the search"),
        ("latency", 0.0005, "seconds that a packet takes"),
    ):
        parser.add_argument(f"--{name}", type=float, default=value, help=f"{meaning} (default: %(default)s)")
    parser.add_argument("--spread", type=float, default=0.03, help="how much speed varies (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each simulation (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    costs = Costs(**{name: getattr(arguments, name) for name in Costs.__dataclass_fields__})
    found = [simulate(costs, w, s, arguments.spread, arguments.epochs, 0) for w in WORKERS for s in SECONDS]
    spread = {x: {n: meetings(x, n, 0.5) for n in (10, 100, 1_000, 4_096)} for x in ("ring", "pairs", "both")}
    if arguments.json:
        print(json.dumps({"costs": asdict(costs), "simulated": [asdict(o) for o in found], "meetings": spread}))
        return 0
    print("share of the workers' time spent searching (scheduler busy, link busy)\n")
    print("| workers | " + " | ".join(f"{seconds:g} s" for seconds in SECONDS) + " | shortest for 90 % |")
    print("|--:|" + "--:|" * (len(SECONDS) + 1))
    for workers in WORKERS:
        row = [o for o in found if o.workers == workers]
        cells = [f"{o.throughput:.0%} ({o.scheduler:.0%}, {o.link:.0%})" for o in row]
        best = shortest(found, workers, 0.9)
        print(f"| {workers:,} | " + " | ".join(cells) + f" | {'–' if best is None else f'{best:g} s'} |")
    print("\nmeetings until the best program has reached half of the islands\n")
    print("| exchange | " + " | ".join(f"{n:,} islands" for n in spread["ring"]) + " |")
    print("|---|" + "--:|" * len(spread["ring"]))
    for exchange, counts in spread.items():
        print(f"| {exchange} | " + " | ".join(str(count) for count in counts.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
