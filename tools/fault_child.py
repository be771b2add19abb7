"""Runs commands of azdsl with faults, one a line of standard input, each in a fork that needs no imports and no compilation.

A line is a JSON object: ``arguments`` of the command, its directory ``cwd``, and what ``fault_shim.c`` lets fail: ``prefix``, ``at``,
``error``, ``mode``, ``clock``. ``locale`` sets all categories of the locale; ``stops`` is the number of times that the process is
stopped and continued. The answer is the exit status (negative: a signal), the calls that were counted, and the text on standard error.
"""

from __future__ import annotations

import ctypes
import json
import locale
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from azdsl import cli
from azdsl.search import recorder

LONGEST_SECONDS = 120
"""A command that takes longer hangs, and is ended."""

STOPPED_SECONDS = 0.05
"""How long a process is stopped, and how long it runs between two stops."""


def command(case: dict[str, Any], told: Path, counted: int) -> int:
    """Run a command; its status. Writes the number of calls to ``counted``."""
    os.chdir(case["cwd"])
    for number, path in ((1, os.devnull), (2, told)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    shim = ctypes.CDLL(None)
    if "locale" in case:
        locale.setlocale(locale.LC_ALL, case["locale"])
    shim.fault_clock(ctypes.c_long(case.get("clock", 0)))
    if "prefix" in case:
        numbers = case.get("at", -1), case.get("error", 0), case.get("mode", 0)
        shim.fault_arm(case["prefix"].encode(), ctypes.c_long(numbers[0]), *map(ctypes.c_int, numbers[1:]))
    try:
        return cli.main(case["arguments"])
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    finally:
        os.write(counted, str(shim.fault_calls()).encode())


def stop_and_continue(child: int, times: int) -> None:
    """Stop a process and let it continue, again and again."""
    for _ in range(times):
        for number in (signal.SIGSTOP, signal.SIGCONT):
            time.sleep(STOPPED_SECONDS)
            try:
                os.kill(child, number)
            except ProcessLookupError:
                return


def main() -> None:
    """Run the commands; the first line makes everything compiled and imported."""
    recorder.save_after = lambda seconds: 0.0
    folder = Path(sys.argv[1])
    for number, line in enumerate(sys.stdin):
        case = json.loads(line)
        told = folder / "told"
        if number == 0:
            cli.main(case["arguments"])
            print("{}", flush=True)
            continue
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST_SECONDS)
            os._exit(command(case, told, writing))
        os.close(writing)
        if case.get("stops"):
            threading.Thread(target=stop_and_continue, args=(child, case["stops"])).start()
        counted = os.read(reading, 100)
        os.close(reading)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answer = {"status": status, "calls": int(counted or 0), "told": told.read_text(errors="replace")}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
