"""A run that was stopped and went on ends as one that was not."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from search_runs import files, small

from azdsl.config.search import SettingsError
from azdsl.config.tasks import FileTask
from azdsl.search import recorder, session
from azdsl.search.evolve import run
from azdsl.search.islands import workers
from azdsl.search.islands.workers import interruptible
from azdsl.search.rundir import checkpoint, names


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without interruptions."""
    path = tmp_path_factory.mktemp("whole") / "run"
    return run(small(restart=1000), out=path, quiet=True)


def interrupt(epoch):
    """A callback that stands for Ctrl-C at the end of an epoch."""

    def on_epoch(snapshot):
        if snapshot.epoch >= epoch:
            raise KeyboardInterrupt

    return on_epoch


@pytest.mark.parametrize("epochs", [[1], [4], [1, 2, 5, 6]])
def test_interrupted_and_resumed(tmp_path, whole, epochs):
    path = tmp_path / "run"
    first = run(small(restart=1000), out=path, quiet=True, on_epoch=interrupt(epochs[0]))
    assert first.interrupted and (path / "best.az").exists() and first.evaluations == 400 * epochs[0]
    for epoch in epochs[1:]:
        assert run(None, resume=path, quiet=True, on_epoch=interrupt(epoch), workers=1).interrupted
    last = run(None, resume=path, quiet=True)
    assert files(path) == files(whole.run_dir)
    assert (last.evaluations, last.layers) == (whole.evaluations, whole.layers)
    assert [e["evaluations"] for e in last.history] == [e["evaluations"] for e in whole.history]


def test_the_path_of_a_table_is_the_same_after_a_resumption(tmp_path):
    rows = [f"{a / 7:.3f},{a % 5},{a / 3 + a % 5:.3f}" for a in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    asked = replace(small(max_evals=800), task=FileTask(data="t.csv", tasks=2, epochs=1))
    whole = run(asked, base_dir=tmp_path, out=tmp_path / "whole", quiet=True)
    run(asked, base_dir=tmp_path, out=tmp_path / "parts", quiet=True, on_epoch=interrupt(1))
    run(None, resume=tmp_path / "parts", quiet=True)
    assert "2 splits of ../t.csv" in (whole.run_dir / "best.az").read_text()
    assert files(tmp_path / "parts") == files(whole.run_dir)


@pytest.mark.parametrize("limit", [1, 333, 1234, 2000])
def test_a_limit_that_is_raised(tmp_path, whole, limit):
    path = tmp_path / "run"
    run(small(restart=1000, max_evals=limit), out=path, quiet=True)
    last = run(small(restart=1000), resume=path, quiet=True)
    assert files(path) == files(whole.run_dir) and last.layers == whole.layers


def test_a_time_limit_in_the_middle_of_an_epoch(tmp_path):
    settings = {"epoch": 40_000, "max_evals": 80_000, "cache": 5000}
    run(small(**settings), out=tmp_path / "a", quiet=True)
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(looks) / 1000, thread_time=time.thread_time)
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # a millisecond passes whenever the clock is read: any machine stops in the middle
        patch.setattr(session, "time", clock)
        patch.setattr(workers, "time", clock)
        patch.setattr(workers, "SLICE_SECONDS", 0.0)
        stopped = run(small(**settings, timeout=0.05), out=tmp_path / "b", quiet=True, workers=1)
    assert 0 < stopped.evaluations < 80_000
    run(small(**settings), resume=tmp_path / "b", quiet=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_caches_that_are_full(tmp_path):
    settings = {"cache": 30, "all_ops": True}
    first = run(small(**settings), out=tmp_path / "a", quiet=True)
    run(small(**settings), out=tmp_path / "b", quiet=True, on_epoch=interrupt(4))
    second = run(None, resume=tmp_path / "b", quiet=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert (first.evaluations, first.layers) == (second.evaluations, second.layers)


def test_checkpoints_take_at_most_a_hundredth_of_the_time():
    assert [recorder.save_after(seconds) for seconds in (0.0, 0.05, 0.1, 3.0)] == [10.0, 10.0, 10.0, 300.0]


@pytest.mark.parametrize("damage", [b"", b"azdsl checkpoint %d\n" % checkpoint.SCHEMA, "half", "flipped"])
def test_a_torn_checkpoint(tmp_path, whole, damage, capsys):
    path = tmp_path / "run"
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(recorder, "save_after", lambda seconds: 0.0)
        run(small(restart=1000), out=path, quiet=True, on_epoch=interrupt(5))
    file = path / names.CHECKPOINT
    data = file.read_bytes()
    if damage == "half":
        damage = data[: len(data) // 2]
    elif damage == "flipped":
        damage = data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]
    file.write_bytes(damage)
    last = run(None, resume=path, quiet=True)
    message = capsys.readouterr().err
    assert str(file) in message and "resumes from the previous checkpoint" in message
    assert files(path) == files(whole.run_dir) and last.layers == whole.layers


def test_no_checkpoint_at_all(tmp_path, whole):
    """A run killed before its first checkpoint begins again; one whose checkpoints are all torn is left as it is."""
    path = tmp_path / "run"
    run(small(restart=1000), out=path, quiet=True, on_epoch=interrupt(2))
    found = files(path)
    for name in (names.CHECKPOINT, names.CHECKPOINT_BEFORE):
        (path / name).write_bytes(b"torn")
    with pytest.raises(
        SettingsError, match=rf"{path / names.CHECKPOINT_BEFORE} cannot be used: .*; no other is beside it"
    ):
        run(None, resume=path, quiet=True)
    assert files(path) == found
    for name in (names.CHECKPOINT, names.CHECKPOINT_BEFORE):
        (path / name).unlink()
    run(None, resume=path, quiet=True)
    assert files(path) == files(whole.run_dir)


def test_other_versions_and_settings(tmp_path):
    path = tmp_path / "run"
    run(small(), out=path, quiet=True, on_epoch=interrupt(1))
    with pytest.raises(SettingsError, match="other settings"):
        run(small(tournament=6), resume=path, quiet=True)
    with pytest.raises(SettingsError, match="leave out"):
        run(small(), resume=path, out=tmp_path / "b", quiet=True)
    config = path / "config.toml"
    text = config.read_text()
    config.write_text(text.replace('data = "', 'data = "0'))
    with pytest.raises(SettingsError, match=r"data of .* have changed"):
        run(None, resume=path, quiet=True)
    config.write_text(text.replace("schema = 1", "schema = 99"))
    with pytest.raises(SettingsError, match="schema version 99"):
        run(None, resume=path, quiet=True)
    config.write_text(text)
    file = path / names.CHECKPOINT
    file.write_bytes(file.read_bytes().replace(b"checkpoint %d" % checkpoint.SCHEMA, b"checkpoint 99", 1))
    with pytest.raises(SettingsError, match="schema version 99"):
        run(None, resume=path, quiet=True)
    with pytest.raises(SettingsError, match="not a run directory"):
        run(None, resume=tmp_path, quiet=True)


def test_a_finished_run_has_nothing_to_do(tmp_path, whole):
    path = tmp_path / "run"
    first = run(small(), out=path, quiet=True)
    before = files(path)
    again = run(None, resume=path, quiet=True)
    assert again.evaluations == first.evaluations and files(path) == before


@pytest.fixture
def heeded():
    """Hang-ups are heeded, here and in processes started from here, even if the tests were started with ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "azdsl", "evolve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.usefixtures("heeded")
def test_signals_stop_a_run_and_keep_the_result(tmp_path, number):
    seed = tmp_path / "seed.az"
    seed.write_text(str(small(max_evals=None)))
    with start(str(seed), "--out", str(tmp_path / "run")) as process:
        assert process.stdout and process.stderr
        for line in process.stderr:
            if "candidates" in line:
                break
        process.send_signal(signal.Signals[number])
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "def Predict():" in out and "interrupted" in out
    assert "# test fitness" in (tmp_path / "run" / "best.az").read_text()


@pytest.mark.skipif(os.name != "posix", reason="terminals as POSIX has them")
@pytest.mark.usefixtures("heeded")
def test_a_terminal_that_goes_away_stops_a_run_and_keeps_the_result(tmp_path):
    """As when a connection over ssh breaks: the display can no longer write, and the signal may come twice."""
    import fcntl
    import termios

    seed = tmp_path / "seed.az"
    seed.write_text(str(small(max_evals=None)))
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "azdsl", "evolve", str(seed), "--out", str(tmp_path / "run")],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    said = b""
    while b"Ctrl-C" not in said:
        said += os.read(ours, 65536)
    os.close(ours)
    process.wait(timeout=60)
    facts = json.loads((tmp_path / "run" / "result.json").read_text())
    assert facts["interrupted"] and "# test fitness" in (tmp_path / "run" / "best.az").read_text()
    assert process.returncode == 141  # nobody reads what is printed, as behind a pipe that is closed


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.usefixtures("heeded")
def test_a_second_hang_up_and_nohup():
    with interruptible() as asked:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert asked.is_set()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as asked:
            signal.raise_signal(signal.SIGHUP)
            assert not asked.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
