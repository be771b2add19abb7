"""The directory of a run: created once, never overwritten; every file is written atomically.

What a run writes are regular files and folders of its own. Nothing else is opened to write: a run whose files are links, pipes or devices
is not resumed, and one that appears later is replaced by a file. Only files that a run has written are removed.
During a search, a failed write is reported once and tried again later; the search continues.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azdsl import atomic, regular
from azdsl.config.search import SettingsError
from azdsl.search.islands.proposals import Batch
from azdsl.search.rundir import checkpoint, events, names
from azdsl.search.rundir.artifacts import CONFIG_SCHEMA
from azdsl.search.rundir.names import CONFIG, EVENTS, HALL_OF_FAME_FILES, LOCK, PROPOSALS, RESULT, SEED


def create(path: Path) -> Path:
    """Create the directory of a new run. Raises ``SettingsError`` if it is not empty, ``OSError`` if it cannot be created."""
    if path.is_dir() and any(path.iterdir()) and not unused(path):
        resume = f"resume the run with --resume {path}, or " if (path / CONFIG).exists() else ""
        raise SettingsError("out", f"{path} is not empty, and no run is overwritten: {resume}choose another directory")
    path.mkdir(parents=True, exist_ok=True)
    return path


def unused(path: Path) -> bool:
    """Whether a run in a directory was killed before it could be resumed: only its first files are there."""
    found = {file.name for file in path.iterdir()}
    return LOCK in found and found <= {LOCK, SEED, PROPOSALS, *(f"{name}{atomic.SUFFIX}" for name in (SEED, CONFIG))}


def create_next(parent: Path, stem: str) -> Path:
    """Create the directory ``parent/stem-n`` with the first free number."""
    number = 1
    while True:
        path = parent / f"{stem}-{number}"
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1


def check_files(path: Path) -> None:
    """Check that what has the name of a run's file in its directory is a file, and a folder a folder. Raises ``SettingsError``."""
    files = [path / name for name in names.FILES]
    folders = [path / name for name in names.FOLDERS]
    for folder in folders:
        if _is(folder, stat.S_ISDIR):
            files += [
                file for file in folder.iterdir() if names.is_entry(file.name) or folder.name == names.FURTHER_SEEDS
            ]
    wrong = [(file, "file") for file in files if not _is(file, stat.S_ISREG, absent=True)]
    wrong += [(folder, "folder") for folder in folders if not _is(folder, stat.S_ISDIR, absent=True)]
    for place, what in wrong:
        raise SettingsError(
            "resume", f"{place} is not a {what} that a run has written, but a link or another object: move it away"
        )


def _is(path: Path, kind: Callable[[int], bool], absent: bool = False) -> bool:
    """Whether what is at ``path``, not followed if it is a link, is of a kind; ``absent`` if there is nothing."""
    try:
        return kind(path.lstat().st_mode)
    except FileNotFoundError:
        return absent


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Lock a run directory against other processes. Raises ``SettingsError`` if another process has the lock.

    The lock goes with the process, however that ends; a file that is left behind means nothing. Where the
    system has no such locks there is none.
    """
    if path is None:
        yield
        return
    with regular.open_to_append(path / LOCK) as file:
        if not _lock(file.fileno()):
            file.seek(0)
            holder = file.read().decode("utf-8", "replace").strip()
            raise SettingsError(
                "resume",
                f"{path} is in use by process {holder}: wait for its end or stop it" if holder else f"{path} is in use",
            )
        with atomic.naming(path / LOCK):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield


def _lock(descriptor: int) -> bool:
    """Take an exclusive lock on an open file; false if another process has it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True


def read_config(path: Path) -> dict[str, Any]:
    """The contents of ``config.toml``. Raises ``SettingsError`` if there is none, or one of another schema version."""
    file = path / CONFIG
    try:
        config = tomllib.loads(regular.read(file).decode())
        schema = config["run"]["schema"]
    except FileNotFoundError:
        hint = f"; the run was killed before its start: start it again with --out {path}" if unused(path) else ""
        raise SettingsError("resume", f"{path} is not a run directory: it has no {CONFIG}{hint}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError("resume", f"{file} is invalid: {error}") from None
    if schema != CONFIG_SCHEMA:
        raise SettingsError(
            "resume", f"{file} has schema version {schema}; this version of azdsl reads version {CONFIG_SCHEMA}"
        )
    return config


class RunDirectory:
    """The files of a running search. ``warn`` is called when a write fails and when all writes succeed again."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path = path
        self.events_bytes = 0
        self._proposals_bytes = 0
        self._warn = warn
        self._failing: set[str] = set()
        self._waiting = b""

    def save_checkpoint(self, data: bytes) -> bool:
        """Write a checkpoint; whether it was written."""
        return self._attempt("checkpoint", lambda: checkpoint.write(self.path, data))

    def save_texts(self, files: Mapping[str, str]) -> bool:
        """Write text files by their names in the directory, and remove former files of the hall of fame; whether all were written."""
        return self._attempt("texts", lambda: self._save_texts(files))

    def save_result(self, facts: Mapping[str, Any]) -> bool:
        """Write the figures of a finished run; whether they were written."""
        return self._attempt("result", lambda: atomic.write(self.path / RESULT, json.dumps(facts, indent=1) + "\n"))

    def add_event(self, event: Mapping[str, Any]) -> bool:
        """Append a line to the events, after those whose write failed; whether all were written."""
        self._waiting += json.dumps(event).encode() + b"\n"
        return self._attempt("events", self._add_events)

    def rewind(self, events_bytes: int) -> list[dict[str, Any]]:
        """Cut the events to those before a checkpoint, and return them. Raises ``OSError``.

        Where the file is damaged, the events from there on are lost: the search does not depend on them.
        """
        file = self.path / EVENTS
        data = regular.read(file) if file.exists() else b""
        found = events.read(data[:events_bytes])
        if found.bytes < events_bytes:
            damage = found.damage or f"it has {len(data):,} bytes, and had {events_bytes:,} at the checkpoint"
            self._warn(f"{file} is damaged: {damage}; it is cut after {len(found.events):,} events, the run continues")
        if len(data) > found.bytes:
            atomic.write(file, data[: found.bytes])
        self.events_bytes = found.bytes
        return found.events

    def add_proposals(self, batch: Batch) -> bool:
        """Append what was proposed for an epoch, and wait until it is on the disk; whether it was written."""
        line = json.dumps(vars(batch)).encode() + b"\n"

        def write() -> None:
            self._proposals_bytes = append(self.path / PROPOSALS, self._proposals_bytes, line, sync=True)

        return self._attempt("proposals", write)

    def proposals(self) -> list[Batch]:
        """All that was proposed so far, up to the first damaged line; the next one is written over it. Raises ``OSError``."""
        file = self.path / PROPOSALS
        batches, found = read_proposals(regular.read(file) if file.exists() else b"")
        if found.damage:
            self._warn(f"{file} is damaged: {found.damage}; epochs from there on are proposed for again")
        self._proposals_bytes = found.bytes
        return batches

    def _save_texts(self, files: Mapping[str, str]) -> None:
        folder = self.path / HALL_OF_FAME_FILES
        if not _is(folder, stat.S_ISDIR):
            folder.mkdir()
        for name, text in files.items():
            _write_changed(self.path / name, text)
        for path in folder.iterdir():
            if (
                names.is_entry(path.name.removesuffix(atomic.SUFFIX))
                and f"{HALL_OF_FAME_FILES}/{path.name}" not in files
            ):
                path.unlink()

    def _add_events(self) -> None:
        """Write the waiting events."""
        self.events_bytes = append(self.path / EVENTS, self.events_bytes, self._waiting)
        self._waiting = b""

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        """Write a file and warn if that fails; whether it was written. A full disk may have room for a line but not for a checkpoint."""
        try:
            action()
        except OSError as error:
            if not self._failing:
                reason = error.strerror or str(error)
                self._warn(f"cannot write to {self.path}: {reason}; the search continues and tries again")
            self._failing.add(what)
            return False
        if self._failing == {what}:
            self._warn(f"writing to {self.path} works again")
        self._failing.discard(what)
        return True


def read_proposals(data: bytes) -> tuple[list[Batch], events.Events]:
    """The proposals in a record, up to the first damaged line, and how far they were read."""
    found = events.read(data, Batch)
    return [Batch(**{**line, "programs": tuple(line["programs"])}) for line in found.events], found


def append(path: Path, size: int, data: bytes, sync: bool = False) -> int:
    """Append to a file of ``size`` bytes, over the remains of a failed write; with ``sync`` wait for the disk. Returns its new size."""
    with regular.open_to_append(path) as file, atomic.naming(path):
        file.truncate(size)
        written = 0
        while written < len(data):
            written += file.write(data[written:])
        if sync:
            os.fsync(file.fileno())
    return size + written


def _write_changed(path: Path, text: str) -> None:
    """Write a text file unless it has this content already."""
    try:
        if not path.is_symlink() and regular.read(path) == text.encode():
            return
    except OSError:
        pass  # missing or unreadable: written below
    atomic.write(path, text)
