"""A search on a cluster gives what it gives on threads, whatever happens to workers and scheduler.

Workers live in this process where that is enough: starting processes is most of the time.
"""

from __future__ import annotations

import errno
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
from azdsl.config.experiment import Group, Stage
from azdsl.config.search import IslandSettings, Range, SettingsError, StageSettings
from azdsl.config.tasks import Linear
from azdsl.search.evolve import run
from azdsl.search.islands.executor import ExecutorError

from .clusters import client_of, crash, hang, local, pretend, workers

# Dask leaves closing some of its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def experiment(**settings):
    """Islands with different settings and both kinds of exchange."""
    groups = (Group(Range(1, 1), IslandSettings(tournament=10), mutations=("alter", "trade")),)
    return replace(small(islands=3, exchange="both", **settings), groups=groups)


@pytest.fixture(scope="module")
def on_threads(tmp_path_factory):
    """The result of a run on threads."""
    path = tmp_path_factory.mktemp("on_threads") / "run"
    return run(experiment(), out=path, quiet=True, workers=1)


@pytest.fixture(scope="module")
def cluster():
    with local(2) as found:
        yield found


@pytest.fixture
def client(cluster):
    with client_of(cluster) as found:
        yield found


def same(result, on_threads):
    """Whether the results of two runs are equal."""
    facts = [
        (files(r.run_dir), r.layers, r.evaluations, [(e["best"], e["evaluations"]) for e in r.history])
        for r in (result, on_threads)
    ]
    return facts[0] == facts[1]


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_workers(tmp_path, on_threads, count, processes):
    with local(count, processes=processes) as cluster, connect(cluster.scheduler_address) as placement:
        assert placement.describe().startswith(f"{count} worker")
        assert placement.slots() == count
        result = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement)
    assert same(result, on_threads)


def test_idle_workers_are_reported(capsys, cluster):
    with connect(cluster.scheduler_address) as placement:
        for islands, told in ((1, True), (placement.slots(), False)):
            run(small(islands=islands, max_evals=200), placement=placement)
            assert (f"; islands={2 * placement.slots()} would keep them all busy\n" in capsys.readouterr().err) == told


def test_a_run_can_be_resumed_on_threads_and_on_a_cluster(tmp_path, on_threads, client):
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
    assert same(leg(workers=4), on_threads)


def test_stages_are_jobs_of_their_own(tmp_path, client):
    """More of them than a worker keeps."""
    task = Linear(features=2, tasks=4, train=8, valid=4, select_tasks=3)
    stages = (Stage(task, StageSettings(max_evals=500)), Stage(None, StageSettings(max_evals=500)))
    staged = replace(experiment(), stages=stages)
    with connect(client) as placement:
        results = [
            run(staged, out=tmp_path / name, quiet=True, **where)
            for name, where in (("cluster", {"placement": placement}), ("threads", {"workers": 1}))
        ]
    assert same(*results) and results[0].stages == results[1].stages and len(results[0].stages) == 2


def test_islands_with_tasks_of_their_own(tmp_path, client):
    task = Linear(features=2, tasks=1, train=8, valid=4)
    own = Group(Range(2, 2), IslandSettings(population=20, tournament=4, epoch=300), task=task)
    varied = replace(experiment(), groups=(*experiment().groups, own))
    with connect(client) as placement:
        results = [
            run(varied, out=tmp_path / name, quiet=True, **where)
            for name, where in (("cluster", {"placement": placement}), ("threads", {"workers": 1}))
        ]
    assert same(*results)


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_proposals_enter_the_islands_of_a_cluster(tmp_path, client, processes):
    """Also of a run that goes on where it was not started."""

    def propose(hall_of_fame):
        return [hall_of_fame[-1].program, f"def Predict():\n  s1 = s{len(hall_of_fame) % 3}\n", "no program"]

    whole = run(experiment(), out=tmp_path / "threads", quiet=True, workers=1, proposals=propose)
    path = tmp_path / "cluster"
    with connect("local:2" if processes else client) as placement:
        run(
            experiment(),
            out=path,
            quiet=True,
            placement=placement,
            proposals=propose,
            on_epoch=lambda snapshot: snapshot.epoch == 2,
        )
        result = run(None, resume=path, quiet=True, placement=placement, proposals=propose)
    assert same(result, whole) and result.proposals == whole.proposals
    assert whole.proposals["proposed"] - whole.proposals["refused"] >= 4
    assert (path / "proposals.jsonl").read_bytes() == (tmp_path / "threads" / "proposals.jsonl").read_bytes()


def test_workers_without_the_job_receive_it(tmp_path, on_threads, client, monkeypatch):
    given = []
    take = remote.Jobs.take
    monkeypatch.setattr(remote.Jobs, "take", lambda jobs, job: given.append(job) or take(jobs, job))

    def forget(snapshot):
        if snapshot.epoch == 3:
            remote.jobs.cache_clear()

    with connect(client) as placement:
        result = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement, on_epoch=forget)
    assert same(result, on_threads)
    assert 2 < len(given) <= 2 + 3  # once for each worker, then once for each epoch that came too early


def test_a_lost_connection_while_the_job_is_sent_repeats_the_epoch(tmp_path, on_threads, client, monkeypatch):
    """The search reconnects and submits the epoch again."""
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
    assert same(result, on_threads) and len(asked) > 2


def test_a_crash_in_native_code_loses_one_epoch(tmp_path, on_threads):
    """A crash, then a worker with other versions in place of the crashed one."""
    fail_in_a_process(tmp_path, on_threads, crash, Patience())


def test_invalid_states_and_failing_workers_lose_nothing(tmp_path, on_threads, client, monkeypatch):
    """Each fault once: its epoch runs again, and the result is that of a run without faults."""
    advance, met = remote.advance, []

    def once(context, request, state):
        found = advance(context, request, state)
        number = len(met)
        met.append(request.island)
        if number < len(FAULTS):
            return FAULTS[number](found, state)
        return found

    monkeypatch.setattr(remote, "advance", once)
    with connect(client, Patience(attempts=len(FAULTS) + 1)) as placement:
        result = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement)
    assert same(result, on_threads) and len(met) > len(FAULTS)


def fail(error):
    """A fault that raises ``error`` in a worker."""

    def raising(*_):
        raise error

    return raising


FAULTS = (
    lambda found, before: found[: len(found) // 2],
    lambda found, before: b"\x10" * 100,
    lambda found, before: "no bytes",
    lambda found, before: None,
    lambda found, before: before,
    lambda found, before: found.replace(b"'<f8'", b"'|O'  "),
    fail(OSError(errno.ENOSPC, "No space left on device")),
    fail(MemoryError()),
    fail(TimeoutError("of a worker, not of the search")),
    fail(TypeError("of a worker of another version")),
)
"""What workers do in place of returning the state ``found``, by ``before`` the state that they were sent."""


def test_a_worker_that_always_returns_an_invalid_state_is_named(tmp_path, on_threads, client, monkeypatch):
    path = tmp_path / "run"
    with (
        connect(client) as placement,
        monkeypatch.context() as patched,
        pytest.raises(
            ExecutorError, match=r"(?s)island \d was returned by the worker tcp://\S+ in an invalid state: .* 5 times"
        ),
    ):
        run(
            experiment(),
            out=path,
            quiet=True,
            placement=placement,
            on_epoch=lambda s: s.epoch == 3 and patched.setattr(remote, "advance", lambda *_: b"nonsense"),
        )
    assert same(run(None, resume=path, quiet=True), on_threads)


def test_more_processes_than_memory_are_refused_before_they_start():
    with (
        pytest.raises(
            ExecutorError, match=r"local:100000: 100000 processes take about .* GB of memory are available; use local:"
        ),
        connect("local:100000"),
    ):
        pass


def test_a_result_lost_before_it_is_fetched_is_computed_again(tmp_path, on_threads, client, monkeypatch):
    """Dask computes it again, and the search does not block meanwhile."""
    fetch, late = Future.result, []

    def result(future, timeout=None):
        if len(late) < 5:
            late.append(timeout)
            raise TimeoutError
        return fetch(future, timeout)

    monkeypatch.setattr(Future, "result", result)
    with connect(client) as placement:
        found = run(experiment(), out=tmp_path / "run", quiet=True, placement=placement)
    assert same(found, on_threads) and len(late) == 5 and None not in late


def test_a_lost_process_is_restarted_without_a_time_limit():
    """Dask's own limit, here 0 s, has no effect; it would leave ``local:1`` without a worker."""
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
def test_a_hang_in_native_code_loses_one_epoch(tmp_path, on_threads):
    fail_in_a_process(tmp_path, on_threads, hang, Patience(hang=5.0))


def fail_in_a_process(tmp_path, on_threads, fault, patience):
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
            assert same(result, on_threads) and not fail
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
def test_an_epoch_that_always_fails_is_reported(tmp_path, on_threads):
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
    assert same(run(None, resume=path, quiet=True), on_threads)


def test_a_lost_scheduler_is_reported(tmp_path, on_threads):
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
    assert same(run(None, resume=path, quiet=True), on_threads)


def test_a_time_limit(tmp_path, client):
    with connect(client) as placement:
        result = run(experiment(epoch=100_000_000, max_evals=None, timeout=0.5), quiet=True, placement=placement)
    assert result.stopped.startswith("timeout") and result.evaluations > 0


@pytest.mark.parametrize(
    "cluster, message",
    [("nonsense", "not an address"), (5, "not an address"), ("local:x", "local:N"), ("local:0", "local:N")],
)
def test_invalid_clusters_are_refused(cluster, message):
    with pytest.raises(SettingsError, match=message), connect(cluster):
        pass


@pytest.mark.parametrize(("error", "refused"), [(OSError("Timed out"), False), (ImportError("no azdsl"), True)])
def test_a_worker_lost_before_it_sent_its_fingerprint_is_not_counted_as_different(error, refused):
    class Asking:
        def run(self, *_, **__):
            return {"tcp://10.0.0.5:1234": error}

    with pytest.raises(ExecutorError, match=r"tcp://10\.0\.0\.5:1234 cannot run azdsl") if refused else nullcontext():
        _check(Asking())


def test_an_unreachable_address_is_reported():
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ExecutorError, match=r"cannot connect to tcp://127\.0\.0\.1:9"),
        connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_workers_and_cluster_exclude_each_other(client):
    with connect(client) as placement, pytest.raises(SettingsError, match="leave out workers"):
        run(experiment(), workers=2, placement=placement)
