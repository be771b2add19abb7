"""What a worker of the cluster does: one epoch of one island, from bytes to bytes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue

from distributed import get_worker

from azdsl.cluster.fingerprint import differences, fingerprint
from azdsl.cluster.wire import Job, decode_island, decode_job, encode_island, job_of
from azdsl.config.experiment import Experiment
from azdsl.search.islands.executor import ExecutorError
from azdsl.search.islands.workers import Bench, make_bench, run_slices, warm_up
from azdsl.search.kernel.population import make_island
from azdsl.search.kernel.space import Space, island_spaces, make_space
from azdsl.taskset import TaskSet

HUNG = 75
"""The exit status of a worker that ended itself because an epoch hung."""

_JOBS_KEPT = 2
"""Searches whose code and data a worker keeps."""


@dataclass(frozen=True, eq=False)
class Workshop:
    """A search as a worker holds it. ``free`` are the benches that no thread works at."""

    experiment: Experiment
    tasks: TaskSet
    spaces: tuple[Space, ...]
    free: SimpleQueue[Bench]

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        """A bench to work at."""
        try:
            bench = self.free.get_nowait()
        except Empty:
            bench = make_bench(self.experiment, self.spaces[0], self.tasks)
        try:
            yield bench
        finally:
            self.free.put(bench)


class Jobs:
    """The jobs that this worker was given last, by digest, and their workshops."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._shops: dict[str, Workshop] = {}
        self._lock = threading.Lock()

    def take(self, job: Job) -> None:
        """Keep a job, and drop the one that was unused for longest when there are too many."""
        with self._lock:
            self._jobs.setdefault(job.digest, job)
            while len(self._jobs) > _JOBS_KEPT:
                dropped, _ = self._jobs.popitem(last=False)
                self._shops.pop(dropped, None)

    def workshop(self, digest: str) -> Workshop | None:
        """The workshop of a job; None when the job is not here."""
        with self._lock:
            if digest not in self._jobs:
                return None
            self._jobs.move_to_end(digest)
            if digest not in self._shops:
                self._shops[digest] = make_workshop(self._jobs[digest])
            return self._shops[digest]


@cache
def jobs() -> Jobs:
    """Those of this process."""
    return Jobs()


def take(data: bytes) -> None:
    """Keep a job for the epochs that name it."""
    jobs().take(job_of(data))


@dataclass(frozen=True)
class Order:
    """An epoch to run: of which job and island, to how many candidates, for at most how many seconds.

    When a tenth of a second's work takes more than ``hang`` seconds, this process ends. ``fingerprint`` is that of the search's process.
    """

    job: str
    island: int
    end: int
    seconds: float
    hang: float
    fingerprint: dict[str, str]

    def encode(self) -> bytes:
        """The order as bytes."""
        return json.dumps(vars(self)).encode()


def epoch(order: bytes, state: bytes) -> tuple[str, bytes]:
    """This worker's address, and the island's state after the epoch; no state when the worker lacks the job.

    Raises ``ExecutorError`` when this process computes otherwise than the search's.
    """
    what = Order(**json.loads(order))
    worker = get_worker().address
    other = differences(what.fingerprint, fingerprint())
    if other:
        raise ExecutorError(mismatch(worker, other))
    shop = jobs().workshop(what.job)
    return (worker, b"") if shop is None else (worker, advance(shop, what, state))


def advance(shop: Workshop, order: Order, state: bytes) -> bytes:
    """The state of an island after an epoch."""
    space = shop.spaces[order.island]
    island = make_island(space, shop.experiment, order.island)
    decode_island(space, island, state)
    deadline = time.monotonic() + order.seconds
    with shop.bench() as bench, watched(order.hang) as beat:

        def halt() -> bool:
            beat()
            return time.monotonic() >= deadline

        run_slices(space, island, bench, order.end, halt)
    return encode_island(space, island)


def make_workshop(job: Job) -> Workshop:
    """Everything that a search's epochs share, with one bench and all code compiled."""
    experiment, tasks = decode_job(job.data)
    space = make_space(experiment, tasks)
    shop = Workshop(experiment, tasks, island_spaces(experiment, tasks), SimpleQueue())
    bench = make_bench(experiment, space, tasks)
    warm_up(experiment, space, bench)
    shop.free.put(bench)
    return shop


def mismatch(worker: str, other: list[str]) -> str:
    """What to tell about a worker that computes otherwise."""
    return (
        f"{worker} would give other results: {'; '.join(other)}; install the same versions on the same kind of machine"
    )


@contextmanager
def watched(limit: float) -> Iterator[Callable[[], None]]:
    """Give a function that says that there is progress; without it for ``limit`` seconds this process ends.

    A native call that hangs cannot be stopped otherwise. Its worker's nanny then starts another process, and
    the scheduler has the epoch run again.
    """
    seen = time.monotonic()
    over = threading.Event()

    def beat() -> None:
        nonlocal seen
        seen = time.monotonic()

    def watch() -> None:
        while not over.wait(limit / 4):
            if time.monotonic() - seen > limit:
                os._exit(HUNG)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield beat
    finally:
        over.set()
