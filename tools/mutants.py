"""Mutation run: which tests notice which bugs? ``python tools/mutants.py [--only WORD] [--workers N]``.

Each bug of ``mutant_list.py`` is made in a copy of the repository, and its tests run there until one fails. A row of the
table, which is Markdown: the bug, its file, the test that failed (or SURVIVED), seconds. Each worker has its own copy, and its
own directory for compiled code, whose keys follow from the sources: code of a bug is never used for another.

Exit status: 0 all bugs are noticed, 1 some survive, 2 the list is out of date or tests could not run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

sys.path.insert(0, str(Path(__file__).parent))

from mutant_list import MUTANTS, Mutant

ROOT = Path(__file__).parents[1]
COPIED = ("azdsl", "docs", "examples", "grammar", "tests", "tools", "CONTRIBUTING.md", "README.md", "pyproject.toml")

FAILED, NOTHING_FAILED = 1, 0
"""Exit statuses of pytest."""

SECONDS = 900
"""Time limit for the tests of one bug; a bug that makes tests hang is noticed."""


def problem(mutant: Mutant) -> str | None:
    """Why a mutant does not fit the sources, or None."""
    count = (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) if (ROOT / mutant.file).exists() else 0
    missing = [name for name in mutant.tests if not (ROOT / name).exists()]
    if count != 1:
        return f"its old text occurs {count} times in {mutant.file}, not once"
    return f"no {', '.join(missing)}" if missing else None


def copy(folder: Path) -> Path:
    """A copy of the repository in ``folder``."""
    folder.mkdir(parents=True)
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def noticed(mutant: Mutant, folder: Path) -> str | None:
    """The test that fails with a mutant in the copy in ``folder``, or None. Raises ``RuntimeError`` when the tests cannot run."""
    path = folder / mutant.file
    original = path.read_text(encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(folder), "AZDSL_CACHE": str(folder.parent / "cache"), "CI": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", *mutant.tests]
    try:
        path.write_text(original.replace(mutant.old, mutant.new), encoding="utf-8")
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no test ended within {SECONDS} s"
    finally:
        path.write_text(original, encoding="utf-8")
    if done.returncode == NOTHING_FAILED:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != FAILED or not found:
        raise RuntimeError(f"pytest ended with exit status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return found[1]


def run(mutants: list[Mutant], workers: int) -> Iterator[tuple[Mutant, str | None, float]]:
    """Each mutant with the test that fails, or None, and seconds, in the order of the list."""
    with tempfile.TemporaryDirectory(prefix="azdsl-mutants-") as place, ThreadPoolExecutor(workers) as pool:
        folders: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            folders.put(copy(Path(place) / str(number) / "copy"))

        def one(mutant: Mutant) -> tuple[Mutant, str | None, float]:
            folder, started = folders.get(), time.monotonic()
            try:
                return mutant, noticed(mutant, folder), time.monotonic() - started
            finally:
                folders.put(folder)

        yield from pool.map(one, mutants)


def main() -> int:
    """Make the mutants; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only mutants with this text in meaning or file")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="bugs whose tests run at the same time")
    parser.add_argument("--list", action="store_true", help="validate and print the list, run nothing")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if options.only in m.meaning or options.only in m.file]
    if problems := [f"{mutant.meaning}: {reason}" for mutant in MUTANTS if (reason := problem(mutant))]:
        print("\n".join(problems), file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(mutant.meaning for mutant in chosen))
        print(f"{len(chosen)} mutants")
        return 0
    survived = 0
    print("| bug | file | test that fails | seconds |\n|---|---|---|---|", flush=True)
    try:
        for mutant, test, seconds in run(chosen, options.workers):
            survived += test is None
            noticing = f"`{test}`" if test else "SURVIVED"
            print(f"| {mutant.meaning} | `{mutant.file}` | {noticing} | {seconds:.0f} |", flush=True)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{len(chosen)} bugs, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
