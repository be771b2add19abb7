"""``azdsl report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from azdsl import atomic
from azdsl.cli import DONE
from azdsl.cli.options import Count
from azdsl.ir import Program
from azdsl.scoring import Scores, score

if TYPE_CHECKING:
    from azdsl.reporting.data import Run
    from azdsl.reporting.page import Details
    from azdsl.taskset import TaskSet

SEEDS = 3


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
    be trained (extra zig), its data flow, the hall of fame, the fitness on each test task, the settings, and the commands
    that reproduce the run.

    \b
    Example:
      azdsl report runs/linear-1
      azdsl report runs/linear-1 -o linear.html
    """
    from azdsl.reporting.load_run import read_run
    from azdsl.reporting.page import page

    run = read_run(directory)
    path = output or directory / "report.html"
    atomic.write(path, page(run, _details(run, directory, tasks)))
    click.echo(str(path))
    return DONE


def _details(run: Run, directory: Path, count: int) -> Details:
    """Measure the program on fresh tasks, if the data can be read."""
    from azdsl import tasks as make
    from azdsl.export.readable.explain import explain
    from azdsl.export.readable.pruning import prune
    from azdsl.export.readable.rounding import round_constants
    from azdsl.export.readable.statements import TooManyRegisters
    from azdsl.reporting.page import Details
    from azdsl.taskset import TaskError

    task, search = run.experiment.task, run.experiment.search
    if task is None:
        return Details(why_not="The tasks were given from Python, so the effect of each line was not measured.")
    try:
        fresh = make.build(replace(task, test_tasks=count), search.seed, "test", directory)
        seen, selection = (make.build(task, search.seed, role, directory) for role in ("search", "select"))
    except (OSError, TaskError) as error:
        return Details(why_not=f"The data cannot be read, so the effect of each line was not measured: {error}")

    def scores(programs: Sequence[Program]) -> Scores:
        return score(programs, run.experiment, fresh, "test", draws=SEEDS)

    def on_search(programs: Sequence[Program]) -> Sequence[float]:
        return score(programs, run.experiment, seen, "search").fitness_list

    def on_select(programs: Sequence[Program]) -> Sequence[float]:
        return score(programs, run.experiment, selection, "select").fitness_list

    pruned = prune(run.best, on_select, run.metric_definition)
    rounded = round_constants(pruned.program, on_search, on_select)
    shown = _playground(run, rounded, fresh)
    try:
        found = explain(rounded, scores, run.metric_definition)
    except TooManyRegisters as error:
        return Details(why_not=str(error), playground=shown)
    return Details(found, rounded, fresh.tasks, SEEDS, pruned=pruned.words, playground=shown)


def _playground(run: Run, program: Program, fresh: TaskSet) -> str:
    """The playground as HTML, or a line that says why there is none."""
    from azdsl.export.library.errors import NoLinker
    from azdsl.reporting.playground.document import INTRODUCTION, playground
    from azdsl.reporting.playground.subject import NoPlayground, make_subject

    subject = make_subject("the program", program, fresh, run.experiment.search)
    try:
        return f"<p>{escape(INTRODUCTION)}</p>{playground([subject])}"
    except NoLinker:
        text = "To train the program in this page: pip install 'azdsl[zig]', then run azdsl report again."
    except NoPlayground as error:
        text = str(error)
    return f"<p>{escape(text)}</p>"
