"""Run directories: never overwritten, refused clearly, and a full disk ends nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import tomllib
from contextlib import contextmanager

import numpy as np
import pytest
from search_runs import files, small

from azdsl.cli import main
from azdsl.config.search import SettingsError
from azdsl.search.evolve import run
from azdsl.search.rundir import checkpoint, names
from azdsl.search.rundir import directory as rundir
from azdsl.search.rundir.directory import RunDirectory


def test_a_used_directory_is_refused(tmp_path):
    run(small(max_evals=500), out=tmp_path / "run", quiet=True)
    before = files(tmp_path / "run")
    with pytest.raises(SettingsError, match=r"not empty.*--resume"):
        run(small(max_evals=500), out=tmp_path / "run", quiet=True)
    assert files(tmp_path / "run") == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(SettingsError, match="choose another directory"):
        run(small(), out=tmp_path / "other", quiet=True)


@pytest.mark.parametrize("killed_at", ["mkdir", "lock", "seed.az.new", "seed.az", "config.toml.new"])
def test_killed_before_there_was_a_run(tmp_path, killed_at):
    path, stages = tmp_path / "run", ("mkdir", "lock", "seed.az.new", "seed.az", "config.toml.new")
    path.mkdir()
    for name in stages[1 : stages.index(killed_at) + 1]:
        (path / name).write_text("tor")
    with pytest.raises(
        SettingsError,
        match="no config.toml" + ("; the run was killed before its start.*--out" if killed_at != "mkdir" else ""),
    ):
        run(None, resume=path, quiet=True)
    run(small(max_evals=500), out=path, quiet=True)
    run(small(max_evals=500), out=tmp_path / "other", quiet=True)
    assert files(path) == files(tmp_path / "other")


def test_a_seed_that_is_not_ours_is_kept(tmp_path):
    (tmp_path / "seed.az").write_text("mine")
    with pytest.raises(SettingsError, match="choose another directory"):
        run(small(max_evals=500), out=tmp_path, quiet=True)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("seed.az", "mine")]


def test_numbers_count_up(tmp_path):
    names = [rundir.create_next(tmp_path / "runs", "linear").name for _ in range(3)]
    assert names == ["linear-1", "linear-2", "linear-3"]


@contextmanager
def files_of_at_most(count):
    """Writing more bytes than that into a file fails, as on a disk without room."""
    import resource

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
def seed_file(tmp_path):
    path = tmp_path / "seed.az"
    path.write_text(str(small(max_evals=500)))
    return path


def test_the_command_line(tmp_path, seed_file, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evolve", str(seed_file)]) == 0
    out, err = capsys.readouterr()
    assert "runs/seed-1" in err and "3 linear tasks" in err and "def Predict():" in out and "on the test tasks" in out
    assert main(["evolve", str(seed_file), "--json", "--target", "1.0"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["run_dir"] == "runs/seed-2" and err == ""
    assert main(["evolve", "--resume", "runs/seed-2", "--max-evals", "900", "--target", "2", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["evolve", str(seed_file), "--out", "runs/seed-1"]) == 2
    assert main(["score", "runs/seed-1/best.az"]) == 0


@pytest.mark.parametrize("out", ["/proc/run", "/dev/null/run"])
def test_an_unwritable_directory_is_one_message(seed_file, out, capsys):
    assert main(["evolve", str(seed_file), "--out", out]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and "Traceback" not in message and out.rsplit("/", 1)[0] in message


def test_what_is_in_it(tmp_path):
    result = run(small(), out=tmp_path / "run", quiet=True)
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert config["search"]["population"] == 60 and config["task"]["kind"] == "linear" and "workers" not in str(config)
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert events == list(result.history) and len(events) == 7
    assert all(sum(e["layers"].values()) == e["evaluations"] for e in events)
    assert not list((tmp_path / "run").glob("*.new"))


@pytest.mark.skipif(os.name != "posix", reason="limits as POSIX has them")
@pytest.mark.parametrize(("room", "file"), [(0, "lock"), (20, "seed.az")])
def test_a_disk_that_is_full_at_the_start_is_named(tmp_path, seed_file, capsys, room, file):
    """Where a file may have ``room`` bytes: none has room for its lock, or for more than that."""
    out = tmp_path / "run"
    with files_of_at_most(room):
        assert main(["evolve", str(seed_file), "--out", str(out), "--quiet"]) == 2
    assert capsys.readouterr().err == f"error: {out / file}: File too large\n"
    assert main(["evolve", str(seed_file), "--out", str(out), "--quiet"]) == 0


def test_a_full_disk_ends_nothing(tmp_path, monkeypatch, capsys):
    replace = os.replace
    failures = iter([True, True, False])

    def full(*arguments):
        if next(failures, False):
            raise OSError(28, "No space left on device")
        replace(*arguments)

    def fill(snapshot):
        monkeypatch.setattr("os.replace", full)

    monkeypatch.setattr("azdsl.search.recorder.save_after", lambda seconds: 0.0)
    run(small(), out=tmp_path / "run", quiet=True, on_epoch=fill)
    message = capsys.readouterr().err
    assert "No space left on device; the search continues" in message and "works again" in message
    assert (tmp_path / "run" / "best.az").exists() and checkpoint.read(tmp_path / "run")[0] is not None


def test_a_directory_that_is_no_run_is_not_resumed(tmp_path, capsys):
    assert main(["evolve", "--resume", str(tmp_path)]) == 2
    assert f"{tmp_path} is not a run directory" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="limits as POSIX has them")
def test_what_has_no_room_is_reported_once_and_leaves_nothing(tmp_path):
    """A disk with room for lines but not for a checkpoint."""
    said: list[str] = []
    directory = RunDirectory(tmp_path, said.append)
    with files_of_at_most(1000):
        for number in range(3):
            assert directory.add_event({"number": number})
            assert not directory.save_checkpoint(bytes(2000))
    assert [path.name for path in tmp_path.iterdir()] == [names.EVENTS] and len(said) == 1
    assert directory.save_checkpoint(bytes(2000)) and len(said) == 2 and "works again" in said[1]


def test_events_that_had_no_room_are_written_later(tmp_path):
    directory = RunDirectory(tmp_path, lambda message: None)
    (tmp_path / names.EVENTS).mkdir()
    assert not directory.add_event({"a": 1}) and not directory.add_event({"b": 2})
    (tmp_path / names.EVENTS).rmdir()
    assert directory.add_event({"c": 3})
    assert (tmp_path / names.EVENTS).read_text() == '{"a": 1}\n{"b": 2}\n{"c": 3}\n'


def event(epoch):
    figures = {"evaluations": 5, "seconds": 1.5, "rate": 3.0, "best": 0.5, "mean": 0.25, "selected": None}
    return {"epoch": epoch, **figures, "islands": [0.25], "layers": {"full": 5}}


def test_a_torn_event_is_cut_off(tmp_path):
    directory, file = RunDirectory(tmp_path, pytest.fail), tmp_path / names.EVENTS
    directory.add_event(event(1))
    first = file.read_text()
    with file.open("a") as torn:
        torn.write('{"torn')
    directory.add_event(event(2))
    assert file.read_text() == f"{first}{json.dumps(event(2))}\n"
    again = RunDirectory(tmp_path, pytest.fail)
    assert again.rewind(len(first)) == [event(1)]
    assert file.read_text() == first


DAMAGED_EVENTS = {
    "missing": None,
    "empty": b"",
    "half": -20,
    "zeros": bytes(400),
    "not JSON": b"{}{\n",
    "deep": b"[" * 100_000 + b"\n",
    "no object": b"5\n",
    "no field": b'{"epoch": 1}\n',
    "wrong types": json.dumps(event(2) | {"layers": [1]}).encode() + b"\n",
    "not a number": json.dumps(event(2) | {"best": float("nan")}).encode() + b"\n",
    "huge": json.dumps(event(2) | {"evaluations": 10**400}).encode() + b"\n",
}


@pytest.mark.parametrize("damage", DAMAGED_EVENTS)
def test_damaged_events_are_cut_with_a_word(tmp_path, damage):
    """After a power cut, for lines are not waited for. The search does not depend on them."""
    said: list[str] = []
    directory, file = RunDirectory(tmp_path, said.append), tmp_path / names.EVENTS
    directory.add_event(event(1))
    first = file.read_bytes()
    directory.add_event(event(2))
    whole, content = file.read_bytes(), DAMAGED_EVENTS[damage]
    if content is None:
        file.unlink()
    else:
        file.write_bytes(whole[:content] if isinstance(content, int) else first + content + whole[len(first) :])
    again = RunDirectory(tmp_path, said.append)
    kept = [] if content is None else [event(1)]
    if damage == "empty":  # nothing is missing
        assert again.rewind(len(whole)) == [event(1), event(2)] and not said
        return
    assert again.rewind(len(whole)) == kept
    assert len(said) == 1 and str(file) in said[0] and "damaged" in said[0]
    assert again.add_event(event(3)) and file.read_bytes().endswith(json.dumps(event(3)).encode() + b"\n")
    assert len(file.read_bytes().splitlines()) == len(kept) + 1


def test_a_note_in_the_hall_of_fame_stays_and_former_entries_go(tmp_path):
    run(small(), out=tmp_path, quiet=True, on_epoch=lambda snapshot: snapshot.epoch == 2)
    folder = tmp_path / names.HALL_OF_FAME_FILES
    for name in ("note.txt", "size-7.az", "size-009.az.old", "size-999.az", "size-998.az.new"):
        (folder / name).write_text("mine")
    (folder / "size-pictures").mkdir()
    run(None, resume=tmp_path, quiet=True)
    left = {path.name for path in folder.iterdir() if not names.is_entry(path.name)}
    assert left == {"note.txt", "size-7.az", "size-009.az.old", "size-pictures"}
    assert not (folder / "size-999.az").exists()


def obstruct(place, what, elsewhere):
    """Put a link, a pipe or another object in the place of a run's file or folder."""
    moved = elsewhere / place.name
    place.parent.mkdir(exist_ok=True)
    os.replace(place, moved) if place.exists() else moved.write_text("mine")
    if what == "link":
        place.symlink_to(moved)
    elif what == "pipe":
        os.mkfifo(place)
    elif what == "folder":
        place.mkdir()
    else:
        place.write_text("")


OBSTRUCTED = [
    (name, what)
    for name in (*names.FILES, "hall_of_fame/size-999.az", "seeds/002.az")
    for what in ("link", "pipe", "folder")
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped, with every file that a run may have."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("azdsl.search.recorder.save_after", lambda seconds: 0.0)
        run(small(), out=path, quiet=True, on_epoch=lambda snapshot: snapshot.epoch == 3, proposals="true")
    assert all((path / name).exists() for name in names.FILES)
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_run_whose_files_are_links_or_pipes_is_refused_unchanged(tmp_path, stopped, capsys):
    for number, (name, what) in enumerate(
        [*OBSTRUCTED, ("hall_of_fame", "link"), ("seeds", "link"), ("seeds", "file")]
    ):
        path, elsewhere = tmp_path / f"run{number}", tmp_path / f"elsewhere{number}"
        shutil.copytree(stopped, path)
        elsewhere.mkdir()
        obstruct(path / name, what, elsewhere)
        before = {file: file.read_bytes() for file in elsewhere.rglob("*") if file.is_file()}
        assert main(["evolve", "--resume", str(path), "--quiet", "--proposals", "true"]) == 2, (name, what)
        message = capsys.readouterr().err
        assert name.partition("/")[0] in message and message.startswith(("error: ", str(path))), (name, what)
        assert {file: file.read_bytes() for file in elsewhere.rglob("*") if file.is_file()} == before
        for command in (["report", str(path), "--tasks", "1"], ["score", str(path)]):
            if what == "pipe" and (name == names.BEST or (name == names.CONFIG and command[0] == "report")):
                assert main(command) == 2
                assert "not a" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_appears_during_a_run_is_replaced_and_never_opened(tmp_path):
    """Of a file, by a rename; the events are written when the link is gone."""
    said: list[str] = []
    mine = tmp_path / "mine"
    mine.write_text("mine")
    path = tmp_path / "run"
    path.mkdir()
    directory = RunDirectory(path, said.append)
    (path / names.CHECKPOINT).symlink_to(mine)
    os.mkfifo(path / names.BEST)
    (path / names.RESULT).symlink_to(mine)
    assert (
        directory.save_checkpoint(b"data") and directory.save_texts({names.BEST: "text"}) and directory.save_result({})
    )
    assert not any((path / name).is_symlink() for name in (names.CHECKPOINT, names.RESULT))
    assert (path / names.BEST).read_text() == "text"
    (path / names.EVENTS).symlink_to(mine)
    assert not directory.add_event(event(1)) and "a symbolic link, not a regular file" in said[-1]
    (path / names.EVENTS).unlink()
    os.mkfifo(path / names.EVENTS)
    assert not directory.add_event(event(2))
    (path / names.EVENTS).unlink()
    assert directory.add_event(event(3)) and len((path / names.EVENTS).read_bytes().splitlines()) == 3
    assert mine.read_text() == "mine"


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / names.LOCK).symlink_to(mine)
    with pytest.raises(OSError, match="a symbolic link"), rundir.locked(tmp_path / "run"):
        pass
    assert mine.read_text() == "mine"


def test_a_checkpoint_of_which_only_the_checksum_is_wrong_is_refused():
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.frombuffer(b"{}", np.uint8))
    data = checkpoint.seal(buffer.getvalue())
    assert checkpoint.decode(data).facts == {}
    at = data.index(b"\n") + 1
    with pytest.raises(checkpoint.Damaged, match="checksum"):
        checkpoint.decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
