"""``azdsl show``."""

from __future__ import annotations

from dataclasses import replace

import click

from azdsl.cli import DONE
from azdsl.cli.files import load_experiment


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--style", type=click.Choice(["canonical"]), default="canonical", help="How to print it.")
@click.option("--raw", is_flag=True, help="Keep dead code and register numbers as they are.")
def command(file: str, style: str, raw: bool) -> int:
    r"""Print a program in canonical text, with the file's statements above it.

    Instructions that cannot reach a prediction are left out and registers are numbered in order of
    appearance, unless --raw is given. FILE may be - for standard input.

    \b
    Example:
      azdsl show best.az
      azdsl show --raw best.az
    """
    from azdsl.ir import remove_dead_code, renumber

    experiment = load_experiment(file)
    if not raw:
        multiclass = experiment.task is not None and experiment.task.metric == "multiclass"
        program = renumber(remove_dead_code(experiment.program, multiclass), multiclass)
        experiment = replace(experiment, program=program)
    click.echo(str(experiment), nl=False)
    return DONE
