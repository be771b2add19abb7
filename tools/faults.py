"""Break the machine under azdsl, and check that nothing is lost: ``python tools/faults.py [GROUP]…``.

Each try is one command under one fault. It is good if the command ends with its usual exit status, an error with a message, or a signal
that the fault sends; if there is no traceback; and if afterwards, without the fault, the run resumes, or starts again where nothing was
saved, and its files equal those of a run without faults. ``--every N`` tries one in N of the calls that can fail. The table of faults,
tries and outcomes is printed at the end. Exit status: 0 all tries are good, 1 some are not (each is printed), 2 bad usage.
Groups are tried at the same time, each by a process with a directory of its own; ``--workers`` limits their number.

Needs Linux and a C compiler (cc, or the package ziglang) for ``fault_shim.c``, which is preloaded and lets calls of the C library fail.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import fault_cases
import fault_processes
from fault_cases import ROOT, Bench, Try

from azdsl.export.library.linker import linker

GROUPS: Mapping[str, Callable[[Bench], Iterator[Try]]] = {
    "disk": fault_cases.disk,
    "reads": fault_cases.reads,
    "files": fault_cases.files_damaged,
    "machine": fault_cases.machine,
    "processes": fault_processes.processes,
    "cache": fault_processes.cache,
    "cluster": fault_processes.cluster,
}
"""The groups of faults, in the order in which they are tried."""


@contextmanager
def bench(every: int) -> Iterator[Bench]:
    """The directory of the tries and the process that runs commands with faults."""
    with tempfile.TemporaryDirectory(prefix="azdsl-faults-") as name:
        folder = Path(name)
        shim = folder / "shim.so"
        sources = str(Path(__file__).parent / "fault_shim.c")
        subprocess.run([*linker(), "-shared", "-fPIC", "-O1", "-w", "-o", shim, sources, "-ldl"], check=True)
        environment = os.environ | {
            "LD_PRELOAD": str(shim),
            "LOCPATH": str(folder / "locale"),
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, str(Path(__file__).parent / "fault_child.py"), name]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
        ) as process:

            def ask(case: Mapping[str, Any]) -> dict[str, Any]:
                assert process.stdin and process.stdout
                print(json.dumps(case), file=process.stdin, flush=True)
                while not (line := process.stdout.readline()).startswith("{"):  # what the first command prints
                    assert line, "the process that runs commands has ended"
                answer: dict[str, Any] = json.loads(line)
                return answer

            yield fault_cases.prepared(folder, shim, every, ask)
            assert process.stdin
            process.stdin.close()


def tried(group: str, every: int) -> list[Try]:
    """All tries of a group."""
    with bench(every) as place:
        return list(GROUPS[group](place))


def main(arguments: list[str]) -> int:
    """Try the groups of faults and print the table. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of {', '.join(GROUPS)} (default: all)")
    parser.add_argument(
        "--every", type=int, default=1, help="try one in so many of the calls that can fail (default: 1)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="number of processes (default: all cores)")
    options = parser.parse_args(arguments)
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    found: dict[str, Counter[str]] = {}
    failed, started = 0, time.monotonic()
    groups = options.groups or list(GROUPS)
    with ProcessPoolExecutor(options.workers) as pool:
        for name, tries in zip(groups, pool.map(tried, groups, [options.every] * len(groups)), strict=True):
            for one in tries:
                found.setdefault(one.fault, Counter())[one.outcome] += 1
                if not one.good:
                    failed += 1
                    print(f"FAILED {one.fault}, {one.detail}: {one.outcome}", flush=True)
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print("| fault | tries | outcome |\n|---|--:|---|")
    for fault, outcomes in found.items():
        words = "; ".join(
            f"{count} {outcome}" if len(outcomes) > 1 else outcome for outcome, count in outcomes.most_common()
        )
        print(f"| {fault} | {outcomes.total()} | {words} |")
    spent, number = resource.getrusage(resource.RUSAGE_CHILDREN), sum(outcomes.total() for outcomes in found.values())
    seconds = f"{time.monotonic() - started:.0f} s ({spent.ru_utime + spent.ru_stime:.0f} s of processor time)"
    print(f"{number} tries in {seconds}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
