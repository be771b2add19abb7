"""Reading and writing ``.az`` files for the commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from azdsl.config.experiment import Experiment
from azdsl.diagnostics import SyntaxError

STANDARD_INPUT = "-"


def load_experiment(file: str) -> Experiment:
    """The experiment in ``file`` (``-``: standard input)."""
    from azdsl import syntax

    if file == STANDARD_INPUT:
        return syntax.parse_experiment(standard_input(), "<stdin>")
    return syntax.load_experiment(file)


def read_text(file: str) -> str:
    """The text of ``file`` (``-``: standard input)."""
    from azdsl import syntax

    return standard_input() if file == STANDARD_INPUT else syntax.read_source(file)


def standard_input() -> str:
    """All of standard input, as UTF-8."""
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise click.ClickException("<stdin> is not UTF-8 text") from None


def base_dir(file: str) -> Path:
    """The directory from which a file's own paths count."""
    return Path() if file == STANDARD_INPUT else Path(file).parent


path_option = click.option(
    "--path", type=click.Path(), help="Where the data of the file's own task are, in place of its path."
)
"""For commands that evaluate on a file's own tasks; ``located`` heeds it."""


def located(experiment: Experiment, file: str, path: str | None) -> tuple[Experiment, Path]:
    """The experiment in ``file`` with its task's data at ``path``, if that is given; and where its paths count from."""
    if path is None:
        return experiment, base_dir(file)
    from azdsl.setting_overrides import override

    return override(experiment, {"path": path}), Path()


def each_file(files: Iterable[str], work: Callable[[str], None]) -> bool:
    """Do ``work`` on every file, reporting bad ones on stderr; whether all were good."""
    good = True
    for file in files:
        try:
            work(file)
        except BrokenPipeError:
            raise
        except SyntaxError as error:
            click.echo(str(error), err=True)
            good = False
        except OSError as error:
            click.echo(f"error: {error.filename or file}: {error.strerror}", err=True)
            good = False
    return good
