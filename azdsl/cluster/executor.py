"""Islands on a Dask cluster: an epoch of an island is a task of the cluster.

A task's input and output are bytes, so that running it again gives the same: Dask does so when a worker dies, and
so does this executor when Dask gives up or the scheduler was away. The islands here change when a whole
epoch has come back, so whatever happens they are as a checkpoint may have them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, Future
from distributed.scheduler import KilledWorker

from azdsl.cluster import remote
from azdsl.cluster.facts import facts
from azdsl.cluster.wire import Job, decode_island, encode_island
from azdsl.search.executor import ExecutorError, Stretch
from azdsl.search.population import Island
from azdsl.search.space import Space

TICK_SECONDS = 0.1
"""How often the display is refreshed while islands run."""

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

    def advance(
        self, islands: Sequence[Island], stretch: Stretch, asked: threading.Event, tick: Callable[[], None]
    ) -> None:
        """Let every island go on to its end. Stopped before, an island whose epoch has not come back stays as it was."""
        epochs = _Epochs(self, islands, stretch)
        try:
            for number, island in enumerate(islands):
                if island.clock[1] < stretch.ends[number]:
                    epochs.submit(number)
            while epochs.running:
                if asked.is_set() or time.monotonic() > stretch.deadline + GRACE_SECONDS:
                    return
                epochs.settle(TICK_SECONDS)
                tick()
        finally:
            epochs.abandon()

    def supply(self, *workers: str) -> None:
        """Give the job to some workers; those that are gone meanwhile need none."""
        self.client.run(remote.take, self.job.data, workers=list(workers), on_error="ignore")


@dataclass
class _Epochs:
    """The epochs of one stretch: those that run by their task's key, and how often each failed."""

    executor: ClusterExecutor
    islands: Sequence[Island]
    stretch: Stretch
    running: dict[str, tuple[int, Future[Any]]] = field(default_factory=dict)
    failures: Counter[int] = field(default_factory=Counter)
    done: SimpleQueue[Future[Any]] = field(default_factory=SimpleQueue)

    def submit(self, number: int) -> None:
        """Have an island's epoch run."""
        executor, stretch = self.executor, self.stretch
        order = remote.Order(
            job=executor.job.digest,
            island=number,
            end=stretch.ends[number],
            seconds=stretch.deadline - time.monotonic(),
            hang=executor.patience.hang,
            facts=dict(facts()),
        )
        state = encode_island(executor.spaces[number], self.islands[number])
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):  # it is data, and meant
            future = executor.client.submit(remote.epoch, order.encode(), state, key=f"azdsl_epoch-{uuid4().hex}", pure=False)
        self.running[str(future.key)] = number, future
        future.add_done_callback(self.done.put)

    def settle(self, seconds: float) -> None:
        """Take in an epoch that came to its end, if one does in that time."""
        try:
            future = self.done.get(timeout=seconds)
        except Empty:
            return
        number, _ = self.running[str(future.key)]
        try:
            worker, state = future.result(timeout=FETCH_SECONDS)
        except TimeoutError:
            future.add_done_callback(self.done.put)
            return
        except KilledWorker:
            self._again(number, future, "ended the workers that it ran on: they crashed, hung or were killed")
        except CancelledError:
            self._find_scheduler()
            self._again(number, future, "was cancelled")
        else:
            del self.running[str(future.key)]
            if state:
                decode_island(self.executor.spaces[number], self.islands[number], state)
            else:
                self.executor.supply(worker)
                self.submit(number)

    def abandon(self) -> None:
        """Do not wait for what still runs."""
        futures = [future for _, future in self.running.values()]
        if futures and self.executor.client.status == "running":
            self.executor.client.cancel(futures, force=True)

    def _again(self, number: int, future: Future[Any], why: str) -> None:
        """Have a failed epoch run again, unless it failed too often."""
        del self.running[str(future.key)]
        self.failures[number] += 1
        if self.failures[number] >= self.executor.patience.attempts:
            times = f"{self.failures[number]} times" if self.failures[number] > 1 else "once"
            raise ExecutorError(f"an epoch of island {number} {why}, {times}; see the workers' logs")
        self.submit(number)

    def _find_scheduler(self) -> None:
        """Wait until the client has found its scheduler again. Raises ``ExecutorError`` when it does not."""
        client, limit = self.executor.client, time.monotonic() + self.executor.patience.away
        while client.status != "running":
            if client.status == "closed" or time.monotonic() > limit:
                raise ExecutorError(f"the scheduler at {self.executor.address} is gone")
            time.sleep(TICK_SECONDS)
