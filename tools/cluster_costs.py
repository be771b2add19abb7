"""Measure the overhead of an epoch on a cluster: bytes, processor time and wall time.

Islands with full caches are sent to one worker process and return after a single candidate, so that only overhead is measured. The
measured exchange has few new programs.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from azdsl.cluster.connect import Cluster, connect
from azdsl.cluster.wire import decode_island, encode_island
from azdsl.search import session
from azdsl.search.evolve import run
from azdsl.search.islands import exchange
from azdsl.search.islands.executor import TICK_SECONDS
from azdsl.search.islands.island_report import make_report
from azdsl.search.islands.migration import emigrants, insert_immigrants
from azdsl.search.kernel.population import Clock
from azdsl.search.session import Session
from azdsl.syntax import load_experiment

SEED = Path(__file__).parent.parent / "examples" / "linear.az"


def ended_session(islands: int, evaluations: int) -> Session:
    """A search on threads after it has filled its caches."""
    ended: list[Session] = []
    finish = session.Session.finish

    def keep(self: Session) -> Any:
        ended.append(self)
        return finish(self)

    experiment = load_experiment(SEED)
    search = replace(experiment.search, islands=islands, max_evals=islands * evaluations, target=2.0)
    session.Session.finish = keep  # type: ignore[method-assign]  # gives access to the islands
    try:
        run(replace(experiment, search=search), quiet=True)
    finally:
        session.Session.finish = finish  # type: ignore[method-assign]  # restores it
    return ended[0]


@contextmanager
def one_worker() -> Iterator[Client]:
    """A client of a cluster with one worker process."""
    quiet: dict[str, Any] = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL, "threads_per_worker": 1}
    with (
        LocalCluster(n_workers=1, **quiet) as cluster,  # type: ignore[no-untyped-call]  # Dask is typed in part
        Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]  # as above
    ):
        yield client


def processor_seconds() -> float:
    """The processor time of this process, in seconds."""
    return time.process_time()


def per_epoch(client: Client, ended: Session, rounds: int) -> dict[str, float]:
    """Milliseconds of an island's empty epoch: processor time here and in the worker, and wall time."""
    with connect(client) as cluster:
        assert isinstance(cluster, Cluster)
        executor = cluster.start(ended.plan)
        ends = [island.candidates for island in ended.islands]
        before = [end - 1 for end in ends]  # one candidate is left
        clocks: list[float] = []
        here, there = 0.0, 0.0
        for turn in range(rounds + 1):
            for island, clock in zip(ended.islands, before, strict=True):
                island.clock[Clock.CANDIDATES] = clock
            here_before, there_before = time.process_time(), next(iter(client.run(processor_seconds).values()))
            started = time.monotonic()
            with executor.pool(ended.islands, float("inf")) as pool:
                for number, end in enumerate(ends):
                    pool.start(number, end)
                back = 0
                while back < len(ends):
                    back += len(pool.wait(TICK_SECONDS))
            passed = time.monotonic() - started
            after = next(iter(client.run(processor_seconds).values()))
            if turn:  # the first turn builds the engine
                clocks.append(passed)
                here, there = here + time.process_time() - here_before, there + after - there_before
    epochs = rounds * len(ended.islands)
    return {
        "search_cpu_ms": 1e3 * here / epochs,
        "worker_cpu_ms": 1e3 * there / epochs,
        "clock_ms": 1e3 * statistics.median(clocks) / len(ended.islands),
    }


def timed(action: Any, repeats: int) -> float:
    """Processor time of one call of ``action``, in milliseconds."""
    started = time.process_time()
    for _ in range(repeats):
        action()
    return 1e3 * (time.process_time() - started) / repeats


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--islands", type=int, default=4, help="islands that are transferred (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="epochs of each island (default: %(default)s)")
    parser.add_argument(
        "--candidates",
        type=int,
        default=400_000,
        help="candidates of each island before the measurement, which fill its caches (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    ended = ended_session(arguments.islands, arguments.candidates)
    island, space, search = ended.islands[0], ended.plan.space, ended.plan.search
    reports = [make_report(space, search, one, ended._scratch) for one in ended.islands]
    state = encode_island(space, island)
    memory = sum(
        part.nbytes
        for part in (island.fitness_cache.sets, island.fec_cache.sets, island.members.code, island.members.constants)
    )
    figures: dict[str, float] = {
        "state_bytes": len(state),
        "caches_bytes": island.fitness_cache.sets.nbytes + island.fec_cache.sets.nbytes,
        "memory_bytes": memory,
        "encode_ms": timed(lambda: encode_island(space, island), 20),
        "decode_ms": timed(lambda: decode_island(space, island, state), 20),
        "migrate_ms": timed(lambda: insert_immigrants(search, island, emigrants(search, island.members)), 20),
        "report_ms": timed(lambda: make_report(space, search, island, ended._scratch), 20),
        "exchange_ms": timed(lambda: exchange.run_exchange(ended.plan, ended.state, reports), 5) / len(ended.islands),
    }
    with one_worker() as client:
        figures |= per_epoch(client, ended, arguments.rounds)
    figures["overhead_at_one_second_%"] = 0.1 * (figures["search_cpu_ms"] + figures["worker_cpu_ms"])
    print(
        json.dumps(figures)
        if arguments.json
        else "\n".join(f"{name:26}{value:,.2f}" for name, value in figures.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
