"""Child processes and their processor time. Uses the standard library only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Child:
    """A finished process. ``cpu`` is its user and system time [s], ``seconds`` the wall-clock time."""

    status: int
    output: str
    cpu: float
    seconds: float


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    mute: bool = False,
) -> Child:
    """Run a command to its end. Its standard error is inherited, or discarded if ``mute``. Raises ``OSError`` if it cannot start."""
    started = time.perf_counter()
    errors = subprocess.DEVNULL if mute else None
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, cwd=directory
    )
    assert process.stdout
    with process.stdout:
        output = process.stdout.read()
    cpu = _reap(process)
    return Child(process.returncode, output, cpu, time.perf_counter() - started)


def run_until(
    command: Sequence[str],
    found: Callable[[str], bool],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Child:
    """Run a command until it prints a line that ``found`` accepts on standard error, then kill it.

    ``seconds`` ends with that line; ``output`` is the standard error up to it.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, cwd=directory
    )
    assert process.stderr
    lines = []
    with process.stderr:
        for line in process.stderr:
            lines.append(line)
            if found(line):
                break
        seconds = time.perf_counter() - started
        process.kill()
        cpu = _reap(process)
    return Child(process.returncode, "".join(lines), cpu, seconds)


def _reap(process: subprocess.Popen[str]) -> float:
    """Wait for a child. Returns its processor time [s]."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime
