"""Islands on a Dask cluster: an epoch of an island is a task of the cluster.

A task's input and output are bytes, so that running it again gives the same: Dask does so when a worker dies, and
so does this executor when Dask gives up or the scheduler was away. The islands here change when a whole
epoch has come back, so whatever happens they are as a checkpoint may have them.
"""

from __future__ import annotations

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
from azdsl.cluster.wire import Job, decode_island, encode_island
from azdsl.search.islands.executor import TICK_SECONDS, ExecutorError
from azdsl.search.kernel.population import Island
from azdsl.search.kernel.space import Space

FETCH_SECONDS = 30.0
"""How long a result is waited for at a time: when its worker dies before it was fetched, Dask has the epoch run again."""

GRACE_SECONDS = 5.0
"""How long after the deadline an island is waited for."""


@dataclass(frozen=True)
class Patience:
    """When to give up: ``hang`` seconds for a tenth of a second's work; ``attempts`` at an epoch, each of them as
    many workers as Dask lets a task end; ``away`` seconds without the scheduler.
    """

    hang: float = 300.0
    attempts: int = 5
    away: float = 30.0


@dataclass(frozen=True)
class ClusterExecutor:
    """Lets islands go on at the workers of ``client``, whose scheduler is at ``address``."""

    client: Client
    address: str
    spaces: Sequence[Space]
    job: Job
    patience: Patience

    @contextmanager
    def crew(self, islands: Sequence[Island], deadline: float) -> Iterator[ClusterCrew]:
        """A crew for these islands. At its end an island whose epoch has not come back stays as it was."""
        crew = ClusterCrew(self, islands, deadline)
        try:
            yield crew
            crew.wait_for_the_last()
        finally:
            crew.abandon()

    def supply(self, *workers: str) -> None:
        """Give the job to some workers; those that are gone meanwhile need none."""
        self.client.run(remote.take, self.job.data, workers=list(workers), on_error="ignore")


@dataclass
class ClusterCrew:
    """Islands whose epochs run on a cluster: the futures by their task's key, and how often in a row an island's failed.

    An island here changes when its epoch has come back, so that it always stands still.
    """

    executor: ClusterExecutor
    islands: Sequence[Island]
    deadline: float
    running: dict[str, tuple[int, int, Future[Any]]] = field(default_factory=dict)
    failures: Counter[int] = field(default_factory=Counter)
    done: SimpleQueue[Future[Any]] = field(default_factory=SimpleQueue)

    def start(self, number: int, end: int) -> None:
        """Have an island's epoch run."""
        executor = self.executor
        order = remote.Order(
            job=executor.job.digest,
            island=number,
            end=end,
            seconds=self.deadline - time.monotonic(),
            hang=executor.patience.hang,
            fingerprint=dict(fingerprint()),
        )
        state = encode_island(executor.spaces[number], self.islands[number])
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):  # it is data, and meant
            future = executor.client.submit(
                remote.epoch, order.encode(), state, key=f"azdsl_epoch-{uuid4().hex}", pure=False
            )
        self.running[str(future.key)] = number, end, future
        future.add_done_callback(self.done.put)

    def settle(self, seconds: float) -> list[int]:
        """The island whose epoch came back, if one does in that time."""
        try:
            future = self.done.get(timeout=seconds)
        except Empty:
            return []
        number, end, _ = self.running[str(future.key)]
        try:
            worker, state = future.result(timeout=FETCH_SECONDS)
        except TimeoutError:
            future.add_done_callback(self.done.put)
            return []
        except KilledWorker:
            self._again(future, "ended the workers that it ran on: they crashed, hung or were killed")
            return []
        except CancelledError:
            self._find_scheduler()
            self._again(future, "was cancelled")
            return []
        del self.running[str(future.key)]
        if not state:
            try:
                self.executor.supply(worker)
            except OSError:
                self._find_scheduler()
            self.start(number, end)
            return []
        del self.failures[number]
        decode_island(self.executor.spaces[number], self.islands[number], state)
        return [number]

    def pause(self) -> None:
        """Islands stand still already."""

    def wait_for_the_last(self) -> None:
        """After the deadline take in what workers have done until then."""
        while self.running and self.deadline <= time.monotonic() <= self.deadline + GRACE_SECONDS:
            self.settle(TICK_SECONDS)

    def abandon(self) -> None:
        """Do not wait for what still runs."""
        futures = [future for _, _, future in self.running.values()]
        if futures and self.executor.client.status == "running":
            self.executor.client.cancel(futures, force=True)

    def _again(self, future: Future[Any], why: str) -> None:
        """Have a failed epoch run again, unless it failed too often."""
        number, end, _ = self.running.pop(str(future.key))
        self.failures[number] += 1
        if self.failures[number] >= self.executor.patience.attempts:
            times = f"{self.failures[number]} times" if self.failures[number] > 1 else "once"
            raise ExecutorError(f"an epoch of island {number} {why}, {times}; see the workers' logs")
        self.start(number, end)

    def _find_scheduler(self) -> None:
        """Wait until the client has found its scheduler again. Raises ``ExecutorError`` when it does not."""
        client, limit = self.executor.client, time.monotonic() + self.executor.patience.away
        while client.status != "running":
            if client.status == "closed" or time.monotonic() > limit:
                raise ExecutorError(f"the scheduler at {self.executor.address} is gone")
            time.sleep(TICK_SECONDS)
