"""A run's directory: made once, never overwritten, written whole file by whole file.

While a search runs, a write that fails is reported once and tried again later; the search goes on.
"""

from __future__ import annotations

import errno
import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azdsl import atomic
from azdsl.config.search import SettingsError
from azdsl.search.rundir import checkpoint
from azdsl.search.rundir.artifacts import CONFIG_SCHEMA
from azdsl.search.rundir.names import CONFIG, EVENTS, HALL_OF_FAME_FILES, LOCK, RESULT, SEED


def create(path: Path) -> Path:
    """A directory for a new run. Raises ``SettingsError`` when it is in use, ``OSError`` when it cannot be made."""
    if path.is_dir() and any(path.iterdir()) and not unused(path):
        hint = (
            f"continue it with --resume {path}, or choose another directory"
            if (path / CONFIG).exists()
            else "choose another directory"
        )
        raise SettingsError("out", f"{path} is not empty, and azdsl overwrites nothing: {hint}")
    path.mkdir(parents=True, exist_ok=True)
    return path


def unused(path: Path) -> bool:
    """Whether a run was begun in a directory and killed before there was anything to resume: only its first files are there."""
    found = {file.name for file in path.iterdir()}
    return LOCK in found and found <= {LOCK, SEED, *(f"{name}{atomic.SUFFIX}" for name in (SEED, CONFIG))}


def create_next(parent: Path, stem: str) -> Path:
    """The directory ``parent/stem-n`` with the first number that is free."""
    number = 1
    while True:
        path = parent / f"{stem}-{number}"
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Keep other processes from writing to a run directory. Raises ``SettingsError`` when one does.

    The lock goes with the process, however that ends; a file that is left behind means nothing. Where the
    system has no such locks there is none.
    """
    if path is None:
        yield
        return
    with (path / LOCK).open("ab+", buffering=0) as file:
        if not _lock(file.fileno()):
            file.seek(0)
            holder = file.read().decode("utf-8", "replace").strip()
            raise SettingsError(
                "resume",
                f"{path} is in use by process {holder}: wait for it or stop it" if holder else f"{path} is in use",
            )
        with atomic.naming(path / LOCK):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield


def _lock(descriptor: int) -> bool:
    """Take an exclusive lock on an open file; false when another process has it."""
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
    """A run's ``config.toml``. Raises ``SettingsError`` when it is none, or another version's."""
    file = path / CONFIG
    try:
        config = tomllib.loads(file.read_text(encoding="utf-8"))
        schema = config["run"]["schema"]
    except FileNotFoundError:
        hint = f"; it was stopped before it started: start it again with --out {path}" if unused(path) else ""
        raise SettingsError("resume", f"{path} is not a run directory: it has no {CONFIG}{hint}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise SettingsError("resume", f"{file} is damaged: {error}") from None
    if schema != CONFIG_SCHEMA:
        raise SettingsError("resume", f"{file} has schema version {schema}, this azdsl reads version {CONFIG_SCHEMA}")
    return config


class RunDirectory:
    """The files of a run that is going on. ``warn`` is told when writing fails and when it works again."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path = path
        self.events_bytes = 0
        self._warn = warn
        self._failing: set[str] = set()
        self._waiting = b""

    def save_checkpoint(self, data: bytes) -> bool:
        """Write a checkpoint; whether that went well."""
        return self._attempt("checkpoint", lambda: checkpoint.write(self.path, data))

    def save_texts(self, files: Mapping[str, str]) -> bool:
        """Write text files by their names in the directory, and remove all others of the hall of fame; whether all went well."""
        return self._attempt("texts", lambda: self._save_texts(files))

    def save_result(self, facts: Mapping[str, Any]) -> bool:
        """Write how the run ended; whether that went well."""
        return self._attempt("result", lambda: atomic.write(self.path / RESULT, json.dumps(facts, indent=1) + "\n"))

    def add_event(self, event: Mapping[str, Any]) -> bool:
        """Append a line to the events, after those that could not be written before."""
        self._waiting += json.dumps(event).encode() + b"\n"
        return self._attempt("events", self._add_events)

    def rewind(self, events_bytes: int) -> list[dict[str, Any]]:
        """Cut the events off where a checkpoint was written, and give those before. Raises ``OSError``."""
        file = self.path / EVENTS
        if not file.exists():
            return []
        data = file.read_bytes()[:events_bytes]
        os.truncate(file, len(data))
        self.events_bytes = len(data)
        return [json.loads(line) for line in data.splitlines()]

    def _save_texts(self, files: Mapping[str, str]) -> None:
        (self.path / HALL_OF_FAME_FILES).mkdir(exist_ok=True)
        for name, text in files.items():
            _write_changed(self.path / name, text)
        for path in (self.path / HALL_OF_FAME_FILES).iterdir():
            if f"{HALL_OF_FAME_FILES}/{path.name}" not in files:
                path.unlink()

    def _add_events(self) -> None:
        """Write the events that wait; what a failed write left behind is cut off first."""
        with (self.path / EVENTS).open("ab") as file:
            file.truncate(self.events_bytes)
            file.write(self._waiting)
        self._waiting = b""
        self.events_bytes = (self.path / EVENTS).stat().st_size

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        """Write; whether that went well. A disk without room for a checkpoint may have some for a line."""
        try:
            action()
        except OSError as error:
            if not self._failing:
                reason = error.strerror or str(error)
                self._warn(
                    f"cannot write to {self.path}: {reason}; the search continues and tries again at the next write"
                )
            self._failing.add(what)
            return False
        if self._failing == {what}:
            self._warn(f"writing to {self.path} works again")
        self._failing.discard(what)
        return True


def _write_changed(path: Path, text: str) -> None:
    """Write a text file unless it is there already."""
    try:
        if path.read_bytes() == text.encode():
            return
    except OSError:
        pass  # not there, or not readable: written anew
    atomic.write(path, text)
