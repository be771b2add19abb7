"""The faults of ``tools/faults.py`` that need a process of their own: limits, users, interpreters, a cluster."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fault_cases import ROOT, Bench, Try, damaged, recovered

from azdsl.cachedir import cache_root

LONGEST_SECONDS = 900
"""A process that takes longer hangs, and is ended."""

NOBODY = 65534
"""The user without rights."""

MEGABYTES = (64, 128, 256, 384, 512, 768, 1024, 2048)
"""Limits of the address space that are tried."""


def start(
    bench: Bench,
    words: list[str],
    environment: Mapping[str, str | None] | None = None,
    limit: tuple[int, int] | None = None,
    user: int | None = None,
) -> dict[str, Any]:
    """Run ``words`` with changes of the environment, a resource limit, as another user; the answer is that of ``Bench.ask``."""
    changed = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    given = {name: value for name, value in changed.items() if value is not None}

    def limited() -> None:
        if limit:
            resource.setrlimit(limit[0], (limit[1], limit[1]))

    options: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    try:
        done = subprocess.run(
            words,
            cwd=bench.folder,
            env=given,
            preexec_fn=limited,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=LONGEST_SECONDS,
            check=False,
            **options,
        )
    except subprocess.TimeoutExpired:
        return {"status": -signal.SIGALRM, "told": ""}
    return {"status": done.returncode, "told": done.stderr}


def evolving(bench: Bench, path: Path, *python: str) -> list[str]:
    """The command of a run in ``path``."""
    return [sys.executable, *python, "-m", "azdsl", "evolve", str(bench.seed), "--quiet", "--out", str(path)]


def processes(bench: Bench) -> Iterator[Try]:
    """Limits of the machine, interpreters and users."""
    limits = [(f"ulimit -v {size} MB", resource.RLIMIT_AS, size << 20) for size in MEGABYTES]
    limits += [(f"ulimit -n {count}", resource.RLIMIT_NOFILE, count) for count in (5, 6, 8, 10, 12, 16, 32)]
    for name, kind, value in limits:
        path = bench.fresh()
        answer = start(bench, evolving(bench, path), limit=(kind, value))
        yield recovered(bench, path, " ".join(name.split()[:2]), answer, name)
    for words, environment in (
        (("-O",), {}),
        (("-OO",), {}),
        (("-I",), {}),
        ((), {"HOME": "/proc/nothing", "XDG_CACHE_HOME": None}),
        (
            (),
            {
                "AZDSL_CACHE": str(bench.folder / "cache"),
                "LD_PRELOAD": str(bench.shim),
                "FAULT_PREFIX": str(bench.folder / "cache"),
            },
        ),
    ):
        path = bench.fresh()
        if words == ("-I",) and subprocess.run([sys.executable, "-I", "-c", "import azdsl"], check=False).returncode:
            continue  # this Python has azdsl by PYTHONPATH alone
        name = (
            f"python {words[0]}"
            if words
            else "no home, no cache"
            if "HOME" in environment
            else "no room for compiled code"
        )
        yield recovered(bench, path, name, start(bench, evolving(bench, path, *words), environment), name)
    if os.geteuid() == 0:
        try:
            reachable = not start(bench, [sys.executable, "-c", "import azdsl"], user=NOBODY)["status"]
        except PermissionError:
            reachable = False
        if reachable:
            yield from other_user(bench)
        else:
            print("other users cannot run this Python, so none is tried", file=sys.stderr)


def cache(bench: Bench) -> Iterator[Try]:
    """All files of the compiled code are damaged, as after a power cut or by a bad disk; then others may write the directory."""
    from azdsl.codegen.numba_jit import cache_directory  # imports numba

    current, place = cache_directory(), bench.folder / "damaged"
    kinds = [name for name, _ in damaged(b"\0" * 9)]
    for number, name in enumerate([*kinds, "others may write the directory"]):
        shutil.rmtree(place, ignore_errors=True)
        for kept in (current, current.parent / "objects"):
            shutil.copytree(kept, place / kept.name)
        for file in (path for path in place.rglob("*") if path.is_file() and number < len(kinds)):
            file.write_bytes(list(damaged(file.read_bytes() or b"\0"))[number][1])
        place.chmod(0o755 if number < len(kinds) else 0o777)
        path = bench.fresh()
        answer = start(bench, evolving(bench, path), {"AZDSL_CACHE": str(place)})
        yield recovered(bench, path, f"compiled code: {name}", answer, name)


def other_user(bench: Bench) -> Iterator[Try]:
    """A user without rights, whose home is read-only, with the compiled code of the administrator; few processes allowed."""
    bench.folder.chmod(0o755)
    home, place = bench.folder / "home", bench.folder / "place"
    shutil.copytree(cache_root(), bench.folder / "shared", dirs_exist_ok=True)
    for path in ((bench.folder / "shared"), *(bench.folder / "shared").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    home.mkdir()
    home.chmod(0o555)
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    environment = {"HOME": str(home), "AZDSL_CACHE": str(bench.folder / "shared"), "XDG_CACHE_HOME": None}
    for name, limit in (
        ("another user, read-only home", None),
        *((f"ulimit -u {n}", (resource.RLIMIT_NPROC, n)) for n in (1, 2, 3, 4)),
    ):
        path = place / "run"
        shutil.rmtree(path, ignore_errors=True)
        answer = start(bench, evolving(bench, path), environment, limit, NOBODY)
        yield recovered(bench, path, name.removesuffix(f" {limit[1]}") if limit else name, answer, name)


def cluster(bench: Bench) -> Iterator[Try]:
    """Workers of a cluster that end, stop, cannot be reached, return nonsense, have no memory or no room on their disk."""
    from dataclasses import replace

    import dask

    from azdsl.cluster.connect import connect, processes
    from azdsl.cluster.executor import Patience
    from azdsl.search.evolve import run
    from azdsl.search.islands.executor import ExecutorError
    from azdsl.syntax import load_experiment

    experiment = load_experiment(bench.seed)
    faults: Mapping[str, Callable[[Any, list[int]], None]] = {
        "a worker is killed": lambda client, pids: os.kill(pids[0], signal.SIGKILL),
        "a worker is slow: stopped for 3 s": lambda client, pids: stopped(pids[0], 3.0),
        "a worker cannot be reached for 45 s": lambda client, pids: stopped(pids[0], 45.0),
        "a worker returns nonsense": lambda client, pids: client.run(returns_nonsense, 3),
        "a worker has no memory": lambda client, pids: client.run(raises, MemoryError, 3),
        "a worker has no room on its disk": lambda client, pids: client.run(no_room),
    }
    with dask.config.set({"distributed.scheduler.worker-ttl": "30s"}):
        for name, fault in faults.items():
            path = bench.fresh()
            with processes(2) as local, connect(local.scheduler_address, Patience()) as placement:
                pids = sorted(placement.client.run(os.getpid).values())
                left = [2]

                def interfere(
                    snapshot: Any,
                    fault: Any = fault,
                    client: Any = placement.client,
                    pids: Any = pids,
                    left: Any = left,
                ) -> None:
                    if left and snapshot.epoch >= left[0]:
                        left.clear()
                        fault(client, pids)

                try:
                    run(replace(experiment), out=path, quiet=True, placement=placement, on_epoch=interfere)
                    answer = {"status": 0, "told": ""}
                except ExecutorError as error:
                    answer = {"status": 2, "told": str(error)}
            yield recovered(bench, path, name, answer, name)
    try:
        with connect("local:100000"):
            pass
    except ExecutorError as error:
        yield Try(
            "cluster local:100000", "an error message" if "memory" in str(error) else str(error), "memory" in str(error)
        )


def stopped(process: int, seconds: float) -> None:
    """Stop a process; another one lets it continue after ``seconds``."""
    os.kill(process, signal.SIGSTOP)
    subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -CONT {process}"])


def returns_nonsense(times: int) -> None:
    """In a worker: its next ``times`` epochs return bytes that are no state."""
    _instead(times, lambda: b"nonsense")


def raises(error: type[BaseException], times: int) -> None:
    """In a worker: its next ``times`` epochs raise ``error``."""

    def fail() -> bytes:
        raise error

    _instead(times, fail)


def no_room() -> None:
    """In a worker: no file can be written."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _instead(times: int, what: Callable[[], bytes]) -> None:
    from azdsl.cluster import remote

    advance, left = remote.advance, list(range(times))

    def instead(context: remote.JobContext, request: remote.EpochRequest, state: bytes) -> bytes:
        if left:
            left.pop()
            return what()
        return advance(context, request, state)

    remote.advance = instead
