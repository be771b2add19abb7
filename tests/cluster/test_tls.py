"""Encrypted clusters, with certificates made for the test."""

from __future__ import annotations

from contextlib import ExitStack

import dask
import pytest
import trustme
from distributed.security import Security
from search_runs import small

from azdsl.cluster.connect import connect
from azdsl.search.evolve import run
from azdsl.search.islands.executor import ExecutorError

from .clusters import local

# Dask leaves closing some of its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

ROLES = ("scheduler", "worker", "client")


def certificates(folder):
    """Dask's settings with a new authority and one certificate for all roles, as in docs/cluster.md."""
    folder.mkdir()
    authority = trustme.CA()
    ours = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    ours.private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    roles = {
        f"distributed.comm.tls.{role}.{what}": str(folder / "cert.pem") for role in ROLES for what in ("cert", "key")
    }
    return {"distributed.comm.tls.ca-file": str(folder / "ca.pem"), **roles}


def test_a_search_over_tls(tmp_path):
    ours, others = certificates(tmp_path / "ours"), certificates(tmp_path / "others")
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({**ours, "distributed.comm.timeouts.connect": "2s"}))
        security = Security(require_encryption=True)
        cluster = stack.enter_context(local(1, protocol="tls://", host="127.0.0.1", security=security))
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        with connect(address) as placement:
            found = run(small(max_evals=800), quiet=True, placement=placement)
        assert found.best == run(small(max_evals=800), quiet=True, workers=1).best
        with dask.config.set(others), pytest.raises(ExecutorError, match="cannot connect to tls://"), connect(address):
            pass
        with pytest.raises(ExecutorError, match="cannot connect to tcp://"), connect(address.replace("tls", "tcp")):
            pass
