"""The faults of ``tools/faults.py``, and how each try is judged."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdsl.search.rundir import names

ROOT = Path(__file__).parents[1]

ONCE, FROM, SHORT, READS = 0, 1, 2, 4
"""The modes of ``fault_shim.c``."""

SEED = """\
task linear(features=3, tasks=3, train=12, valid=6, select_tasks=4, test_tasks=5)
registers(scalars=4, vectors=3, matrices=1)
search(population=60, tournament=5, init=random, setup=1..4, predict=1..3, learn=1..5, islands=2, epoch=200, cache=500, max_evals=1200)
ops(const, dot, s - s, s * s, s * v, v + v)

def Setup():
def Predict():
def Learn():
"""

EQUAL = "files equal to those of a run without faults"


@dataclass(frozen=True)
class Try:
    """One try: the fault, what came of it, whether that is good, and which try it was."""

    fault: str
    outcome: str
    good: bool
    detail: str = ""


@dataclass(frozen=True)
class Bench:
    """The place of the tries. ``ask`` runs a command of ``fault_child.py``; ``whole`` is the directory of a run without faults."""

    folder: Path
    shim: Path
    every: int
    ask: Callable[[Mapping[str, Any]], dict[str, Any]]
    whole: Path

    @property
    def seed(self) -> Path:
        """The seed file."""
        return self.folder / "seed.az"

    def command(self, *arguments: str | Path, **fault: Any) -> dict[str, Any]:
        """Run a command with a fault."""
        return self.ask({"arguments": [str(a) for a in arguments], "cwd": str(self.folder), **fault})

    def fresh(self, name: str = "run") -> Path:
        """The path of a run directory that does not exist."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def calls(self, most: int) -> range:
        """The numbers of the calls that are tried."""
        return range(1, most + 1, self.every)


def prepared(folder: Path, shim: Path, every: int, ask: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Bench:
    """A bench whose child has compiled and imported everything, with a run without faults."""
    found = Bench(folder, shim, every, ask, folder / "whole")
    found.seed.write_text(SEED)
    found.command("evolve", found.seed, "--quiet", "--out", found.whole)
    return found


def files(path: Path) -> dict[str, bytes]:
    """The files of a run that depend on nothing but its settings."""
    kept = [path / names.BEST, path / names.HALL_OF_FAME, *sorted((path / names.HALL_OF_FAME_FILES).glob("*.az"))]
    return {str(file.relative_to(path)): file.read_bytes() for file in kept if file.exists()}


def ended(answer: Mapping[str, Any]) -> tuple[str, bool]:
    """How a command ended, and whether it may."""
    status, told = answer["status"], answer["told"]
    if "Traceback" in told or "Exception ignored" in told or status == 70:
        return f"traceback: {told.strip().splitlines()[-1]}", False
    if status < 0:
        return "it hangs" if -status == signal.SIGALRM else f"signal {-status}", False
    if status == 130 and "OpenBLAS" in told:
        return "OpenBLAS says that it cannot start threads, and interrupts the command", True
    if status == 2:
        return ("an error message", True) if told.strip() else ("an error without a message", False)
    return ("the command ended", status in (0, 1))


def recovered(bench: Bench, path: Path, fault: str, answer: Mapping[str, Any], detail: str) -> Try:
    """The try of a run in ``path`` that ended with ``answer``: what is there afterwards, without the fault."""
    outcome, good = ended(answer)
    if not good:
        return Try(fault, outcome, False, detail)
    if files(path) != files(bench.whole) or not (path / names.RESULT).exists():
        resumes = (path / names.CONFIG).exists()
        way = ("--max-evals", "1200", "--resume", path) if resumes else (bench.seed, "--out", path)
        again = bench.command("evolve", "--quiet", *way)
        how, good = ended(again)
        if not good or again["status"] == 2:
            return Try(fault, f"{outcome}; then {how}: {again['told'].strip()[-300:]}", False, detail)
        outcome += ", then resumed" if resumes else ", then started again"
    equal = files(path) == files(bench.whole)
    return Try(fault, f"{outcome}: {EQUAL}" if equal else f"{outcome}: other files", equal, detail)


def disk(bench: Bench) -> Iterator[Try]:
    """Every call that a run makes to write in its directory fails: once, from then on, or after half of what was to be written."""
    path = bench.fresh()
    most = bench.command("evolve", bench.seed, "--quiet", "--out", path, prefix=str(path))["calls"]
    for error in (errno.ENOSPC, errno.EIO):
        for mode, words in ((ONCE, "once"), (FROM, "from then on"), (SHORT, "in the middle of a write")):
            for at in bench.calls(most):
                path = bench.fresh()
                fault = {"prefix": str(path), "at": at, "error": error, "mode": mode}
                answer = bench.command("evolve", bench.seed, "--quiet", "--out", path, **fault)
                yield recovered(bench, path, f"{errno.errorcode[error]} {words}, run", answer, f"call {at}")


COMMANDS = (("evolve", "--quiet", "--max-evals", "1200", "--resume"), ("report", "--tasks", "2"), ("show",))
"""Commands on a run directory, which is their last word."""


def stopped_run(bench: Bench) -> Path:
    """The directory of a run that stopped half way."""
    half = bench.fresh("half")
    bench.command("evolve", bench.seed, "--quiet", "--out", half, "--max-evals", "600")
    return half


def reads(bench: Bench) -> Iterator[Try]:
    """Every call that resuming a run or reporting on it makes to read or write in its directory fails once."""
    half = stopped_run(bench)
    for words in COMMANDS:
        source = half if words[0] == "evolve" else bench.whole
        path = Path(shutil.copytree(source, bench.fresh()))
        most = bench.command(*words, path, prefix=str(path), mode=READS)["calls"]
        for at in bench.calls(most):
            shutil.copytree(source, bench.fresh())
            answer = bench.command(*words, path, prefix=str(path), at=at, error=errno.EIO, mode=READS)
            yield recovered(bench, path, f"EIO once, azdsl {words[0]} of a run", answer, f"call {at}")


def damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What a power cut or a bad disk makes of a file."""
    yield "empty", b""
    yield "half", content[: len(content) // 2]
    yield "zeros", bytes(len(content))
    for at in (len(content) // 3, len(content) * 2 // 3):
        yield "one bit", content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


def files_damaged(bench: Bench) -> Iterator[Try]:
    """Every file of a stopped run is damaged, or replaced by a pipe or a link, before it is resumed, reported on and shown."""
    half, outside = stopped_run(bench), bench.folder / "outside"
    for file in sorted(
        path.relative_to(half) for path in half.rglob("*") if path.is_file() and path.name != names.LOCK
    ):
        content = (half / file).read_bytes()
        for name, new in (*damaged(content), ("a pipe", None), ("a link to a file outside", None)):
            path = bench.fresh()
            shutil.copytree(half, path)
            outside.write_bytes(content)
            (path / file).unlink()
            if new is not None:
                (path / file).write_bytes(new)
            elif name == "a pipe":
                os.mkfifo(path / file)
            else:
                (path / file).symlink_to(outside)
            for words in (
                ("evolve", "--quiet", "--max-evals", "1200", "--resume"),
                ("report", "--tasks", "2"),
                ("show",),
            ):
                outcome, good = ended(bench.command(*words, path))
                yield Try(f"run file: {name}, azdsl {words[0]}", outcome, good, str(file))
            if outside.read_bytes() != content:
                yield Try(f"run file: {name}", "a file outside was changed", False, str(file))


def machine(bench: Bench) -> Iterator[Try]:
    """The wall clock goes back, the process is stopped and continued, the locale is Turkish."""

    def run(fault: str, detail: str, **settings: Any) -> Try:
        path = bench.fresh()
        answer = bench.command("evolve", bench.seed, "--quiet", "--out", path, **settings)
        return recovered(bench, path, fault, answer, detail)

    for seconds in (1, 3600, 10**8):
        yield run("the wall clock goes back at every reading", f"{seconds} s", clock=seconds)
    for times in (1, 3, 10):
        yield run("stopped and continued", f"{times} times", stops=times)
    if turkish(bench.folder):
        yield run("Turkish locale", "evolve", locale=TURKISH)
        for words in (("check",), ("fmt", "--check"), ("show", "--style", "named"), ("score", "--tasks", "2")):
            outcome, good = ended(bench.command(*words, bench.whole / names.BEST, locale=TURKISH))
            yield Try("Turkish locale", outcome, good, words[0])


TURKISH = "tr_TR.UTF-8"
"""A locale with a decimal comma, in which the lower case of I is not i."""


def turkish(folder: Path) -> bool:
    """Make the Turkish locale in ``folder/locale``, where the child looks for it; false where the system has no sources of it."""
    words = ["localedef", "-i", "tr_TR", "-f", "UTF-8", str(folder / "locale" / TURKISH)]
    (folder / "locale").mkdir(exist_ok=True)
    try:
        return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False
