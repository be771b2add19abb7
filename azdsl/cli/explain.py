"""``azdsl explain``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from azdsl.cli import DONE
from azdsl.cli.files import STANDARD_INPUT, ProgramFile, data_options, load_experiment
from azdsl.cli.options import Count
from azdsl.cli.output import echo
from azdsl.export.readable.explain import SEEDS, TASKS


@click.command()
@click.argument("file", type=ProgramFile())
@click.option("--tasks", type=Count(1, 100_000), default=TASKS, help=f"Number of fresh tasks to evaluate on [{TASKS}].")
@click.option(
    "--seeds", type=Count(1, 1000), default=SEEDS, help=f"Number of random seeds of the program's draws [{SEEDS}]."
)
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: str, tasks: int, seeds: int, as_json: bool, **data: str | None) -> int:
    """Explain each line of a program and its effect on the fitness.

    The program is simplified first, and names are inferred from the data flow. The effect of a line is the change
    of the fitness without it, on fresh tasks that the search has not used, with its standard error.
    FILE may be a run directory, for its best.az, or - for standard input.

    \b
    Example:
      azdsl explain best.az
      azdsl explain runs/linear-1 --tasks 1000 --json
    """
    from azdsl.inspection import explain

    program = load_experiment(file) if file == STANDARD_INPUT else Path(file)
    found = explain(program, tasks=tasks, seeds=seeds, **data)
    echo(json.dumps(dataclasses.asdict(found) | {"file": file}) if as_json else str(found))
    return DONE
