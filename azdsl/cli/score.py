"""``azdsl score``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from azdsl.arguments import BACKENDS
from azdsl.cli import DONE, NOT_REACHED
from azdsl.cli import rivals as compared
from azdsl.cli.files import STANDARD_INPUT, ProgramFile, data_options, located, read_text
from azdsl.cli.options import count_of
from azdsl.cli.output import echo
from azdsl.config.search import Search, SettingsError
from azdsl.config.task import Split, Task


def _groups(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> list[tuple[int, ...]]:
    return list(map(compared.lines, values))


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=ProgramFile())
@data_options
@click.option("--tasks", type=count_of(Task, "test_tasks"), help="Number of tasks (default: the file's).")
@click.option("--seed", type=count_of(Search, "seed"), help="Random seed of tasks and draws (default: the file's).")
@click.option(
    "--on",
    "role",
    type=click.Choice(get_args(Split)),
    default="test",
    help="Split: search, selection or test tasks [test].",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="auto",
    help="Backend; all give the same bits, gpu needs an NVIDIA GPU [auto].",
)
@click.option(
    "--against",
    multiple=True,
    type=ProgramFile(),
    metavar="OTHER",
    help="Compare with the program in the file OTHER on the same tasks.",
)
@click.option(
    "--without",
    multiple=True,
    callback=_groups,
    metavar="LINES",
    help="Compare with FILE without these lines, such as 12 or 12,15..17.",
)
@click.option("--target", type=float, help="Exit with status 1 if the fitness is lower.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
def command(files: Sequence[str], **options: Any) -> int:
    """Compute the fitness of programs on their tasks, or on a data file.

    The default is the test tasks of the file's task statement, which the search does not use. A file without a task
    statement is scored on the default task, and the output says so. With --on, the scores are those of the end of a run,
    to the last bit. FILE may be a run directory, for its best.az, or - for standard input.

    Comparisons are paired: all programs are scored on the tasks of FILE with its settings. The output is the mean
    fitness of FILE minus that of the other program, with its 95 % confidence interval (Student's t over tasks).

    \b
    Example:
      azdsl score best.az --tasks 1000
      azdsl score runs/linear-1 --against seed.az
      azdsl score best.az --against seed.az --without 14 --without 15,17..18
      azdsl score best.az --data prices.csv --target-column price
      azdsl score --on search runs/linear-1/hall_of_fame/*.az
    """
    if options["without"] and len(files) > 1:
        raise click.UsageError("--without needs exactly one FILE: its numbers are lines of that file")
    statuses = []
    for file in files:
        if len(files) > 1 and not options["as_json"]:
            echo(f"{file}:")
        statuses.append(_score(file, **options))
    return max(statuses)


def _score(
    file: str,
    role: Split,
    tasks: int | None,
    seed: int | None,
    backend: str,
    against: Sequence[str],
    without: Sequence[Sequence[int]],
    target: float | None,
    as_json: bool,
    **data: Any,
) -> int:
    """Score one file, print the figures and return the exit status."""
    from azdsl.experiments import given_metric
    from azdsl.program_score import score
    from azdsl.syntax import parse_experiment

    text = read_text(file)
    experiment = parse_experiment(text, "<stdin>" if file == STANDARD_INPUT else file)
    others = compared.rivals(text, file, against, without)
    experiment, directory = located(experiment, file, data)
    if experiment.task is None and given_metric(Path(file)):
        raise SettingsError(
            "tasks",
            f"the tasks of {file} were given from Python: call azdsl.score(…, tasks=…) there, or name a table by --data",
        )
    found = score(experiment, directory, others, tasks=tasks, seed=seed, on=role, backend=backend, announce=_announce)
    reached = None if target is None else found.fitness >= target
    if as_json:
        echo(json.dumps({"file": file, **found.as_dict(), "target": target, "reached": reached}))
    else:
        if experiment.task is None:
            echo("The file has no task statement; scored on the default task.")
        echo(str(found))
        if target is not None:
            echo(f"target    {target:g} {'reached' if reached else 'not reached'}")
    return NOT_REACHED if reached is False else DONE


def _announce() -> None:
    echo("measuring this machine to choose a backend (once; takes a few seconds) …", err=True)
