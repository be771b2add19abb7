"""Clusters for tests, and faults of their workers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, LocalCluster

from azdsl.cluster import remote


@contextmanager
def local(count: int, **settings: Any) -> Iterator[LocalCluster]:
    """Workers of one thread each, connected over TCP, with the dashboard at a free port."""
    known = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    within = {"processes": False, "protocol": "tcp://"}
    with LocalCluster(n_workers=count, **(known | within | settings)) as cluster:
        yield cluster


@contextmanager
def client_of(cluster: LocalCluster) -> Iterator[Client]:
    """A client that is not the default client."""
    with Client(cluster, set_as_default=False) as client:
        yield client


def workers(client: Client) -> list[str]:
    """The workers' addresses."""
    return list(client.scheduler_info(n_workers=-1)["workers"])


def crash() -> None:
    """Make this worker process crash in its next epoch, as by a fault in native code."""

    def run_slices(*_: Any) -> None:
        os.abort()

    remote.run_slices = run_slices


def hang() -> None:
    """Make this worker's next epoch hang."""
    import threading

    def run_slices(*_: Any) -> None:
        threading.Event().wait()

    remote.run_slices = run_slices


def pretend(package: str, version: str) -> None:
    """Make this worker say that it has another version."""
    from azdsl.cluster import fingerprint

    true = dict(fingerprint.fingerprint())
    fingerprint.fingerprint = remote.fingerprint = lambda: true | {package: version}
