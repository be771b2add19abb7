"""Whole commands on program files, for ``fuzz_readers``: check, fmt, show, score, evolve and compile.

An input states a command and a value of its last option; the rest is the program file. A finding is an exception that leaves
``azdsl.cli.main``, a status that is none of its exit statuses, or an error without a message.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from azdsl.cli import BAD_INPUT, DONE, NOT_REACHED, main
from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.syntax import load_experiment

ROOT = Path(__file__).parents[1]

PROGRAM = "program.az"

SEARCH = (
    "--quiet",
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
    ("score", PROGRAM, "--backend", "vm", "--tasks", "2", "--metric"),
    ("evolve", PROGRAM, "--out", "new", *SEARCH),
    ("compile", PROGRAM, "--emit", "numpy,llvm", "-o", "model.py", "--metric"),
    ("evolve", PROGRAM, "--out", "new", *SEARCH, "--ops"),
)
"""The commands. The last option of some has a value from the input."""

VALUES = ("canonical", "named", "numpy", "latex", "sympy", "graph", "rmse", "accuracy", "multiclass", "const, dot")
"""Values for the last option of a command, beside any text: the first line of the input after the choices."""

LARGEST = 10_000
"""Most examples and instructions of an experiment that is shown, scored or evolved; a larger one is valid, and takes its time."""


def make(folder: Path) -> Callable[[bytes], None]:
    """The function of an input. ``folder`` receives the files."""
    place = folder / "place"

    def one(data: bytes) -> None:
        choices, rest = data[:2].ljust(2, b"\0"), data[2:]
        words = COMMANDS[choices[0] % len(COMMANDS)]
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if words[-1].startswith("--"):
            line, _, rest = rest.partition(b"\n")
            given = line.decode("utf-8", "replace").replace("\0", "")
            words = (*words, given or VALUES[choices[1] % len(VALUES)])
        (place / PROGRAM).write_bytes(rest)
        if words[0] not in ("score", "evolve", "show") or _modest(place / PROGRAM):
            _call(place, words)

    return one


def _modest(file: Path) -> bool:
    """Whether a file is invalid, or describes tasks and programs that take no more time than a fuzzer has."""
    try:
        experiment = load_experiment(file)
    except (AzSyntaxError, OSError):
        return True
    sizes = [size for program in experiment.seed_programs for size in map(len, program.functions)]
    for task in (experiment.task, *(stage.task for stage in experiment.stages)):
        sizes += [value for value in vars(task).values() if isinstance(value, int)] if task else []
        product = 1
        for name in ("tasks", "train", "features", "epochs"):
            product *= getattr(task, name, 1) or 1
        sizes.append(product)
    limits = experiment.search
    sizes += [limits.setup.most, limits.predict.most, limits.learn.most, limits.fec_examples, limits.tune_finalists]
    return max(sizes) <= LARGEST and limits.finalists <= 100 and limits.cache <= 10**6 and limits.budget > 0


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
    assert all(sign.isprintable() or sign == "\n" for sign in message), (words, message)


def seeds() -> Iterator[bytes]:
    """Inputs for every command."""
    text = (ROOT / "examples" / "linear.az").read_bytes().replace(b"train=100, valid=100", b"train=8, valid=8")
    for number, words in enumerate(COMMANDS):
        value = {"show": 2, "evolve": len(VALUES) - 1}.get(words[0], 5)
        yield bytes([number, value]) + (b"\n" if words[-1].startswith("--") else b"") + text
