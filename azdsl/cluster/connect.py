"""Connecting to a cluster: an address, ``local:4`` or a Dask client becomes a validated cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azdsl.config.search import SettingsError
from azdsl.search.islands.executor import Executor, ExecutorError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

    from azdsl.cluster.executor import Patience
    from azdsl.search.islands.plan import Plan

LOCAL = "local:"
PROCESS_BYTES = 200_000_000
"""Resident memory of a worker process of a small search (examples/linear.az: 202 MB)."""

FORMS = "tcp://HOST:PORT, tls://HOST:PORT or local:N (N processes on this machine)"


@dataclass(frozen=True)
class Cluster:
    """A validated cluster: a placement of a search's islands."""

    client: Client
    patience: Patience

    def describe(self) -> str:
        """Text for the user: the number of workers and the dashboard."""
        threads = self.slots()
        waits = "" if threads else " (waiting for the first)"
        return f"{threads} worker{'' if threads == 1 else 's'} of the cluster{waits}, dashboard {self.client.dashboard_link}"

    def slots(self) -> int:
        """The number of threads of all connected workers."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return sum(int(worker["nthreads"]) for worker in workers.values())

    def start(self, plan: Plan) -> Executor:
        """An executor for the islands of ``plan``. Sends the job to all workers."""
        from azdsl.cluster.executor import ClusterExecutor
        from azdsl.cluster.wire import encode_job, job_of

        about = self.client.scheduler_info(n_workers=-1)
        job = job_of(encode_job(plan.experiment, plan.task_sets))
        executor = ClusterExecutor(self.client, about["address"], plan.islands, job, self.patience)
        executor.supply(*about["workers"])
        return executor


@contextmanager
def connect(cluster: Any, patience: Patience | None = None) -> Iterator[Cluster]:
    """A cluster from its address, from ``local:N`` or from a ``distributed.Client``, which stays open.

    Raises ``SettingsError`` when ``cluster`` is none of these or the extra is not installed, and ``ExecutorError`` when the cluster
    cannot be reached or a worker would compute different results.
    """
    try:
        from distributed import Client

        from azdsl.cluster.executor import Patience as Defaults
    except ImportError as error:
        raise SettingsError(
            "cluster", f"a cluster needs the optional dependency distributed: pip install 'azdsl[cluster]' ({error})"
        ) from None
    with ExitStack() as stack:
        client = cluster if isinstance(cluster, Client) else stack.enter_context(_client(cluster))
        _check(client)
        yield Cluster(client, patience or Defaults())


@contextmanager
def processes(count: int) -> Iterator[LocalCluster]:
    """A cluster of worker processes on this machine. A lost process is restarted."""
    import dask
    from distributed import LocalCluster

    with (
        # Dask gives up a process if its replacement has not started, or is lost too, within this time.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1000 days"}),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


def _check_memory(count: int) -> None:
    """Raise ``ExecutorError`` when the memory of this machine, or of its control group, is too short for worker processes."""
    import psutil
    from distributed.system import MEMORY_LIMIT

    available = min(psutil.virtual_memory().available, MEMORY_LIMIT)
    if count * PROCESS_BYTES > available:
        fit = int(available // PROCESS_BYTES)
        way = f"use {LOCAL}{fit}" if fit else "leave out cluster: threads share the memory of one process"
        raise ExecutorError(
            f"{LOCAL}{count}: {count} processes take about {count * PROCESS_BYTES / 1e9:.1f} GB, "
            f"but {available / 1e9:.1f} GB of memory are available; {way}"
        )


@contextmanager
def _client(cluster: Any) -> Iterator[Client]:
    """A client that is closed at the end of the context."""
    from distributed import Client

    with ExitStack() as stack:
        address = cluster
        if isinstance(cluster, str) and cluster.startswith(LOCAL):
            count = cluster.removeprefix(LOCAL)
            if not count.isdecimal() or int(count) < 1:
                raise SettingsError(
                    "cluster", f"cluster {cluster!r} is invalid; write local:N with N processes, such as local:4"
                )
            _check_memory(int(count))
            try:
                address = stack.enter_context(processes(int(count)))
            except (OSError, RuntimeError, TimeoutError) as error:
                raise ExecutorError(f"cannot start {count} processes: {error}; use fewer, or raise ulimit -u") from None
        elif not isinstance(cluster, str) or "://" not in cluster:
            raise SettingsError("cluster", f"cluster {cluster!r} is not an address; use {FORMS}")
        try:
            client = Client(address, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ExecutorError(f"cannot connect to {cluster}: {error}") from None
        yield stack.enter_context(client)


def _check(client: Client) -> None:
    """Raise ``ExecutorError`` when a worker would compute other results than this process.

    Workers lost before they answered are not counted: their replacements compare environment fingerprints at every epoch.
    """
    from azdsl.cluster.fingerprint import differences, fingerprint
    from azdsl.cluster.remote import mismatch

    for worker, there in client.run(fingerprint, on_error="return").items():
        if isinstance(there, OSError):
            continue
        if isinstance(there, Exception):
            raise ExecutorError(
                f"the worker {worker} cannot run azdsl: {type(there).__name__}: {there}; install azdsl[cluster] on its machine"
            )
        other = differences(fingerprint(), there)
        if other:
            raise ExecutorError(mismatch(f"the worker {worker}", other))
