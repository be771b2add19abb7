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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType

from azdsl.config.experiment import Experiment
from azdsl.search.islands.seeds import draw_seed
from azdsl.search.islands.task_rotation import group_size
from azdsl.search.kernel.canonical import Scratch, make_scratch
from azdsl.search.kernel.engines import EnginesHandle, group_engines
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import Island, make_island
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet

SLICE_SECONDS = 0.1
"""Processor time that a slice should take."""


@dataclass(eq=False)
class Bench:
    """What a thread works with: engines for every group of tasks. ``pace`` is how many candidates it does in a slice."""

    groups: tuple[EnginesHandle, ...]
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


def make_bench(experiment: Experiment, space: Space, tasks: TaskSet, like: Bench | None = None) -> Bench:
    """Engines and working memory for one thread of a search of ``experiment`` on ``tasks``; examples are those of ``like``."""
    search = replace(experiment.search, seed=draw_seed(experiment.search.seed, "search"))
    groups = group_engines(replace(experiment, search=search), tasks, like.groups if like else ())
    return Bench(groups, make_scratch(space, group_size(search, tasks)))


def warm_up(experiment: Experiment, space: Space, bench: Bench) -> None:
    """Have the loop compiled, or taken from the cache on disk."""
    smallest = replace(experiment, search=replace(experiment.search, cache=16))
    run_epoch(space, make_island(space, smallest, 0), bench.scratch, bench.groups[0].engines, 0)


@dataclass(frozen=True)
class Threads:
    """Threads of this process, one for each bench. ``spaces`` are the islands'."""

    spaces: Sequence[Space]
    benches: Sequence[Bench]

    @contextmanager
    def crew(self, islands: Sequence[Island], deadline: float) -> Iterator[ThreadCrew]:
        """A crew for these islands: as many at a time go on as there are benches, those first that were started first."""
        with ThreadPoolExecutor(len(self.benches)) as pool:
            crew = ThreadCrew(self, islands, deadline, pool)
            try:
                yield crew
            finally:
                crew.pause()


class ThreadCrew:
    """Islands that threads work on."""

    def __init__(self, threads: Threads, islands: Sequence[Island], deadline: float, pool: ThreadPoolExecutor) -> None:
        self._spaces = threads.spaces
        self._islands = islands
        self._deadline = deadline
        self._pool = pool
        self._running: dict[Future[None], int] = {}
        self._ended: SimpleQueue[Future[None]] = SimpleQueue()
        self._paused = threading.Event()
        self._free: SimpleQueue[Bench] = SimpleQueue()
        for bench in threads.benches:
            self._free.put(bench)

    def start(self, number: int, end: int) -> None:
        """Let an island go on to its end when a bench is free."""
        future = self._pool.submit(self._work, number, end)
        self._running[future] = number
        future.add_done_callback(self._ended.put)

    def settle(self, seconds: float) -> list[int]:
        """The islands that came to a stand."""
        stopped: list[int] = []
        with suppress(Empty):
            future = self._ended.get(timeout=seconds)
            while True:
                stopped.append(self._running.pop(future))
                future.result()
                future = self._ended.get_nowait()
        return stopped

    def pause(self) -> None:
        """Have all islands stop where their slices end."""
        self._paused.set()
        wait(self._running)
        self._paused.clear()

    def _work(self, number: int, end: int) -> None:
        bench = self._free.get()
        try:
            run_slices(self._spaces[number], self._islands[number], bench, end, self._halted)
        finally:
            self._free.put(bench)

    def _halted(self) -> bool:
        return self._paused.is_set() or time.monotonic() >= self._deadline


def run_slices(space: Space, island: Island, bench: Bench, end: int, halt: Callable[[], bool]) -> None:
    """Let an island go on to its number of candidates ``end``, or until ``halt``, slice by slice of adapted length."""
    engines = bench.groups[island.clock[2]].engines
    while island.clock[1] < end and not halt():
        count = min(bench.pace, end - int(island.clock[1]))
        started = (
            time.thread_time()
        )  # time on the clock would make slices shorter and shorter where others want the processor too
        run_epoch(space, island, bench.scratch, engines, count)
        seconds = time.thread_time() - started
        if seconds > SLICE_SECONDS:
            bench.pace = max(1, bench.pace // 2)
        elif seconds < SLICE_SECONDS / 4 and count == bench.pace:
            bench.pace *= 2


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets; a second SIGINT or SIGTERM acts as it did before.

    A SIGHUP that is ignored, as under ``nohup``, stays so. Outside the main thread, where Python delivers no
    signals, the event stays clear.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        before[hang_up] = signal.getsignal(hang_up)

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        restore()
        if hang_up in before:  # the kernel and the shell may both say that the terminal is gone
            signal.signal(hang_up, signal.SIG_IGN)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        restore()
