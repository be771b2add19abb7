"""The task that a cluster's worker runs: one epoch of one island, from bytes to bytes."""

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
from azdsl.search.islands.island_plan import IslandPlan, make_islands
from azdsl.search.islands.workers import WorkerContext, make_contexts, run_slices, warm_up
from azdsl.search.kernel.population import make_island
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.task_groups import first_group
from azdsl.taskset import TaskSet

HUNG = 75
"""The exit status of a worker that ended its process because an epoch hung."""

_JOBS_KEPT = 2
"""Jobs whose code and data a worker keeps."""


@dataclass(frozen=True, eq=False)
class JobContext:
    """The data and compiled code of a job in a worker. ``free`` holds the worker contexts that no thread uses."""

    experiment: Experiment
    task_sets: tuple[TaskSet, ...]
    islands: tuple[IslandPlan, ...]
    free: SimpleQueue[tuple[WorkerContext, ...]]

    @contextmanager
    def worker(self) -> Iterator[tuple[WorkerContext, ...]]:
        """The worker contexts of one thread: free ones or new ones."""
        try:
            contexts = self.free.get_nowait()
        except Empty:
            contexts = make_contexts(self.experiment, self.islands[0].space, self.task_sets)
        try:
            yield contexts
        finally:
            self.free.put(contexts)


class Jobs:
    """The latest jobs of this worker, by digest, and their contexts."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._contexts: dict[str, JobContext] = {}
        self._lock = threading.Lock()

    def take(self, job: Job) -> None:
        """Keep a job; evicts the least recently used one if there are more than ``_JOBS_KEPT``."""
        with self._lock:
            self._jobs.setdefault(job.digest, job)
            while len(self._jobs) > _JOBS_KEPT:
                evicted, _ = self._jobs.popitem(last=False)
                self._contexts.pop(evicted, None)

    def context(self, digest: str) -> JobContext | None:
        """The context of a job; None if this worker does not have the job."""
        with self._lock:
            if digest not in self._jobs:
                return None
            self._jobs.move_to_end(digest)
            if digest not in self._contexts:
                self._contexts[digest] = make_job_context(self._jobs[digest])
            return self._contexts[digest]


@cache
def jobs() -> Jobs:
    """The jobs of this process."""
    return Jobs()


def take(data: bytes) -> None:
    """Keep a job for the epochs that refer to it."""
    jobs().take(job_of(data))


@dataclass(frozen=True)
class EpochRequest:
    """An epoch to run: the job's digest, the island, its number of candidates at the end, and the time limit in seconds.

    This process ends when one slice (normally 0.1 s) takes more than ``hang`` seconds. ``fingerprint`` is the environment fingerprint of
    the search's process.
    """

    job: str
    island: int
    end: int
    seconds: float
    hang: float
    fingerprint: dict[str, str]

    def encode(self) -> bytes:
        """The request as bytes."""
        return json.dumps(vars(self)).encode()


def epoch(request: bytes, state: bytes) -> tuple[str, bytes]:
    """This worker's address, and the island's state after the epoch; no state if the worker does not have the job.

    Raises ``ExecutorError`` when the environment fingerprint of this process differs from that of the search's process.
    """
    stated = json.loads(request)
    worker = get_worker().address
    different = differences(stated["fingerprint"], fingerprint())
    if different:  # before anything else is read, which another version may state differently
        raise ExecutorError(mismatch(f"the worker {worker}", different))
    what = EpochRequest(**stated)
    context = jobs().context(what.job)
    return (worker, b"") if context is None else (worker, advance(context, what, state))


def advance(context: JobContext, request: EpochRequest, state: bytes) -> bytes:
    """The state of an island after an epoch that starts with ``state``."""
    own = context.islands[request.island]
    island = make_island(own.space, own.experiment, request.island)
    decode_island(own.space, island, state)
    deadline = time.monotonic() + request.seconds
    with context.worker() as contexts, watchdog(request.hang) as heartbeat:

        def halt() -> bool:
            heartbeat()
            return time.monotonic() >= deadline

        run_slices(own.space, island, contexts[own.tasks], request.end, halt)
    return encode_island(own.space, island)


def make_job_context(job: Job) -> JobContext:
    """The context of a job with the worker contexts of one thread, after all code is compiled."""
    experiment, task_sets = decode_job(job.data)
    context = JobContext(experiment, task_sets, make_islands(experiment, task_sets), SimpleQueue())
    with context.worker() as contexts:
        warm_up(experiment, make_space(experiment, first_group(experiment.search, task_sets[0])), contexts[0])
    return context


def mismatch(worker: str, different: list[str]) -> str:
    """The message about a worker whose environment fingerprint differs."""
    return f"{worker} would compute different results: {'; '.join(different)}; install the same versions on the same kind of machine"


@contextmanager
def watchdog(limit: float) -> Iterator[Callable[[], None]]:
    """A heartbeat function; this process ends when it is not called for ``limit`` seconds.

    A native call that hangs cannot be stopped otherwise. The worker's nanny then starts another process, and the scheduler runs the
    epoch again.
    """
    last = time.monotonic()
    over = threading.Event()

    def heartbeat() -> None:
        nonlocal last
        last = time.monotonic()

    def watch() -> None:
        while not over.wait(limit / 4):
            if time.monotonic() - last > limit:
                os._exit(HUNG)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield heartbeat
    finally:
        over.set()
