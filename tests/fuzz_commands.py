"""Whole commands as a function of bytes, for ``tools/fuzz.py commands`` and the tests of its corpus.

An input chooses a command, an option and a file, and replaces the file, or bytes in it. Each command runs in this process, by
``azdsl.cli.main``. A finding is an exception that leaves it, a status that is none of its exit statuses, or an error without a message.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from search_runs import small

from azdsl.cli import BAD_INPUT, DONE, NOT_REACHED, main
from azdsl.config.experiment import Experiment
from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.search.evolve import run
from azdsl.search.rundir import names
from azdsl.syntax import load_experiment

ROOT = Path(__file__).parents[1]

PROGRAM, RUN = "program.az", "run"

SEARCH = (
    "--max-evals",
    "40",
    "--population",
    "12",
    "--tournament",
    "3",
    "--islands",
    "1",
    "--timeout",
    "5",
    "--workers",
    "1",
)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("check", PROGRAM),
    ("fmt", PROGRAM),
    ("show", PROGRAM, "--style"),
    ("score", PROGRAM, "--tasks", "2"),
    ("evolve", PROGRAM, "--quiet", "--out", "new", *SEARCH),
    ("compile", PROGRAM, "--emit", "numpy,llvm", "-o", "model.py", "--metric"),
    ("show", RUN, "--style"),
    ("score", RUN, "--tasks", "2"),
    ("evolve", "--resume", RUN, "--quiet", "--max-evals", "900"),
    ("report", RUN, "--tasks", "2"),
    ("plot", RUN, "-o", "plot.svg", "--what"),
    ("compile", RUN, "--emit", "header,llvm", "-o", "model.h", "--metric"),
    ("evolve", PROGRAM, "--quiet", *SEARCH, "--ops"),
)
"""The commands. The last option of some has a value from the input."""

VALUES = (
    "canonical",
    "named",
    "numpy",
    "latex",
    "graph",
    "rmse",
    "accuracy",
    "multiclass",
    "progress",
    "front",
    "layers",
    "const, dot",
)
"""Values for the last option of a command, beside any text: the first line of the input after the choices."""

FILES = (
    names.CONFIG,
    names.EVENTS,
    names.RESULT,
    names.HALL_OF_FAME,
    names.SEED,
    names.BEST,
    names.CHECKPOINT,
    names.CHECKPOINT_BEFORE,
)
"""The files of a run that an input replaces."""

WHOLE, PATCH, CUT = range(3)
"""What the fourth byte of an input does to the file of a run: replaces all of it, some bytes at an offset, or its end."""

LARGEST = 10_000
"""Most examples and instructions of an experiment that is scored or evolved; a larger one is valid, and takes its time."""


def commands(folder: Path) -> Callable[[bytes], None]:
    """The function of an input. ``folder`` receives the files."""
    whole = folder / "whole"
    run(small(max_evals=800), out=whole, quiet=True)
    place = folder / "place"

    def one(data: bytes) -> None:
        choices, rest = data[:4].ljust(4, b"\0"), data[4:]
        words = COMMANDS[choices[0] % len(COMMANDS)]
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if words[-1].startswith("--"):
            line, _, rest = rest.partition(b"\n")
            given = line.decode("utf-8", "replace").replace("\0", "")
            words = (*words, given or VALUES[choices[1] % len(VALUES)])
        if PROGRAM in words:
            (place / PROGRAM).write_bytes(rest)
            if words[0] in ("score", "evolve", "show") and _too_large(place / PROGRAM):
                return
        else:
            shutil.copytree(whole, place / RUN)
            _damage(place / RUN / FILES[choices[2] % len(FILES)], choices[3], rest)
            for name in (names.SEED, names.BEST):
                if _too_large(place / RUN / name):
                    return
        _call(place, words)

    return one


def _damage(file: Path, how: int, rest: bytes) -> None:
    """Change a file of a run."""
    before = file.read_bytes() if file.exists() else b""
    at = int.from_bytes(rest[:3], "big") % (len(before) + 1)
    if how % 3 == WHOLE:
        file.write_bytes(rest)
    elif how % 3 == PATCH:
        file.write_bytes(before[:at] + rest[3:] + before[at + len(rest[3:]) :])
    else:
        file.write_bytes(before[:at])


def _too_large(file: Path) -> bool:
    """Whether a valid file describes tasks or programs that take more time than a fuzzer has."""
    try:
        experiment: Experiment = load_experiment(file)
    except (AzSyntaxError, OSError):
        return False
    sizes = [size for program in experiment.seed_programs for size in map(len, program.functions)]
    for task in (experiment.task, *(stage.task for stage in experiment.stages)):
        sizes += [value for value in vars(task).values() if isinstance(value, int)] if task else []
        product = 1
        for name in ("tasks", "train", "features", "epochs"):
            product *= getattr(task, name, 1) or 1
        sizes.append(product)
    limits = experiment.search
    sizes += [limits.setup.most, limits.predict.most, limits.learn.most, limits.fec_examples, limits.tune_finalists]
    return max(sizes, default=0) > LARGEST or limits.finalists > 100 or limits.cache > 10**6 or not limits.budget


def _call(place: Path, words: tuple[str, ...]) -> None:
    """Run a command in ``place`` and check how it ends."""
    with chdir(place), open("printed", "w+", encoding="utf-8") as printed, open("told", "w+", encoding="utf-8") as told:
        with redirect_stdout(printed), redirect_stderr(told):
            status = main(words)
        told.seek(0)
        message = told.read()
    assert status in (DONE, NOT_REACHED, BAD_INPUT), (words, status)
    assert "Traceback" not in message, message
    assert status != BAD_INPUT or message.strip(), (words, "an error without a message")
    assert all(sign.isprintable() or sign in "\n" for sign in message), (words, message)


def seeds() -> Iterator[bytes]:
    """Inputs for every command and every file of a run."""
    text = (ROOT / "examples" / "linear.az").read_bytes().replace(b"train=100, valid=100", b"train=8, valid=8")
    for number, words in enumerate(COMMANDS):
        choices = bytes([number, {"compile": 5, "plot": 8, "evolve": 11}.get(words[0], number % 5)])
        line = b"\n" if words[-1].startswith("--") else b""
        if PROGRAM in words:
            yield choices + b"\0\0" + line + text
        else:
            yield choices + bytes([number % len(FILES), PATCH]) + line + b"\0\0\5x"
    resume = next(number for number, words in enumerate(COMMANDS) if "--resume" in words)
    for file in range(len(FILES)):
        if FILES[file] == names.EVENTS:
            continue  # TEMP
        yield bytes([resume, 0, file, CUT]) + b"\0\0\x50"


with suppress(ImportError):  # imported before the first command, which would count as its time
    import matplotlib.pyplot  # noqa: F401
os.environ.setdefault("MPLBACKEND", "agg")
