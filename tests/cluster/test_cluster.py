"""A search on a cluster gives what it gives on threads, whatever happens to workers and scheduler.

Workers live in this process where that is enough: starting processes is most of the time.
"""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from dataclasses import replace

import dask
import pytest
from distributed import Future
from search_runs import files, small

from azdsl.cluster import remote
from azdsl.cluster.connect import _check, connect, processes
from azdsl.cluster.executor import ClusterExecutor, Patience
from azdsl.config.experiment import Group
from azdsl.config.search import IslandSettings, Range, SettingsError
from azdsl.search.evolve import run
from azdsl.search.islands.executor import ExecutorError

from .clusters import client_of, crash, hang, local, pretend, workers

# Dask leaves closing some of its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def experiment(**settings):
    """Islands that differ and exchange in both ways."""
    groups = (Group(Range(1, 1), IslandSettings(tournament=10), mutations=("alter", "trade")),)
    return replace(small(islands=3, exchange="both", **settings), groups=groups)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What threads find."""
    path = tmp_path_factory.mktemp("whole") / "run"
    return run(experiment(), out=path, quiet=True, workers=1)


@pytest.fixture(scope="module")
def cluster():
    with local(2) as found:
        yield found


@pytest.fixture
def client(cluster):
    with client_of(cluster) as found:
        yield found


def same(result, whole):
    """Whether two runs ended alike."""
    facts = [
        (files(r.run_dir), r.layers, r.evaluations, [(e["best"], e["evaluations"]) for e in r.history])
        for r in (result, whole)
    ]
    return facts[0] == facts[1]


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_workers(tmp_path, whole, count, processes):
    with local(count, processes=processes) as cluster, connect(cluster.scheduler_address) as placement:
        assert placement.describe().startswith(f"{count} worker")
        assert placement.slots() == count
        result = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement)
    assert same(result, whole)


def test_the_user_is_told_of_workers_that_stay_idle(capsys, cluster):
    with connect(cluster.scheduler_address) as placement:
        for islands, told in ((1, True), (placement.slots(), False)):
            run(small(islands=islands, max_evals=200), placement=placement)
            assert (f"; islands={2 * placement.slots()} would keep them all busy\n" in capsys.readouterr().err) == told


def test_any_mixture_after_a_resume(tmp_path, whole, client):
    path = tmp_path / "run"
    stops = iter([2, 5, 7])

    def leg(resume=True, **where):
        stop = next(stops, None)
        start = {"resume": path} if resume else {"out": path}
        return run(None if resume else experiment(), quiet=True, on_epoch=lambda s: s.epoch == stop, **start, **where)

    with connect(client) as placement:
        leg(resume=False, placement=placement)
        leg(workers=2)
        leg(placement=placement)
    assert same(leg(workers=4), whole)


def test_workers_that_lack_the_job_are_given_it(tmp_path, whole, client, monkeypatch):
    given = []
    take = remote.Jobs.take
    monkeypatch.setattr(remote.Jobs, "take", lambda jobs, job: given.append(job) or take(jobs, job))

    def forget(snapshot):
        if snapshot.epoch == 3:
            remote.jobs.cache_clear()

    with connect(client) as placement:
        result = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement, on_epoch=forget)
    assert same(result, whole)
    assert 2 < len(given) <= 2 + 3  # once for each worker, then once for each epoch that came too early


def test_a_scheduler_that_is_away_when_a_worker_needs_the_job(tmp_path, whole, client, monkeypatch):
    """The search looks for it, as for any other answer, and has the epoch run again."""
    asked, supply = [], ClusterExecutor.supply

    def supply_in_time(executor, *workers):
        asked.append(workers)
        if len(asked) == 2:  # the first time is before the search begins
            raise OSError("Timed out trying to connect")
        supply(executor, *workers)

    monkeypatch.setattr(ClusterExecutor, "supply", supply_in_time)
    with connect(client) as placement:
        result = run(
            experiment(),
            out=tmp_path / "run",
            quiet=True,
            placement=placement,
            on_epoch=lambda s: s.epoch == 3 and remote.jobs.cache_clear(),
        )
    assert same(result, whole) and len(asked) > 2


def test_a_native_call_that_fails_costs_one_epoch(tmp_path, whole):
    """A crash, then a worker of other versions in place of the one that crashed."""
    fail_in_a_process(tmp_path, whole, crash, Patience())


def test_a_result_that_is_lost_before_it_is_fetched_is_waited_for(tmp_path, whole, client, monkeypatch):
    """Dask computes it again; meanwhile the search goes on with the others and heeds Ctrl-C."""
    fetch, late = Future.result, []

    def result(future, timeout=None):
        if len(late) < 5:
            late.append(timeout)
            raise TimeoutError
        return fetch(future, timeout)

    monkeypatch.setattr(Future, "result", result)
    with connect(client) as placement:
        found = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement)
    assert same(found, whole) and len(late) == 5 and None not in late


def test_a_process_that_is_lost_is_started_again_however_long_that_takes():
    """Dask's own limit, here none, is not heeded: with it ``local:1`` would be left without a worker."""
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "0s"}),
        processes(1) as cluster,
        client_of(cluster) as client,
    ):
        (before,) = client.run(os.getpid).values()
        os.kill(before, signal.SIGKILL)
        after = client.submit(os.getpid, pure=False).result(timeout=1800)
    assert after not in (before, os.getpid())


@pytest.mark.slow
def test_a_native_call_that_hangs_costs_one_epoch(tmp_path, whole):
    fail_in_a_process(tmp_path, whole, hang, Patience(hang=5.0))


def fail_in_a_process(tmp_path, whole, fault, patience):
    with local(1, processes=True) as cluster, client_of(cluster) as client:
        before = workers(client)
        with connect(client, patience) as placement:
            fail = {2: fault}
            result = run(
                experiment(),
                out=tmp_path / "run",
                quiet=True,
                placement=placement,
                on_epoch=lambda s: s.epoch in fail and client.run(fail.pop(s.epoch)) is None,
            )
            assert same(result, whole) and not fail
            assert not set(before) & set(workers(client))
            client.run(pretend, "numba", "0.1")
            with pytest.raises(ExecutorError, match=r"numba is [0-9.]+ here and 0\.1 there") as refused:
                run(experiment(), out=tmp_path / "other", quiet=True, placement=placement)
            assert "azdsl evolve --resume" in str(refused.value)
        with (
            pytest.raises(ExecutorError, match=r"worker tcp://.*numba is [0-9.]+ here and 0\.1 there"),
            connect(client),
        ):
            pass


@pytest.mark.slow
def test_an_epoch_that_fails_again_and_again(tmp_path, whole):
    path = tmp_path / "run"
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local(1, processes=True) as cluster,
        client_of(cluster) as client,
        connect(client, Patience(attempts=1)) as placement,
        pytest.raises(ExecutorError, match=r"crashed, hung or were killed, once"),
    ):
        run(
            experiment(),
            out=path,
            quiet=True,
            placement=placement,
            on_epoch=lambda s: s.epoch == 3 and client.run(crash) is None,
        )
    assert same(run(None, resume=path, quiet=True), whole)


def test_the_scheduler_is_lost(tmp_path, whole):
    path = tmp_path / "run"
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        local(1) as cluster,
        connect(cluster.scheduler_address, Patience(away=0.2)) as placement,
        pytest.raises(
            ExecutorError, match=rf"(?s)connection to the scheduler at tcp://.* is lost.*azdsl evolve --resume {path}"
        ),
    ):
        run(
            experiment(), out=path, quiet=True, placement=placement, on_epoch=lambda s: s.epoch == 3 and cluster.close()
        )
    assert same(run(None, resume=path, quiet=True), whole)


def test_a_time_limit(tmp_path, client):
    with connect(client) as placement:
        result = run(experiment(epoch=100_000_000, max_evals=None, timeout=0.5), quiet=True, placement=placement)
    assert result.stopped.startswith("timeout") and result.evaluations > 0


@pytest.mark.parametrize(
    "cluster, message",
    [("nonsense", "not an address"), (5, "not an address"), ("local:x", "local:N"), ("local:0", "local:N")],
)
def test_what_is_no_cluster(cluster, message):
    with pytest.raises(SettingsError, match=message), connect(cluster):
        pass


@pytest.mark.parametrize(("error", "refused"), [(OSError("Timed out"), False), (ImportError("no azdsl"), True)])
def test_a_worker_lost_before_it_sent_its_fingerprint_is_not_counted_as_different(error, refused):
    class Asking:
        def run(self, *_, **__):
            return {"tcp://10.0.0.5:1234": error}

    with pytest.raises(ExecutorError, match=r"tcp://10\.0\.0\.5:1234 cannot run azdsl") if refused else nullcontext():
        _check(Asking())


def test_nobody_at_the_address():
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ExecutorError, match=r"cannot connect to tcp://127\.0\.0\.1:9"),
        connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_workers_and_a_cluster(client):
    with connect(client) as placement, pytest.raises(SettingsError, match="leave out workers"):
        run(experiment(), workers=2, placement=placement)
