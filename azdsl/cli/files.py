"""Reading of ``.az`` files for the subcommands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from azdsl.cli.options import Function, Renamed
from azdsl.cli.output import echo
from azdsl.config.experiment import Experiment
from azdsl.diagnostics import SyntaxError
from azdsl.ir import METRICS
from azdsl.search.rundir import names

STANDARD_INPUT = "-"


def load_experiment(file: str) -> Experiment:
    """Parse ``file`` (``-``: standard input). Raises ``SyntaxError``, ``OSError``."""
    from azdsl import syntax

    if file == STANDARD_INPUT:
        return syntax.parse_experiment(standard_input(), "<stdin>")
    return syntax.load_experiment(file)


def read_text(file: str) -> str:
    """Read the text of ``file`` (``-``: standard input). Raises ``SyntaxError``, ``OSError``."""
    from azdsl import syntax

    return standard_input() if file == STANDARD_INPUT else syntax.read_source(file)


def standard_input() -> str:
    """Read all of standard input as UTF-8. Raises ``click.ClickException``."""
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise click.ClickException("standard input is not UTF-8 text; convert it to UTF-8") from None


def base_dir(file: str) -> Path:
    """Return the directory that relative paths in ``file`` start from."""
    return Path() if file == STANDARD_INPUT else Path(file).parent


class ProgramFile(click.Path):
    """An argument that names a program: a ``.az`` file, a run directory for its ``best.az``, or ``-``."""

    def __init__(self) -> None:
        super().__init__(allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the file; an error for a directory without a program."""
        file = str(super().convert(value, param, ctx))
        directory = Path(file)
        if file == STANDARD_INPUT or not directory.is_dir():
            return file
        best = directory / names.BEST
        if best.is_file():
            return str(best)
        if best.exists():
            raise click.ClickException(f"{best} is not a regular file")
        if (directory / names.CONFIG).exists():
            raise click.ClickException(
                f"{file}: this run has no {names.BEST} yet; it is written after the first epoch of all islands"
            )
        raise click.ClickException(f"{file}: a directory without {names.CONFIG} is not a run; name a .az file or a run")


class SeedFile(click.Path):
    """An argument that names a seed program: a ``.az`` file, or ``-``."""

    def __init__(self) -> None:
        super().__init__(allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the file; an error for a run directory."""
        file = str(super().convert(value, param, ctx))
        if (Path(file) / names.CONFIG).exists():
            best = Path(file) / names.BEST
            raise click.ClickException(
                f"{file}: this is a run: --resume {file} continues it, and {best} may be the seed of a new one"
            )
        return file


DATA_KEYS = ("data", "target_column", "columns", "metric")
"""The keys of a task that ``data_options`` set."""

data_option = click.option(
    "--data",
    cls=Renamed,
    formerly=("path",),
    type=click.Path(),
    help="Data in place of those of FILE's task: a .csv, .parquet or .npz file, or the directory or file of its images.",
)
"""Option of commands that read the data of a file's own task; ``located`` applies it."""


def data_options(function: Function) -> Function:
    """Options for commands that evaluate on a file's own tasks, ``DATA_KEYS``; ``located`` applies them."""
    for option in (
        click.option(
            "--metric",
            cls=Renamed,
            formerly=("metric_name",),
            type=click.Choice(list(METRICS)),
            help="Metric of a table (default: of FILE's task, else rmse).",
        ),
        click.option(
            "--columns",
            metavar="NAMES",
            help="Columns of a table to predict from, comma-separated (default: as FILE's task, else all others).",
        ),
        click.option(
            "--target-column",
            metavar="NAME",
            help="Column or array of a table to predict (default: of FILE's task, else y).",
        ),
        data_option,
    ):
        function = option(function)
    return function


def located(experiment: Experiment, file: str, given: Mapping[str, Any]) -> tuple[Experiment, Path]:
    """The experiment in ``file`` with the ``DATA_KEYS`` that ``given`` has, and the directory that its relative paths start from."""
    settings = {name: given[name] for name in DATA_KEYS if given.get(name) is not None}
    if not settings:
        return experiment, base_dir(file)
    from azdsl.setting_overrides import override

    return override(experiment, settings), Path() if "data" in settings else base_dir(file)


def each_file(files: Iterable[str], work: Callable[[str], None]) -> bool:
    """Call ``work`` for every file and print its errors on standard error. Returns True if there were none."""
    good = True
    for file in files:
        try:
            work(file)
        except BrokenPipeError:
            raise
        except SyntaxError as error:
            echo(str(error), err=True)
            good = False
        except OSError as error:
            echo(f"error: {error.filename or file}: {error.strerror}", err=True)
            good = False
    return good
