"""The proposer of a run: the function, the command or the record that gives programs to try, once an epoch."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from azdsl import regular
from azdsl.config.search import SettingsError
from azdsl.errors import AzdslError
from azdsl.ir import Program
from azdsl.limits import MAX_PROPOSAL_BYTES, MAX_PROPOSAL_SECONDS
from azdsl.messages import one_line
from azdsl.search.islands.executor import TICK_SECONDS
from azdsl.search.islands.hall_of_fame import HallOfFame
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.proposals import Batch, examine
from azdsl.search.islands.run_state import RunState
from azdsl.search.kernel.population import Members
from azdsl.search.rundir import names
from azdsl.search.rundir.directory import RunDirectory, read_proposals

Function = Callable[[HallOfFame], Iterable[Program | str] | None]
"""Programs, or texts of ``.az`` files, to try, given the hall of fame."""

Source = Function | list[str] | Mapping[int, tuple[str, ...]]
"""The function, the words of the command, or what another run recorded, by epoch."""

RECORD = ".jsonl"
"""The suffix of a record, which stands in place of a command."""

SEPARATOR = "---"
"""The line between two programs that a command prints."""

FAILURES = 3
"""Failures in a row after which a command is not started again."""

COUNTS = ("epochs", "proposed", "refused", "left_out", "failures")
"""What is counted of all proposals: the epochs that were asked for, programs, the invalid ones, those beyond what epochs take, and
answers that failed."""


class _Failed(AzdslError, RuntimeError):
    """A command has no answer; the message says why."""


class Proposer:
    """What is proposed in a run. ``warn`` shows a message; ``directory`` keeps the record.

    ``counts`` are the ``COUNTS`` of all epochs so far.
    """

    def __init__(self, source: Source, warn: Callable[[str], None], directory: RunDirectory | None = None) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self._source = source
        self._warn = warn
        self._directory = directory
        self._recorded: dict[int, Batch] = {}  # of epochs that a resumed run repeats
        self._failed = 0  # in a row
        self._showed = False

    def resume(self, epoch: int) -> None:
        """Read the record. What was proposed for ``epoch`` and later epochs will be repeated."""
        for batch in self._directory.proposals() if self._directory else ():
            if batch.epoch < epoch:
                self._count(batch)
            else:
                self._recorded[batch.epoch] = batch

    def proposals(self, plan: Plan, state: RunState, halted: Callable[[], bool]) -> list[Members | None] | None:
        """For every island, the proposals that it receives at the end of ``state.epoch``; None if ``halted`` ended the wait for them.

        They are in the record before this returns.
        """
        recorded = self._recorded.pop(state.epoch, None)
        if recorded:
            self._count(recorded)
            return examine(plan, state.epoch, recorded.programs)[1]
        failure = ""
        try:
            texts = self._ask(state, halted)
        except _Failed as error:
            texts, failure = [], str(error)
        if texts is None:
            return None
        batch, members = examine(plan, state.epoch, texts)
        batch = Batch(**{**vars(batch), "failure": failure})
        if self._directory and not self._directory.add_proposals(batch):
            return [None] * len(members)
        self._count(batch)
        self._show(batch)
        return members

    def _ask(self, state: RunState, halted: Callable[[], bool]) -> list[str] | None:
        if isinstance(self._source, list):
            if self._failed >= FAILURES:
                return []
            return _run(self._source, _request(state), halted)
        if isinstance(self._source, Mapping):
            return list(self._source.get(state.epoch, ()))
        found: Any = self._source(state.hall_of_fame)
        return [_text(item) for item in ((found,) if isinstance(found, str | Program) else found or ())]

    def _count(self, batch: Batch) -> None:
        found = (1, len(batch.programs) + batch.left_out, len(batch.refused), batch.left_out, bool(batch.failure))
        for name, number in zip(COUNTS, found, strict=True):
            self.counts[name] += number

    def _show(self, batch: Batch) -> None:
        """Show a failure, and the first invalid program."""
        self._failed = self._failed + 1 if batch.failure else 0 if self._failed < FAILURES else self._failed
        if batch.failure:
            ends = f"; it failed {FAILURES} times in a row and is not started again" if self._failed == FAILURES else ""
            self._warn(f"no proposals for epoch {batch.epoch}: {batch.failure}{ends}; the search continues")
        if batch.refused and not self._showed:
            self._showed = True
            where = f", and listed in {self._directory.path / names.PROPOSALS}" if self._directory else ""
            text = next(iter(batch.refused.values()))
            self._warn(f"a proposal is invalid and not tried; further ones are only counted{where}:\n{text}")


def _text(item: object) -> str:
    if isinstance(item, Program | str):
        return str(item)
    raise SettingsError("proposals", f"the function of proposals gave {type(item).__name__}, not a program or a text")


def make_source(proposals: Function | str) -> Source:
    """The function, the words of the command, or the content of a record. Raises ``SettingsError`` for anything else, and ``OSError``."""
    if isinstance(proposals, str) and proposals.endswith(RECORD):
        batches, found = read_proposals(regular.read(Path(proposals)))
        if found.damage:
            raise SettingsError("proposals", f"{proposals} is not a record of proposals: {found.damage}")
        return {batch.epoch: batch.programs for batch in batches}
    if isinstance(proposals, str):
        return _words(proposals)
    if not callable(proposals):
        raise SettingsError(
            "proposals", f"proposals is {type(proposals).__name__}: give a function, a command or a record"
        )
    return proposals


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError("proposals", f"{command!r} is not a command: {error}") from None
    if not words:
        raise SettingsError("proposals", "the command of proposals is empty: give a program and its arguments")
    if shutil.which(words[0]) is None:
        raise SettingsError("proposals", f"{words[0]!r} is not a program that can be run: give its path, or install it")
    return words


def _request(state: RunState) -> str:
    """What a command reads: a line of JSON for each program of the hall of fame, by rising size."""
    found = (
        {"epoch": state.epoch, "size": entry.size, "fitness": entry.fitness, "program": str(entry.program)}
        for entry in state.hall_of_fame
    )
    return "".join(f"{json.dumps(line)}\n" for line in found)


def _run(words: list[str], request: str, halted: Callable[[], bool]) -> list[str] | None:
    """The texts that a command prints, given ``request``; None if ``halted`` ended it. Raises ``_Failed``.

    Files in place of pipes: neither side can wait for the other, and what is printed can be limited.
    """
    try:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
            given.write(request.encode())
            given.seek(0)
            streams: dict[str, Any] = {"stdin": given, "stdout": printed, "stderr": errors}
            # In a session of its own, Ctrl-C does not reach it: an answer that is nearly there may still be recorded.
            with subprocess.Popen(words, start_new_session=True, **streams) as process:
                try:
                    complete = _wait(process, words[0], (printed, errors), halted)
                finally:
                    _end(process)
            if process.returncode != 0 and complete:
                last = _tail(errors)
                raise _Failed(f"{words[0]} ended with status {process.returncode}{': ' if last else ''}{last}")
            printed.seek(0)
            return _texts(printed.read().decode(errors="replace")) if complete else None
    except OSError as error:
        raise _Failed(f"{words[0]} cannot be run: {error.strerror or error}") from None


def _wait(
    process: subprocess.Popen[bytes], name: str, files: tuple[IO[bytes], ...], halted: Callable[[], bool]
) -> bool:
    """Wait for the end of a command; False if ``halted`` ended the wait. Raises ``_Failed`` beyond the limits."""
    deadline = time.monotonic() + MAX_PROPOSAL_SECONDS
    running = True
    while running:
        with suppress(subprocess.TimeoutExpired):
            process.wait(TICK_SECONDS)
            running = False
        if any(os.fstat(file.fileno()).st_size > MAX_PROPOSAL_BYTES for file in files):
            raise _Failed(f"{name} printed more than {MAX_PROPOSAL_BYTES:,} bytes")
        if running and time.monotonic() > deadline:
            raise _Failed(f"{name} took more than {MAX_PROPOSAL_SECONDS:g} s")
        if running and halted():
            return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that is running, with the processes that it started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()


def _tail(file: IO[bytes]) -> str:
    """The last line of what a command printed as errors."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 1000))
    lines = file.read().decode(errors="replace").split("\n")
    return one_line(next((line.strip() for line in reversed(lines) if line.strip()), ""))


def _texts(printed: str) -> list[str]:
    """The programs in the output of a command, without empty ones."""
    texts = [""]
    for line in printed.splitlines(keepends=True):
        if line.strip() == SEPARATOR:
            texts.append("")
        else:
            texts[-1] += line
    return [text for text in texts if text.strip()]
