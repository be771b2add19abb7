"""The record of a search by ask and tell: one line of JSON for each call of ``tell``, from which the search is made again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from azdsl import regular
from azdsl.config.search import SettingsError
from azdsl.search.rundir import events
from azdsl.search.rundir.directory import append


@dataclass(frozen=True)
class Answers:
    """What was told at a time: texts of programs and their fitness, None for one that failed.

    ``search`` is a digest of the settings. ``asked`` are the numbers of programs that were asked for since the line before.
    """

    search: str
    asked: tuple[int, ...]
    programs: tuple[str, ...]
    fitness: tuple[float | None, ...]


class Record:
    """A file of ``Answers`` of the search with the digest ``search``; ``lines`` are those that it had when it was opened.

    A last line that was cut is removed: what it told had no effect. Raises ``OSError``, and ``SettingsError`` for a file that is
    damaged or of another search.
    """

    def __init__(self, path: Path, search: str) -> None:
        found = events.read(regular.read(path) if path.exists() else b"", Answers)
        if found.damage:
            raise SettingsError("record", f"{path} is damaged: {found.damage}; restore it, or give another file")
        self.lines = [
            Answers(line["search"], *(tuple(line[name]) for name in ("asked", "programs", "fitness")))
            for line in found.events
        ]
        if any(line.search != search for line in self.lines):
            raise SettingsError("record", f"{path} is of a search with other settings: give these, or another file")
        self._path, self._search = path, search
        self._bytes, self._complete = append(path, found.bytes, b""), True

    def add(self, asked: tuple[int, ...], programs: tuple[str, ...], fitness: tuple[float | None, ...]) -> None:
        """Append a line, and wait until it is on the disk. Raises ``OSError``, and ``SettingsError`` if the file has been changed."""
        if self._complete and self._path.stat().st_size != self._bytes:
            raise SettingsError("record", f"{self._path} was changed by another process: use a record for each search")
        line = json.dumps(vars(Answers(self._search, asked, programs, fitness))).encode() + b"\n"
        self._complete = False
        self._bytes = append(self._path, self._bytes, line, sync=True)
        self._complete = True
