"""``azdsl report``."""

from __future__ import annotations

from pathlib import Path

import click

from azdsl import atomic
from azdsl.cli import DONE
from azdsl.cli.options import Count
from azdsl.cli.output import echo


@click.command()
@click.argument("directory", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write [RUN/report.html]."
)
@click.option(
    "--tasks",
    type=Count(1, 100_000),
    default=50,
    help="Number of fresh tasks on which the effect of each line is measured [50].",
)
def command(directory: Path, output: Path | None, tasks: int) -> int:
    """Write a self-contained HTML page about a run.

    It shows the progress with the programs of the milestones, the explained final program, a playground on which it can
    be trained (extra zig), its data flow, the hall of fame, the fitness on each test task, predictions, the settings,
    and the commands that reproduce the run.

    \b
    Example:
      azdsl report runs/linear-1
      azdsl report runs/linear-1 -o linear.html
    """
    from azdsl.inspection import report

    path = output or directory / "report.html"
    atomic.write(path, report(directory, tasks=tasks), devices=output is not None)
    echo(str(path))
    return DONE
