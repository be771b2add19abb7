"""``azdsl plot``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import click

from azdsl import atomic
from azdsl.cli import DONE
from azdsl.cli.output import echo


@click.command()
@click.argument("directory", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--what", default="progress,front,layers", metavar="NAMES", help="Some of progress, front, layers [all].")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, .png, .svg or .pdf [RUN/plot.png].",
)
def command(directory: Path, what: str, output: Path | None) -> int:
    """Plot the figures of a run with matplotlib (extra plot).

    \b
    Example:
      azdsl plot runs/linear-1 -o linear.svg
      azdsl plot runs/linear-1 --what progress -o progress.png
    """
    from azdsl.reporting.load_run import read_run
    from azdsl.reporting.plots import figure

    path, content = output or directory / "plot.png", BytesIO()
    try:
        drawn = figure(read_run(directory), [name.strip() for name in what.split(",")])
        drawn.savefig(content, format=path.suffix.lstrip(".") or None, dpi=150)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    atomic.write(path, content.getvalue(), devices=output is not None)
    echo(str(path))
    return DONE
