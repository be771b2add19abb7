"""Atomic writes: the old content or the new, an error that names the file, and no temporary file left."""

import os
import stat
import threading

import pytest

from azdsl import atomic


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_is_written_and_replaced_with_its_permissions(tmp_path, shared):
    path = tmp_path / "file"
    atomic.write(path, "é\n", shared=shared)
    assert path.read_bytes() == "é\n".encode()
    path.chmod(0o640)
    atomic.write(path, b"new", shared=shared, sync=False)
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == 0o640 and names(tmp_path) == ["file"]


def test_a_backup_keeps_the_previous_content(tmp_path):
    path, backup = tmp_path / "file", tmp_path / "before"
    atomic.write(path, "1", backup=backup)
    assert names(tmp_path) == ["file"]
    atomic.write(path, "2", backup=backup)
    assert (path.read_text(), backup.read_text()) == ("2", "1")


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("call", ["os.fsync", "os.replace"])
def test_a_failed_write_names_the_file_and_leaves_the_old_content_alone(tmp_path, monkeypatch, shared, call):
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(call, full)
    with pytest.raises(OSError, match="No space left") as caught:
        atomic.write(path, "new", shared=shared)
    assert caught.value.filename == str(path) and path.read_text() == "old" and names(tmp_path) == ["file"]


def test_a_missing_directory_is_an_error_about_the_file(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        atomic.write(tmp_path / "none" / "file", "")
    assert caught.value.filename == str(tmp_path / "none" / "file")


def test_an_interruption_leaves_no_temporary_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic.replacing(tmp_path / "file") as file:
        file.write(b"a")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_temporary_file_of_a_killed_process_is_replaced(tmp_path):
    (tmp_path / f"file{atomic.SUFFIX}").write_text("torn")
    atomic.write(tmp_path / "file", "new")
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "new"


def test_symbolic_links_are_replaced_and_not_followed(tmp_path):
    (tmp_path / "target").write_text("target")
    for link in ("file", f"file{atomic.SUFFIX}"):
        (tmp_path / link).symlink_to("target")
    atomic.write(tmp_path / "file", "new")
    assert (tmp_path / "target").read_text() == "target"
    assert not (tmp_path / "file").is_symlink() and (tmp_path / "file").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_the_user_named_is_written_and_not_replaced(tmp_path):
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    atomic.write(path, "text", devices=True)
    reader.join()
    assert read == [b"text"] and names(tmp_path) == ["pipe"] and stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("link", [False, True])
def test_any_other_pipe_is_replaced_and_never_opened(tmp_path, link):
    path, backup = tmp_path / "file", tmp_path / "before"
    os.mkfifo(tmp_path / "pipe" if link else path)
    if link:
        path.symlink_to("pipe")
    atomic.write(path, "text", backup=backup)
    assert stat.S_ISREG(path.lstat().st_mode) and path.read_text() == "text" and not backup.exists()


def test_permissions_that_are_asked_for_count_and_those_of_a_program_are_not_taken_over(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o4755)
    atomic.write(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    atomic.write(path, "new", permissions=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
