"""Reading of ``.az`` files for the subcommands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from azdsl.config.experiment import Experiment
from azdsl.diagnostics import SyntaxError

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


path_option = click.option(
    "--path", type=click.Path(), help="File or directory with the task's data, instead of the path in the .az file."
)
"""Option of commands that evaluate on the tasks of an ``.az`` file; ``located`` applies it."""


def located(experiment: Experiment, file: str, path: str | None) -> tuple[Experiment, Path]:
    """Replace the path of the task's data by ``path``, unless it is None.

    Returns the experiment, and the directory that its relative paths start from.
    """
    if path is None:
        return experiment, base_dir(file)
    from azdsl.setting_overrides import override

    return override(experiment, {"path": path}), Path()


def each_file(files: Iterable[str], work: Callable[[str], None]) -> bool:
    """Call ``work`` for every file and print its errors on standard error. Returns True if there were none."""
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
