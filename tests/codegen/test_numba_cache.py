"""Compiled code is kept where it can be, and used where it cannot be written."""

from __future__ import annotations

import importlib
import os
import pickle
import sys

import numba
import numpy as np
import pytest
from numba.core import caching

from azdsl import cachefiles
from azdsl.codegen import numba_cache, numba_jit

MODULE, SOURCE = "compiled_and_kept", "def plus(x):\n    return x + 1\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that compiles the same source anew, as another process would."""
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba_jit, "cache_directory", lambda: tmp_path / "cache")

    def load():
        sys.modules.pop(MODULE, None)
        return numba_jit.jit(
            importlib.import_module(MODULE).plus
        )  # by name: what is loaded from disk looks its module up

    yield load
    sys.modules.pop(MODULE, None)


@numba_jit.jit
def scaled(values, factor, skipped):
    return values[0] * factor if skipped == 0 else -1.0


@numba_jit.jit
def twice(values):
    return scaled(values, 1, 0) + scaled(values, 2, 1)


@numba_jit.jit
def by_address(place, pair, factor):
    return numba_jit.call(numba.float64, place, (pair, factor, 0))


def test_literals_share_code(monkeypatch):
    monkeypatch.setattr(twice, "_cache", caching.NullCache())  # a function from disk does not compile what it calls
    assert twice(np.full(1, 3.0)) == 2.0 and len(scaled.signatures) == 1


def test_a_function_is_called_by_its_address():
    values = np.full(1, 3.0)
    at = numba_jit.address(scaled, values, 2, 0)
    assert by_address(at, values, 2) == 6.0 and numba_jit.address(scaled, values, 5, 1) == at
    assert len(scaled.signatures) == 1


def refuse(*_, **__):
    raise OSError(30, "Read-only file system")


def kept(tmp_path):
    return sorted(path.suffix for path in (tmp_path / "cache").rglob("*.nb?"))


def test_code_is_kept_and_loaded(load, tmp_path):
    assert load()(1) == 2 and kept(tmp_path) == [".nbc"]
    again = load()
    assert again(1) == 2 and sum(again.stats.cache_hits.values()) == 1


def test_a_directory_that_can_only_be_read(load, tmp_path, monkeypatch):
    load()(1)
    monkeypatch.setattr(os, "open", for_reading_only)
    again = load()
    assert again(1) == 2 and sum(again.stats.cache_hits.values()) == 1
    assert again(np.float32(1.5)) == 2.5 and sum(again.stats.cache_misses.values()) == 1
    assert kept(tmp_path) == [".nbc"]


def for_reading_only(path, flags, *arguments, open=os.open):
    return refuse() if flags & (os.O_WRONLY | os.O_RDWR) else open(path, flags, *arguments)


def test_no_directory_at_all(load, tmp_path, monkeypatch):
    monkeypatch.setattr(type(tmp_path), "mkdir", refuse)
    assert load()(1) == 2 and not kept(tmp_path)
    assert not list(tmp_path.rglob("__pycache__/*.nb?"))


def test_a_disk_that_is_full(load, tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(cachefiles.atomic, "write", refuse)
        assert load()(1) == 2 and not kept(tmp_path)
    assert load()(1) == 2 and kept(tmp_path) == [".nbc"]


@pytest.mark.parametrize("damage", ["empty", "half", "zeros", "flipped", "pickle", "fifo", "link", "exchanged"])
def test_a_damaged_file_is_made_again(load, tmp_path, damage):
    """After a power cut, or when another program wrote it. Nothing of it is unpickled."""
    function = load()
    assert (function(1), function(1.5)) == (2, 2.5)
    file, other = (tmp_path / "cache").rglob("*.nb?")
    whole, at = file.read_bytes(), file.stat().st_size // 2
    file.unlink()
    if damage == "fifo":
        os.mkfifo(file)
    elif damage == "link":
        (tmp_path / "elsewhere").write_bytes(whole)
        file.symlink_to(tmp_path / "elsewhere")
    else:
        changed = {
            "empty": b"",
            "half": whole[:at],
            "zeros": bytes(len(whole)),
            "flipped": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            "pickle": pickle.dumps(Harmful()),
            "exchanged": other.read_bytes(),
        }
        file.write_bytes(changed[damage])
    for hits in (1, 2):
        again = load()
        assert (again(1), again(1.5)) == (2, 2.5) and sum(again.stats.cache_hits.values()) == hits
    assert file.is_file() and not file.is_symlink() and kept(tmp_path) == [".nbc", ".nbc"]


class Harmful:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_a_file_that_others_may_write_is_made_again(load, tmp_path):
    load()(1)
    for file in (tmp_path / "cache").rglob("*.nb?"):
        file.chmod(0o666)
    again = load()
    assert again(1) == 2 and not again.stats.cache_hits
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "cache").rglob("*.nb?")} <= {0o644, 0o640, 0o600}


def test_a_directory_that_others_may_write_is_not_used(load, tmp_path, caplog):
    load()(1)
    (tmp_path / "cache").chmod(0o777)
    again = load()
    assert again(1) == 2 and not again.stats.cache_hits
    assert [f"{tmp_path / 'cache'} may be written by every user" in record.message for record in caplog.records] == [
        True
    ]
    (tmp_path / "cache").chmod(0o1777)  # files of this user stay its own there
    again = load()
    assert again(1) == 2 and sum(again.stats.cache_hits.values()) == 1


def test_types_of_the_same_name_are_not_confused(load, monkeypatch):
    """Their code has a file of the same name, in which the one written last stays."""
    monkeypatch.setattr(numba_cache._Files, "_path", lambda self, key: self._directory / "same.nbc")
    assert load()(1) == 2
    again = load()
    assert (again(1.5), again(1)) == (2.5, 2) and not again.stats.cache_hits
    last = load()
    assert last(1) == 2 and sum(last.stats.cache_hits.values()) == 1


def test_compiling_anew_on_request(load, tmp_path):
    function = load()
    function(1)
    (file,) = (tmp_path / "cache").rglob("*.nb?")
    file.write_bytes(b"")
    function.recompile()
    assert function(1) == 2 and file.stat().st_size
