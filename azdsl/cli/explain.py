"""``azdsl explain``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import click

from azdsl.cli import DONE
from azdsl.cli.files import ProgramFile, data_options, load_experiment, located
from azdsl.cli.options import Count
from azdsl.export.readable.explain import Explanation
from azdsl.ir import Program
from azdsl.scoring import Scores, score

TASKS = 100


@click.command()
@click.argument("file", type=ProgramFile())
@click.option("--tasks", type=Count(1, 100_000), default=TASKS, help=f"Number of fresh tasks to evaluate on [{TASKS}].")
@click.option("--seeds", type=Count(1, 1000), default=5, help="Number of random seeds of the program's draws [5].")
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
    from azdsl import tasks as make
    from azdsl.export.readable.explain import explain

    experiment, directory = located(load_experiment(file), file, data)
    task = experiment.task or make.DEFAULT_TASK
    task_set = make.build(dataclasses.replace(task, test_tasks=tasks), experiment.search.seed, "test", directory)

    def scores(programs: Sequence[Program]) -> Scores:
        return score(programs, experiment, task_set, "test", draws=seeds)

    found = explain(experiment.program, scores, task_set.metric_definition)
    if as_json:
        facts = dataclasses.asdict(found) | {"file": file, "tasks": task_set.tasks, "seeds": seeds}
        click.echo(json.dumps(facts))
    else:
        click.echo(f"{make.describe(task)}: fitness {found.fitness:.6f} on {task_set.tasks} fresh tasks, {seeds} seeds")
        click.echo(_table(found), nl=False)
    return DONE


def _table(found: Explanation) -> str:
    """The lines with their effects, aligned, each followed by its explanation."""
    width = max((len(line.text) for line in found.lines), default=0)
    rows, function = [], ""
    for line in found.lines:
        if line.function != function:
            function = line.function
            rows.append(f"\n{function:<{width + 2}}  without it")
        rows.append(f"  {line.text:<{width}}  {-line.cost:+.4f} ± {line.error:.4f}")
        rows.append(f"      {line.words}")
    return "\n".join(rows) + "\n"
