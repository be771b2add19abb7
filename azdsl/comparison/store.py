"""The directory of a comparison: finished runs, one per line; they are not repeated."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from azdsl import __version__, atomic, regular
from azdsl.comparison.runs import Run
from azdsl.config.experiment import Experiment
from azdsl.config.image_tasks import ImageTask
from azdsl.config.search import Search, SettingsError
from azdsl.config.task import Task
from azdsl.config.tasks import FileTask, SklearnTask
from azdsl.tasks.image_tasks import digest_of_files
from azdsl.tasks.images import find as find_images

SETTINGS, RUNS = "comparison.json", "runs.jsonl"
SCHEMA = 2


def identity(experiment: Experiment, base_dir: Path) -> str:
    """A digest of what all runs of a comparison share: the experiment except for its random seed, and the data.

    Raises ``TaskError`` where the data cannot be read.
    """
    shared = replace(experiment, search=replace(experiment.search, seed=Search().seed))
    digest = hashlib.blake2b(f"{__version__}\n{shared}".encode(), digest_size=16)
    for task in (experiment.task, *(stage.task for stage in experiment.stages), *experiment.island_tasks):
        digest.update(digest_of_files(_data_files(task, base_dir)).encode())
    return digest.hexdigest()


def _data_files(task: Task | None, base_dir: Path) -> tuple[Path, ...]:
    """The data files of the tasks. Raises ``TaskError``."""
    if isinstance(task, ImageTask):
        return find_images(task, base_dir).files
    if isinstance(task, FileTask) and not isinstance(task, SklearnTask):
        return (base_dir / task.data,)
    return ()


def find(parent: Path, stem: str, digest: str) -> Path:
    """The directory ``parent/stem-n`` that holds this comparison, or the first that does not exist."""
    number = 1
    while (path := parent / f"{stem}-{number}").exists():
        if (path / SETTINGS).exists() and _stored(path) == digest:
            break
        number += 1
    return path


def begin(path: Path, digest: str, experiment: Experiment) -> None:
    """Create the directory, or check that it holds this comparison.

    Raises ``SettingsError`` where the directory holds something else, ``OSError`` where it cannot be made.
    """
    if (path / SETTINGS).exists():
        if _stored(path) != digest:
            raise SettingsError("out", f"{path} is a comparison with other settings: name another directory with --out")
        return
    if path.is_dir() and any(path.iterdir()):
        raise SettingsError("out", f"{path} is not empty, and not a comparison: name another directory with --out")
    path.mkdir(parents=True, exist_ok=True)
    facts = {"schema": SCHEMA, "azdsl": __version__, "identity": digest, "experiment": str(experiment)}
    atomic.write(path / SETTINGS, json.dumps(facts, indent=1) + "\n")


def add(path: Path, run: Run) -> None:
    """Append a finished run and wait for the disk. Raises ``OSError``."""
    with regular.open_to_append(path / RUNS) as file, atomic.naming(path / RUNS):
        line = json.dumps(run.as_dict()).encode() + b"\n"
        if file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def _stored(path: Path) -> str:
    """The identity of the comparison in a directory."""
    file = path / SETTINGS
    try:
        facts = json.loads(regular.read(file).decode())
        schema, digest = facts["schema"], str(facts["identity"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError("out", f"{file} is invalid: {error}; name another directory with --out") from None
    if schema != SCHEMA:
        raise SettingsError("out", f"{file} has schema version {schema}; this version of azdsl reads version {SCHEMA}")
    return digest


def finished(path: Path) -> list[Run]:
    """The finished runs in a directory that this process has locked. Raises ``SettingsError``.

    An incomplete last line, of a process that was killed, is removed; its run is repeated.
    """
    file = path / RUNS
    data = regular.read(file) if file.exists() else b""
    complete = data[: data.rfind(b"\n") + 1]
    if len(complete) < len(data):
        atomic.write(file, complete)
    try:
        return [Run.from_dict(json.loads(line)) for line in complete.splitlines()]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError("out", f"{file} is invalid: {error}; name another directory with --out") from None
