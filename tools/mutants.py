"""Mutation run: which tests notice which bugs? ``python tools/mutants.py [--only WORD]``.

Each bug of ``mutant_list.py`` is made in a copy of the repository, and its tests run there until one fails. A line of the
table: the bug, the test that failed (or SURVIVED), seconds. Compiled code of each bug is cached in a directory of its own.

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
from pathlib import Path

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
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def noticed(mutant: Mutant) -> str | None:
    """The test that fails with a mutant, or None. Raises ``RuntimeError`` when the tests cannot run."""
    with tempfile.TemporaryDirectory(prefix="azdsl-mutant-") as place:
        folder = copy(Path(place) / "copy")
        path = folder / mutant.file
        path.write_text(path.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(folder), "AZDSL_CACHE": str(Path(place) / "cache"), "CI": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", *mutant.tests]
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"no test ended within {SECONDS} s"
        if done.returncode == NOTHING_FAILED:
            return None
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        if done.returncode != FAILED or not found:
            raise RuntimeError(f"pytest ended with exit status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
        return found[1]


def main() -> int:
    """Make the mutants one after the other; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only mutants with this text in meaning or file")
    parser.add_argument("--list", action="store_true", help="validate and print the list, run nothing")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if options.only in m.meaning or options.only in m.file]
    if problems := [f"{mutant.meaning}: {reason}" for mutant in MUTANTS if (reason := problem(mutant))]:
        print("\n".join(problems), file=sys.stderr)
        return 2
    survived = 0
    for mutant in chosen:
        started = time.monotonic()
        try:
            result = "" if options.list else noticed(mutant) or "SURVIVED"
        except RuntimeError as error:
            print(f"{mutant.meaning}: {error}", file=sys.stderr)
            return 2
        survived += result == "SURVIVED"
        print(f"{mutant.meaning:<58}  {result}  {time.monotonic() - started:.0f} s", flush=True)
    print(f"{len(chosen)} mutants, {survived} survived" if not options.list else f"{len(chosen)} mutants")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
