"""``azdsl check``."""

from __future__ import annotations

import click

from azdsl.cli import BAD_INPUT, DONE
from azdsl.cli.files import each_file, load_experiment
from azdsl.cli.output import echo


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE…")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def command(files: tuple[str, ...], quiet: bool) -> int:
    """Check .az files and report every error with its position.

    FILE may be - for standard input. The exit status is 2 if a file has an error.

    \b
    Example:
      azdsl check examples/*.az
    """

    def check(file: str) -> None:
        experiment = load_experiment(file)
        if not quiet:
            setup, predict, learn = map(len, experiment.program.functions)
            echo(f"{file}: ok ({setup} + {predict} + {learn} instructions)")

    return DONE if each_file(files, check) else BAD_INPUT
