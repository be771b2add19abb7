"""A process that forks a search for every line of its input, so that the search starts without imports and compilation.

A line is a run directory. The child starts or resumes the run there, saving after every epoch, and prints a line
for its process number, for each epoch and for its end. A run in a directory named ``proposals…`` has proposals.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from search_runs import small

from azdsl.ir import Program
from azdsl.search import recorder
from azdsl.search.evolve import run
from azdsl.search.islands.hall_of_fame import HallOfFame


def search(path: Path) -> None:
    """Start or resume a run."""
    settings = {"restart": 1000, "all_ops": True}
    resume = (path / "config.toml").exists()
    say(f"pid {os.getpid()}")
    where = {"resume": path} if resume else {"out": path}
    result = run(
        None if resume else small(**settings),
        quiet=True,
        workers=1,
        proposals=propose if path.name.startswith("proposals") else None,
        on_epoch=lambda s: say(f"epoch {s.epoch}"),
        **where,
    )
    say(f"done {result.evaluations}")


def propose(hall_of_fame: HallOfFame) -> list[Program]:
    """The smallest program of the hall of fame, and the largest two with their order of instructions reversed."""
    changed = [replace(entry.program, learn=entry.program.learn[::-1]) for entry in hall_of_fame[-2:]]
    return [*(entry.program for entry in hall_of_fame[:1]), *changed]


def say(line: str) -> None:
    """Print one line without buffering."""
    os.write(1, line.encode() + b"\n")


def main() -> None:
    """Fork a child for each line of input."""
    recorder.save_after = lambda seconds: 0.0
    run(small(max_evals=400, all_ops=True), quiet=True, workers=1)
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            search(Path(line.strip()))
            os._exit(0)
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()
