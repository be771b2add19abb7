"""A run killed at any moment, also while it writes, and resumed ends as one that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from search_runs import files

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

HERE = Path(__file__).parent


class Zygote:
    """The process that forks searches, and the pipe to it."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(HERE.parent), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, str(HERE / "zygote.py")]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
            bufsize=1,
        )
        assert self.line() == "ready"

    def line(self) -> str:
        """The next line that it or its child says."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the zygote died"
        return line.strip()

    def search(self, path: Path, kill_after: tuple[int, float] | None = None) -> bool:
        """Run or resume; with ``kill_after`` kill it so many epochs and seconds later. Whether it came to its end."""
        assert self.process.stdin
        print(path, file=self.process.stdin, flush=True)
        child = int(self.line().removeprefix("pid "))
        epochs, done = 0, False
        if kill_after and kill_after[0] == 0:
            _kill(child, kill_after[1])
        while (line := self.line()) != "ended":
            done = done or line.startswith("done")
            epochs += line.startswith("epoch")
            if kill_after and epochs == kill_after[0] and line.startswith("epoch"):
                _kill(child, kill_after[1])
        return done


def _kill(process: int, seconds: float) -> None:
    """Kill a child after a moment too short to sleep through exactly."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="module")
def zygote():
    found = Zygote()
    yield found
    assert found.process.stdin and found.process.stdout
    found.process.stdin.close()
    found.process.stdout.close()
    found.process.wait(timeout=30)


@pytest.fixture(scope="module", params=["run", "proposals"])
def whole(zygote, tmp_path_factory, request):
    path = tmp_path_factory.mktemp("whole") / request.param
    assert zygote.search(path)
    return path


def _end(path: Path) -> tuple[dict[str, bytes], object, object]:
    facts = json.loads((path / "result.json").read_text())
    return files(path), facts["evaluations"], facts["layers"]


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_and_resumed(zygote, whole, tmp_path, kills):
    rng = random.Random(kills)
    left, runs = kills, 0
    while left:
        path = tmp_path / f"{whole.name}{runs}"
        runs += 1
        for _ in range(rng.randint(1, 3)):
            if zygote.search(path, (rng.choice((0, 1, 1, 1, 2)), rng.random() ** 2 * 0.02)):
                break  # it was faster than the signal
            left -= 1
            if not left:
                break
        if not (path / "result.json").exists():
            assert zygote.search(path)
        assert _end(path) == _end(whole)
