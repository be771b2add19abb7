"""``azdsl playground``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from azdsl import atomic
from azdsl.cli import DONE
from azdsl.cli.files import STANDARD_INPUT, ProgramFile, data_options, load_experiment, located
from azdsl.cli.output import echo

if TYPE_CHECKING:
    from azdsl.reporting.playground.subject import Subject


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=ProgramFile())
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("playground.html"),
    help="File to write [playground.html].",
)
@click.option("--title", help="Title of the page (default: the names of the programs).")
@data_options
def command(files: tuple[str, ...], output: Path, title: str | None, **data: str | None) -> int:
    """Write a self-contained HTML page on which programs can be trained step by step.

    The page contains the programs as WebAssembly (extra zig, which links it). Examples are points of the plane that are
    drawn by clicks, or the first test task of the file. Every line is shown with the value that it last wrote.
    FILE may be a run directory, for its best.az, or - for standard input.

    \b
    Example:
      azdsl playground runs/linear-1
      azdsl playground examples/linear.az examples/network.az -o examples.html
    """
    from azdsl.reporting.playground.document import page

    subjects = [_subject(file, data) for file in files]
    title = title or "Playground: " + ", ".join(subject.name for subject in subjects)
    text = page(subjects, title)
    atomic.write(output, text, devices=True)
    echo(f"{output}  {len(text.encode()) / 1024:.1f} KB")
    return DONE


def _subject(file: str, data: Mapping[str, str | None]) -> Subject:
    """The program of a file, with its first test task."""
    from azdsl import tasks
    from azdsl.reporting.playground.subject import make_subject

    experiment, directory = located(load_experiment(file), file, data)
    task, seed = experiment.task or tasks.DEFAULT_TASK, experiment.search.seed
    fresh = tasks.build(replace(task, test_tasks=1), seed, "test", directory)
    name = "standard input" if file == STANDARD_INPUT else Path(file).name
    return make_subject(name, experiment.program, fresh, experiment.search)
