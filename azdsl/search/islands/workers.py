"""Threads that run islands, and the signals that stop a search.

An island runs in slices of about ``SLICE_SECONDS``, after each of which a time limit or an interrupt takes effect. Results do not
depend on the ends of slices.
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
from azdsl.scoring import draw_seed
from azdsl.search.islands.executor import ExecutorError
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.kernel.canonical import Scratch, make_scratch
from azdsl.search.kernel.engines import EnginesHandle, group_engines
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import Clock, Island, make_island
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.task_groups import group_size
from azdsl.taskset import TaskSet

SLICE_SECONDS = 0.1
"""Intended processor time of a slice."""


@dataclass(eq=False)
class WorkerContext:
    """The engines of one thread on a task set, one for each task group, its working memory and its present slice length in candidates."""

    groups: tuple[EnginesHandle, ...]
    scratch: Scratch
    slice_length: int = 16


def default_workers() -> int:
    """The number of processors that this process may use, by its affinity and its control group's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        allowed = min(allowed, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no such file, or no quota
    return max(1, allowed)


def make_context(
    experiment: Experiment, space: Space, tasks: TaskSet, like: WorkerContext | None = None
) -> WorkerContext:
    """The context of one thread of a search of ``experiment`` on ``tasks``. The examples in memory are shared with ``like``."""
    search = replace(experiment.search, seed=draw_seed(experiment.search.seed, "search"))
    groups = group_engines(replace(experiment, search=search), tasks, like.groups if like else ())
    return WorkerContext(groups, make_scratch(space, group_size(search, tasks)))


def make_contexts(
    experiment: Experiment, space: Space, task_sets: Sequence[TaskSet], like: Sequence[WorkerContext] = ()
) -> tuple[WorkerContext, ...]:
    """The contexts of one thread, for each of the ``task_sets`` of the search (``IslandPlan.tasks``), like those of another thread."""
    own = (None, *experiment.island_tasks)
    return tuple(
        make_context(experiment.on(task), space, tasks, like[place] if like else None)
        for place, (task, tasks) in enumerate(zip(own, task_sets, strict=True))
    )


def warm_up(experiment: Experiment, space: Space, context: WorkerContext) -> None:
    """Compile the loop, or load it from the cache on disk."""
    smallest = replace(experiment, search=replace(experiment.search, cache=16))
    run_epoch(space, make_island(space, smallest, 0), context.scratch, context.groups[0].engines, 0)


@dataclass(frozen=True)
class ThreadExecutor:
    """Runs ``islands`` in threads of this process. ``contexts`` are those of each thread, for each task set of the search."""

    islands: Sequence[IslandPlan]
    contexts: Sequence[Sequence[WorkerContext]]

    @contextmanager
    def pool(self, islands: Sequence[Island], deadline: float) -> Iterator[ThreadWorkerPool]:
        """A pool that runs at most one island per thread at a time, in the order in which they were started."""
        with ThreadPoolExecutor(len(self.contexts)) as threads:
            pool = ThreadWorkerPool(self, islands, deadline, threads)
            try:
                yield pool
            finally:
                pool.pause()


class ThreadWorkerPool:
    """A worker pool of threads."""

    def __init__(
        self, executor: ThreadExecutor, islands: Sequence[Island], deadline: float, threads: ThreadPoolExecutor
    ) -> None:
        self._plans = executor.islands
        self._islands = islands
        self._deadline = deadline
        self._threads = threads
        self._running: dict[Future[None], int] = {}
        self._ended: SimpleQueue[Future[None]] = SimpleQueue()
        self._paused = threading.Event()
        self._free: SimpleQueue[Sequence[WorkerContext]] = SimpleQueue()
        for contexts in executor.contexts:
            self._free.put(contexts)

    def start(self, number: int, end: int) -> None:
        """Run an island up to ``end`` candidates as soon as a thread is free. Raises ``ExecutorError`` if no thread can be started."""
        try:
            future = self._threads.submit(self._run, number, end)
        except RuntimeError as error:
            raise ExecutorError(f"{error}: use fewer workers, or allow more processes (ulimit -u)") from None
        self._running[future] = number
        future.add_done_callback(self._ended.put)

    def wait(self, seconds: float) -> list[int]:
        """The islands that have become idle."""
        idle: list[int] = []
        with suppress(Empty):
            future = self._ended.get(timeout=seconds)
            while True:
                idle.append(self._running.pop(future))
                future.result()
                future = self._ended.get_nowait()
        return idle

    def pause(self) -> None:
        """Stop all islands at the end of their slices, and wait for that."""
        self._paused.set()
        wait(self._running)
        self._paused.clear()

    def _run(self, number: int, end: int) -> None:
        contexts, own = self._free.get(), self._plans[number]
        try:
            run_slices(own.space, self._islands[number], contexts[own.tasks], end, self._halted)
        finally:
            self._free.put(contexts)

    def _halted(self) -> bool:
        return self._paused.is_set() or time.monotonic() >= self._deadline


def run_slices(space: Space, island: Island, context: WorkerContext, end: int, halt: Callable[[], bool]) -> None:
    """Run an island, slice by slice, until it has had ``end`` candidates or ``halt`` returns True."""
    engines = context.groups[island.clock[Clock.TASK_GROUP]].engines
    while island.candidates < end and not halt():
        count = min(context.slice_length, end - island.candidates)
        started = time.thread_time()  # by wall time, slices would shrink where other processes use the processor too
        run_epoch(space, island, context.scratch, engines, count)
        seconds = time.thread_time() - started
        if seconds > SLICE_SECONDS:
            context.slice_length = max(1, context.slice_length // 2)
        elif seconds < SLICE_SECONDS / 4 and count == context.slice_length:
            context.slice_length *= 2


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets. A second SIGINT or SIGTERM has its original effect.

    A SIGHUP that is ignored, as under ``nohup``, remains ignored. Outside the main thread, where Python delivers no signals,
    the event is never set.
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
        if hang_up in before:  # the kernel and the shell may both send one when the terminal closes
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
