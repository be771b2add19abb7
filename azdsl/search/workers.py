"""Threads that advance islands, and the signals that stop them.

An island goes on in slices of a fraction of a second, so that a time limit or Ctrl-C is heeded soon. Where the
slices end does not matter to the result.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from azdsl.search.canonical import Scratch
from azdsl.search.engines import EnginesHandle
from azdsl.search.loop import run_epoch
from azdsl.search.population import Island
from azdsl.search.space import Space

SLICE_SECONDS = 0.1
"""What a slice should take."""

TICK_SECONDS = 0.1
"""How often the display is refreshed while islands run."""


@dataclass(eq=False)
class Bench:
    """What a thread works with. ``pace`` is how many candidates it does in a slice."""

    engines: EnginesHandle
    scratch: Scratch
    pace: int = 16


def default_workers() -> int:
    """The processors that this process may use: its affinity, and its control group's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        allowed = min(allowed, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no such file, or no quota
    return max(1, allowed)


def advance(
    space: Space,
    islands: Sequence[Island],
    ends: Sequence[int],
    benches: Sequence[Bench],
    halt: Callable[[], bool],
    tick: Callable[[], None],
) -> None:
    """Let every island go on to its number of candidates in ``ends``, one on each bench at a time, or until ``halt``."""
    free: SimpleQueue[Bench] = SimpleQueue()
    for bench in benches:
        free.put(bench)
    abandoned = threading.Event()

    def work(island: Island, end: int) -> None:
        bench = free.get()
        try:
            while island.clock[1] < end and not halt() and not abandoned.is_set():
                _slice(space, island, bench, end)
        finally:
            free.put(bench)

    with ThreadPoolExecutor(len(benches)) as pool:
        jobs = [pool.submit(work, island, end) for island, end in zip(islands, ends, strict=True)]
        try:
            while wait(jobs, TICK_SECONDS).not_done:
                tick()
        except BaseException:
            abandoned.set()
            raise
        for job in jobs:
            job.result()


def _slice(space: Space, island: Island, bench: Bench, end: int) -> None:
    """Run one slice and adapt its length."""
    count = min(bench.pace, end - int(island.clock[1]))
    started = time.monotonic()
    run_epoch(space, island, bench.scratch, bench.engines.engines, count)
    seconds = time.monotonic() - started
    if seconds > SLICE_SECONDS:
        bench.pace = max(1, bench.pace // 2)
    elif seconds < SLICE_SECONDS / 4 and count == bench.pace:
        bench.pace *= 2


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second one acts as it did before.

    Outside the main thread, where Python delivers no signals, the event stays clear.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()
