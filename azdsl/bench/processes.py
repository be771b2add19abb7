"""Figures of processes: start-up time and memory."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from azdsl.bench import children
from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.workloads import DEMO

ROOT = Path(__file__).parents[2]

MEMORY_CANDIDATES = 3_000_000
"""A number of candidates that fills the caches of both islands."""

_PEAK = """\
import sys
from pathlib import Path
from azdsl.cli import main
status = main(sys.argv[1:])
line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(f"peak {line.split()[1]}")
"""
"""Prints the peak memory of the process itself; the ``ru_maxrss`` of a child includes that of its parent at the fork."""


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables with which child processes import this azdsl."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(more or {})}


def _progress(line: str) -> bool:
    """Whether a line of ``azdsl evolve`` reports an epoch."""
    return "candidates" in line and "/s" in line


def _help(scale: Scale) -> Callable[[], Sample]:
    def sample() -> Sample:
        child = children.run([sys.executable, "-m", "azdsl", "--help"], _environment())
        return Sample(child.cpu, {"wall s": child.seconds})

    sample()
    return sample


def _start(environment: dict[str, str], folder: Path) -> children.Child:
    """Start ``azdsl evolve`` on the demo and kill it after the first line of progress."""
    command = [sys.executable, "-m", "azdsl", "evolve", str(DEMO), "--target", "2"]
    child = children.run_until(command, _progress, environment, folder)
    if not _progress(child.output):
        raise RuntimeError(f"azdsl evolve ended before its first line of progress: {child.output}")
    return child


def _second_start(scale: Scale) -> Callable[[], Sample]:
    def sample() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            child = _start(_environment(), Path(folder))
        return Sample(child.seconds, {"CPU s": child.cpu})

    sample()
    return sample


def _first_start(scale: Scale) -> Callable[[], Sample]:
    def sample() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            empty = {name: str(Path(folder) / "cache") for name in ("AZDSL_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
            child = _start(_environment(empty), Path(folder))
        says = next((line.strip() for line in child.output.splitlines() if "compiling" in line), "nothing")
        return Sample(child.seconds, {"CPU s": child.cpu, "it says": says})

    return sample


def _memory(scale: Scale) -> Callable[[], Sample]:
    count = str(scale.of(MEMORY_CANDIDATES))

    def sample() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            search = ["evolve", str(DEMO), "--target", "2", "--max-evals", count, "--quiet"]
            child = children.run([sys.executable, "-c", _PEAK, *search], _environment(), Path(folder))
        return Sample(int(child.output.rpartition("peak ")[2]) / 1000.0)

    return sample


FIGURES = (
    Figure("help", "azdsl --help, processor time", "s", 0.25, False, _help),
    Figure("second-start", "azdsl evolve to its first line of progress", "s", 1.5, False, _second_start),
    Figure("first-start", "the same with empty caches", "s", 40.0, False, _first_start, once=True),
    Figure("memory", "peak memory of the demo's search", "MB", 500.0, False, _memory, once=True),
)
