"""Searches and their time limits use a monotonic clock, so that changes of the wall clock have no effect."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
from search_runs import files, small

import azdsl
from azdsl.search.evolve import run

WALL = re.compile(r"\btime\.time(_ns)?\(|from time import .*\btime\b|\bdatetime\.(now|today|utcnow)\(")


def test_a_wall_clock_that_jumps_has_no_effect(tmp_path, monkeypatch):
    run(small(), out=tmp_path / "still", quiet=True)
    jumps = np.random.default_rng(1)
    monkeypatch.setattr(time, "time", lambda: float(jumps.uniform(0.0, 4e9)))
    result = run(small(), out=tmp_path / "jumping", quiet=True)
    assert files(tmp_path / "still") == files(tmp_path / "jumping")
    times = [event["seconds"] for event in result.history]
    assert times == sorted(times) and 0.0 < result.seconds < 1e6
    stopped = run(small(max_evals=None, target=2.0, timeout=0.05), quiet=True)
    assert stopped.stopped.startswith("timeout") and stopped.seconds < 1e6


def test_only_the_age_of_files_uses_the_wall_clock():
    package = Path(azdsl.__file__).parent
    uses = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if WALL.search(path.read_text(encoding="utf-8"))
    ]
    assert uses == ["codegen/numba_jit.py"]
    assert WALL.search("limit = time.time() - 1") and not WALL.search("time.monotonic()")
