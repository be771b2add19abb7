"""The executor for a Dask cluster: an epoch of an island is a task of the cluster.

A task maps bytes to bytes, so that it can be repeated with the same result. Dask repeats it when a worker is lost; this executor
repeats it when Dask gives up or the connection to the scheduler was lost. The local islands change only when the result of a
complete epoch is decoded, so that their state is always valid for a checkpoint.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, Future
from distributed.scheduler import KilledWorker

from azdsl.cluster import remote
from azdsl.cluster.fingerprint import fingerprint
from azdsl.cluster.wire import Job, encode_island, receive_island
from azdsl.search.islands.executor import TICK_SECONDS, ExecutorError
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.kernel.population import Island
from azdsl.search.rundir.checkpoint import Damaged

FETCH_SECONDS = 30.0
"""Time limit for fetching a result. If its worker is lost before that, Dask runs the epoch again."""

GRACE_SECONDS = 5.0
"""Time after the deadline during which results are still accepted."""


@dataclass(frozen=True)
class Patience:
    """Limits of failures.

    ``hang``: seconds for one slice (normally 0.1 s) after which a worker ends its process. ``attempts``: submissions of an epoch; in
    each, Dask lets a task end its own limit of workers. ``away``: seconds without a connection to the scheduler.
    """

    hang: float = 300.0
    attempts: int = 5
    away: float = 30.0


@dataclass(frozen=True)
class ClusterExecutor:
    """Runs ``islands`` on the workers of ``client``, whose scheduler is at ``address``."""

    client: Client
    address: str
    islands: Sequence[IslandPlan]
    job: Job
    patience: Patience

    @contextmanager
    def pool(self, islands: Sequence[Island], deadline: float) -> Iterator[ClusterWorkerPool]:
        """A pool for ``islands``. When the context ends, islands whose epoch has not returned keep their previous state."""
        pool = ClusterWorkerPool(self, islands, deadline)
        try:
            yield pool
            pool.drain()
        finally:
            pool.cancel()

    def supply(self, *workers: str) -> None:
        """Send the job to ``workers``; lost workers are ignored."""
        self.client.run(remote.take, self.job.data, workers=list(workers), on_error="ignore")


@dataclass
class ClusterWorkerPool:
    """A worker pool on a cluster. ``running`` has an island, its end and its future by the future's key.

    ``failures`` counts the consecutive failures of an island's epoch. The local islands are always idle: they change only when a
    result is decoded.
    """

    executor: ClusterExecutor
    islands: Sequence[Island]
    deadline: float
    running: dict[str, tuple[int, int, Future[Any]]] = field(default_factory=dict)
    failures: Counter[int] = field(default_factory=Counter)
    done: SimpleQueue[Future[Any]] = field(default_factory=SimpleQueue)

    def start(self, number: int, end: int) -> None:
        """Submit an island's epoch to the cluster."""
        executor = self.executor
        request = remote.EpochRequest(
            job=executor.job.digest,
            island=number,
            end=end,
            seconds=self.deadline - time.monotonic(),
            hang=executor.patience.hang,
            fingerprint=dict(fingerprint()),
        )
        state = encode_island(executor.islands[number].space, self.islands[number])
        with dask.config.set(
            {"distributed.admin.large-graph-warning-threshold": "1 TB"}
        ):  # the large argument is intended
            future = executor.client.submit(
                remote.epoch, request.encode(), state, key=f"azdsl_epoch-{uuid4().hex}", pure=False
            )
        self.running[str(future.key)] = number, end, future
        future.add_done_callback(self.done.put)

    def wait(self, seconds: float) -> list[int]:
        """The island whose epoch returned within ``seconds``, if one did."""
        try:
            future = self.done.get(timeout=seconds)
        except Empty:
            return []
        result = self._result(future)
        if result is None:
            return []
        worker, state = result
        number, end, _ = self.running[str(future.key)]
        if not state:
            del self.running[str(future.key)]
            try:
                self.executor.supply(worker)
            except OSError:
                self._find_scheduler()
            self.start(number, end)
            return []
        own, island = self.executor.islands[number], self.islands[number]
        least = end if math.isinf(self.deadline) else island.candidates  # a time limit may stop it before its end
        try:
            receive_island(own.space, own.groups, island, state, least, end)
        except Damaged as error:
            self._retry(future, f"was returned by the worker {worker} in an invalid state: {error}")
            return []
        del self.running[str(future.key)]
        del self.failures[number]
        return [number]

    def _result(self, future: Future[Any]) -> tuple[str, bytes] | None:
        """The worker and the state that an epoch returned. Without a result the epoch is submitted or fetched again."""
        try:
            match future.result(timeout=FETCH_SECONDS):
                case str(worker), bytes(state):
                    return worker, state
                case other:
                    self._retry(future, f"returned a {type(other).__name__} in place of a state")
        except KilledWorker:
            self._retry(
                future,
                "ended the workers that it ran on: they crashed, hung or were killed, perhaps for lack of memory",
            )
        except CancelledError:
            self._find_scheduler()
            self._retry(future, "was cancelled")
        except ExecutorError:
            raise
        except Exception as error:  # whatever a worker raises, also for lack of memory or of room on its disk
            if isinstance(error, TimeoutError) and future.status != "error":
                future.add_done_callback(self.done.put)
            else:
                self._retry(future, f"failed ({type(error).__name__}: {error})")
        return None

    def pause(self) -> None:
        """Nothing to do: the local islands are always idle."""

    def drain(self) -> None:
        """After the deadline, wait up to ``GRACE_SECONDS`` for the results of epochs that the deadline stopped."""
        while self.running and self.deadline <= time.monotonic() <= self.deadline + GRACE_SECONDS:
            self.wait(TICK_SECONDS)

    def cancel(self) -> None:
        """Cancel the epochs that are still running."""
        futures = [future for _, _, future in self.running.values()]
        if futures and self.executor.client.status == "running":
            self.executor.client.cancel(futures, force=True)

    def _retry(self, future: Future[Any], why: str) -> None:
        """Submit a failed epoch again. Raises ``ExecutorError`` after ``patience.attempts`` failures."""
        number, end, _ = self.running.pop(str(future.key))
        self.failures[number] += 1
        if self.failures[number] >= self.executor.patience.attempts:
            times = f"{self.failures[number]} times" if self.failures[number] > 1 else "once"
            raise ExecutorError(f"an epoch of island {number} {why}, {times}; see the workers' logs")
        self.start(number, end)

    def _find_scheduler(self) -> None:
        """Wait until the client has reconnected to its scheduler. Raises ``ExecutorError`` after ``patience.away`` seconds."""
        client, limit = self.executor.client, time.monotonic() + self.executor.patience.away
        while client.status != "running":
            if client.status == "closed" or time.monotonic() > limit:
                raise ExecutorError(
                    f"the connection to the scheduler at {self.executor.address} is lost; start the scheduler again"
                )
            time.sleep(TICK_SECONDS)
