"""Simulate searches on 1 to 10,000 workers from the costs of an epoch on a cluster (``tools/cluster_costs.py``).

Every worker has one island. The process of the search encodes and submits islands sequentially, and the scheduler forwards each.
Workers differ in speed, and their epochs in length. Results return over one link and are decoded sequentially in the order of their
arrival. An island continues at once unless the exchange of the previous epoch is not complete; the time of an exchange is divided
among its islands. The second table has the number of exchanges until a program that is better than all others has reached a share of
the islands, by kind of exchange.
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
    """Costs of one island's epoch, apart from the epoch itself.

    Milliseconds of the search's process before and after the epoch, of the worker, of the scheduler in each direction, and of the
    exchange (the island's report and its share of the exchange); the state's size in bytes; the link to the search in bytes per
    second, and its latency in seconds.
    """

    before_ms: float
    after_ms: float
    worker_ms: float
    scheduler_ms: float
    exchange_ms: float
    state_bytes: float
    link: float
    latency: float


@dataclass(frozen=True)
class Outcome:
    """The share of the workers' time spent searching, and the utilization of the scheduler and of the link."""

    workers: int
    seconds: float
    throughput: float
    scheduler: float
    link: float


def in_turn(
    ready: np.ndarray[tuple[int], np.dtype[np.float64]], each: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Completion times of jobs of equal length on one server, in the order in which they become ready."""
    order = np.argsort(ready, kind="stable")
    steps = each * np.arange(1, ready.size + 1)
    done = np.empty_like(ready)
    done[order] = np.maximum.accumulate(ready[order] - steps + each) + steps
    return done


def simulate(costs: Costs, workers: int, seconds: float, spread: float, epochs: int, seed: int) -> Outcome:
    """Simulate epochs of ``seconds`` on average; ``spread`` is the coefficient of variation of speeds and of epochs."""
    draw = np.random.default_rng(seed)
    speed = np.exp(draw.normal(0.0, spread, workers))
    transfer = costs.state_bytes / costs.link
    each = (costs.after_ms + costs.exchange_ms + costs.before_ms) / 1e3
    submitted, exchanged = in_turn(np.zeros(workers), costs.before_ms / 1e3), 0.0
    for _ in range(epochs):
        length = seconds * speed * np.exp(draw.normal(0.0, spread, workers))
        sent = in_turn(in_turn(submitted, costs.scheduler_ms / 1e3), transfer) + costs.latency
        finished = sent + costs.worker_ms / 1e3 + length
        arrived = in_turn(in_turn(finished + costs.latency, costs.scheduler_ms / 1e3), transfer)
        taken = in_turn(arrived, each)
        submitted, exchanged = np.maximum(taken, exchanged), float(taken.max())
    passed = exchanged
    useful = float(np.mean(speed)) * seconds * epochs / passed
    busy = workers * epochs / passed
    return Outcome(workers, seconds, useful, 2e-3 * costs.scheduler_ms * busy, 2.0 * transfer * busy)


def exchanges_to_reach(exchange: str, islands: int, share: float) -> int:
    """The number of exchanges until a program has reached ``share`` of the islands, if it dominates every island it reaches.

    Immigrants are inserted at the end of the next epoch, after the emigrants for the next exchange have been selected.
    """
    search = Search(islands=min(islands, 4096), exchange=exchange)
    reached, coming = np.zeros(search.islands, bool), np.zeros(search.islands, bool)
    reached[0] = True
    for number in range(1, 4 * search.islands + 4):
        emigrated = reached.copy()
        reached |= coming
        coming = emigrated[sources(search, number)]
        if (reached | coming).mean() >= share:
            return number
    raise AssertionError("every exchange reaches all islands")


def shortest(outcomes: Iterable[Outcome], workers: int, throughput: float) -> float | None:
    """The shortest epochs, in seconds, with a share of at least ``throughput``."""
    return min((o.seconds for o in outcomes if o.workers == workers and o.throughput >= throughput), default=None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value, meaning in (
        ("before-ms", 9.0, "milliseconds to encode and submit an island"),
        ("after-ms", 11.0, "milliseconds to receive and decode one"),
        ("worker-ms", 21.0, "milliseconds of overhead in the worker"),
        ("scheduler-ms", 2.0, "milliseconds of the scheduler per task in each direction"),
        ("exchange-ms", 3.6, "milliseconds of an exchange per island, including its report"),
        ("state-bytes", 891_496.0, "bytes of an island's state"),
        ("link", 1.25e9, "bytes per second of the link to the search"),
        ("latency", 0.0005, "latency of the link in seconds"),
    ):
        parser.add_argument(f"--{name}", type=float, default=value, help=f"{meaning} (default: %(default)s)")
    parser.add_argument(
        "--spread",
        type=float,
        default=0.03,
        help="coefficient of variation of speeds and epochs (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each simulation (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    costs = Costs(**{name: getattr(arguments, name) for name in Costs.__dataclass_fields__})
    found = [simulate(costs, w, s, arguments.spread, arguments.epochs, 0) for w in WORKERS for s in SECONDS]
    spread = {x: {n: exchanges_to_reach(x, n, 0.5) for n in (10, 100, 1_000, 4_096)} for x in ("ring", "pairs", "both")}
    if arguments.json:
        print(json.dumps({"costs": asdict(costs), "simulated": [asdict(o) for o in found], "exchanges": spread}))
        return 0
    print("share of the workers' time spent searching (scheduler busy, link busy)\n")
    print("| workers | " + " | ".join(f"{seconds:g} s" for seconds in SECONDS) + " | shortest for 90 % |")
    print("|--:|" + "--:|" * (len(SECONDS) + 1))
    for workers in WORKERS:
        row = [o for o in found if o.workers == workers]
        cells = [f"{o.throughput:.0%} ({o.scheduler:.0%}, {o.link:.0%})" for o in row]
        best = shortest(found, workers, 0.9)
        print(f"| {workers:,} | " + " | ".join(cells) + f" | {'–' if best is None else f'{best:g} s'} |")
    print("\nexchanges until the best program has reached half of the islands\n")
    print("| exchange | " + " | ".join(f"{n:,} islands" for n in spread["ring"]) + " |")
    print("|---|" + "--:|" * len(spread["ring"]))
    for exchange, counts in spread.items():
        print(f"| {exchange} | " + " | ".join(str(count) for count in counts.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
