"""Compiled code is kept where it can be, and used where it cannot be written."""

from __future__ import annotations

import importlib
import sys

import numba
import numpy as np
import pytest
from numba.core import caching

from azdsl.codegen import numba_jit

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
    assert load()(1) == 2 and kept(tmp_path) == [".nbc", ".nbi"]
    again = load()
    assert again(1) == 2 and sum(again.stats.cache_hits.values()) == 1


def test_a_directory_that_can_only_be_read(load, tmp_path, monkeypatch):
    load()(1)
    monkeypatch.setattr(caching.tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", refuse)
    again = load()
    assert again(1) == 2 and sum(again.stats.cache_hits.values()) == 1
    assert again(np.float32(1.5)) == 2.5 and sum(again.stats.cache_misses.values()) == 1
    assert kept(tmp_path) == [".nbc", ".nbi"]


def test_no_directory_at_all(load, tmp_path, monkeypatch):
    monkeypatch.setattr(caching.os, "makedirs", refuse)
    assert load()(1) == 2 and not kept(tmp_path)
    assert not list(tmp_path.rglob("__pycache__/*.nb?"))


def test_a_disk_that_is_full(load, tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(caching.IndexDataCacheFile, "_save_data", refuse)
        assert load()(1) == 2 and ".nbc" not in kept(tmp_path)
    assert load()(1) == 2 and kept(tmp_path) == [".nbc", ".nbi"]
