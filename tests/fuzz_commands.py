"""Whole commands on damaged run directories, for ``fuzz_readers``: resume, report, plot, show and score.

An input states a run (finished or interrupted), one of its files, a way to damage the file, a command, and bytes. The command ends with a
documented status and message, prints no control characters, and writes through no link.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields
from io import BytesIO, TextIOWrapper
from itertools import product
from pathlib import Path

import pytest

FILES = (
    "checkpoint",
    "events.jsonl",
    "config.toml",
    "seed.az",
    "best.az",
    "hall_of_fame.csv",
    "result.json",
    "checkpoint.before",
    "lock",
    "hall_of_fame",
    "hall_of_fame/ENTRY",
)
"""The files of a run; ENTRY stands for the first program of the hall of fame."""

REPLACE, PATCH, CUT, ZEROS, REMOVE, LINK, PIPE, FOLDER, SEALED = range(9)
"""Ways to damage a file: with new content, with bytes at an offset, and so on; SEALED patches a checkpoint and corrects its checksum."""
WAYS = 9

COMMANDS = (
    ("evolve", "--resume", "RUN", "--quiet", "--max-evals", "1200", "--timeout", "5s"),
    ("report", "RUN", "--tasks", "1"),
    ("plot", "RUN"),
    ("show", "RUN"),
    ("score", "RUN", "--tasks", "2", "--backend", "vm"),
    ("evolve", "--resume", "RUN", "--workers", "1", "--max-evals", "1200", "--timeout", "5s"),
    ("check", "RUN/seed.az", "RUN/best.az"),
    ("fmt", "--check", "RUN/seed.az", "RUN/best.az"),
    ("compile", "RUN", "--emit", "numpy,llvm", "--output", "RUN-model.py"),
)

MOST = 5000
"""A damaged seed file with a greater number among its settings is left out: it may ask for more time or memory than there is."""


def damage(file: Path, way: int, content: bytes, elsewhere: Path) -> None:
    """Damage a file or folder of a run. A link leads to ``elsewhere``, which has the former content."""
    data = file.read_bytes() if file.is_file() else b""
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    at = int.from_bytes(content[:3], "big") % (len(data) + 1)
    if way == REPLACE:
        file.write_bytes(content)
    elif way == PATCH:
        file.write_bytes(data[:at] + content[3:] + data[at + len(content[3:]) :])
    elif way == CUT:
        file.write_bytes(data[:at])
    elif way == ZEROS:
        file.write_bytes(bytes(len(data)))
    elif way == LINK:
        elsewhere.write_bytes(data)
        file.symlink_to(elsewhere)
    elif way == PIPE:
        os.mkfifo(file)
    elif way == FOLDER:
        file.mkdir()
    elif way == SEALED:
        from fuzz_readers import archive, members_of

        from azdsl.search.rundir import checkpoint

        try:
            members = members_of(data)
        except Exception:  # the file is no checkpoint
            file.write_bytes(content)
            return
        name = sorted(members)[at % len(members)]
        place = int.from_bytes(content[3:5], "big") % len(members[name])
        changed = members[name][:place] + content[5:] + members[name][place + len(content[5:]) :]
        file.write_bytes(checkpoint.seal(archive(members | {name: changed})))


def modest(path: Path) -> bool:
    """Whether the seed file of a run, if it is valid, asks for little time and memory."""
    from azdsl.syntax import load_experiment

    try:
        experiment = load_experiment(path / "seed.az", regular_only=True)
    except Exception:  # reported by the command
        return True
    parts = (experiment.search, experiment.registers, *([experiment.task] if experiment.task else []))
    values = [getattr(part, field.name) for part in parts for field in fields(part)]
    numbers = [v for v in values if isinstance(v, int | float)]
    return not experiment.stages and max(numbers, default=0) <= MOST


def runs(folder: Path) -> list[Path]:
    """A finished run and one that was killed, with all files that a run writes."""
    from search_runs import small

    from azdsl.search.evolve import run

    finished, killed = folder / "finished", folder / "killed"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("azdsl.search.recorder.save_after", lambda seconds: 0.0)
        run(small(max_evals=800), out=finished, quiet=True)
    shutil.copytree(finished, killed)
    (killed / "result.json").unlink()
    with (killed / "events.jsonl").open("ab") as events:
        events.write(b'{"epoch": 3')
    return [finished, killed]


def make(folder: Path) -> Callable[[bytes], None]:
    """Return the function of an input."""
    from azdsl.cli import main

    whole, path, elsewhere = runs(folder), folder / "run", folder / "elsewhere"
    patched = pytest.MonkeyPatch()
    patched.setattr("azdsl.reporting.details._playground", lambda *_: "")  # links with zig, which takes seconds

    def one(data: bytes) -> None:
        head, content = data[:4].ljust(4, b"\0"), data[4:]
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole[head[0] % len(whole)], path)
        file = path / FILES[head[1] % len(FILES)]
        if file.name == "ENTRY":
            file = min(file.parent.iterdir())
        if not file.exists():
            return
        way = head[2] % WAYS
        damage(file, way, content, elsewhere)
        if not modest(path):
            return
        words = COMMANDS[head[3] % len(COMMANDS)]
        if way == PIPE and words[0] in ("check", "fmt"):
            return  # a file that a user names may be a pipe, which is waited for
        command = [word.replace("RUN", str(path)) for word in words]
        before = elsewhere.read_bytes() if way == LINK else None
        out = TextIOWrapper(BytesIO(), encoding="utf-8")
        with redirect_stdout(out), redirect_stderr(out):
            status = main(command)
            out.flush()
        text = out.buffer.getvalue().decode()  # type: ignore[attr-defined] # a BytesIO
        assert status in (0, 1, 2, 130), (status, text)
        assert text.strip() or status == 0, "no message"
        assert "Traceback" not in text and not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", text), text
        assert before is None or elsewhere.read_bytes() == before, "it wrote through a link"

    return one


def seeds() -> Iterator[bytes]:
    """Each way to damage each file, resumed; what other commands read, damaged in three ways; and texts that are almost valid."""
    resume, others = (0, 5), (1, 2, 3, 4, 6, 7, 8)
    for number, (file, way) in enumerate(product(range(len(FILES)), range(WAYS))):
        if way != SEALED or FILES[file] in ("checkpoint", "checkpoint.before"):
            yield bytes([number % 2, file, way, resume[number % 2], 0, 1, number]) + b"\0\1\x1b[2J"
    read = [number for number, file in enumerate(FILES) if not file.startswith(("checkpoint", "lock"))]
    for number, (file, way) in enumerate(product(read, (REPLACE, CUT, PIPE))):
        yield bytes([number % 2, file, way, others[number % len(others)], 0, 1, 0])
    events, result = FILES.index("events.jsonl"), FILES.index("result.json")
    for file, content in (
        (events, b"5\n"),
        (events, b"[" * 5000 + b"\n"),
        (result, b"{}"),
        (result, b"[]"),
        (FILES.index("config.toml"), b"[run]\nschema = 1\n"),
        (FILES.index("hall_of_fame.csv"), b"size,file\n1,/etc/passwd\n"),
    ):
        for command in (0, 2):
            yield bytes([0, file, REPLACE, command]) + content
