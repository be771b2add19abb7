"""One process at a time writes to a run directory; a lock that was left behind means nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from search_runs import small

from azdsl.config.search import SettingsError
from azdsl.search.evolve import run
from azdsl.search.rundir import directory, names

pytest.importorskip("fcntl")

HOLD = """
import sys, pathlib
from azdsl.search.rundir.directory import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_directory_in_use(tmp_path):
    path = tmp_path / "run"
    whole = run(small(max_evals=800), out=path, quiet=True)
    before = (path / names.CONFIG).read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        with pytest.raises(SettingsError, match=f"in use by process {process.pid}"):
            run(small(max_evals=1600), resume=path, quiet=True)
        assert (path / names.CONFIG).read_bytes() == before
        process.kill()
        process.wait()
    assert (path / names.LOCK).exists()
    assert run(small(max_evals=1600), resume=path, quiet=True).evaluations > whole.evaluations


def test_the_same_process_too(tmp_path):
    with directory.locked(tmp_path), pytest.raises(SettingsError, match="in use"), directory.locked(tmp_path):
        pass
    with directory.locked(tmp_path):
        pass
