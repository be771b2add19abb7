"""``azdsl score``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import click

from azdsl import scoring
from azdsl.arguments import BACKENDS
from azdsl.cli import DONE, NOT_REACHED
from azdsl.cli import rivals as compared
from azdsl.cli.files import STANDARD_INPUT, ProgramFile, data_options, located, read_text
from azdsl.cli.options import count_of
from azdsl.config.search import Search
from azdsl.config.tasks import Split, Task
from azdsl.taskset import TaskSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
            click.echo(f"{file}:")
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
    from azdsl import tasks as make
    from azdsl.paired import difference
    from azdsl.syntax import parse_experiment

    text = read_text(file)
    experiment = parse_experiment(text, "<stdin>" if file == STANDARD_INPUT else file)
    others = compared.rivals(text, file, against, without)
    experiment, directory = located(experiment, file, data)
    default = experiment.task is None
    task = experiment.task or make.DEFAULT_TASK
    if tasks:
        task = replace(task, **{"tasks" if role == "search" else f"{role}_tasks": tasks})
    seed = experiment.search.seed if seed is None else seed
    task_set = make.build(task, seed, role, directory)
    programs = [experiment.program, *(other.program for other in others)]
    seeded = replace(experiment, search=replace(experiment.search, seed=seed))
    result = scoring.score(programs, seeded, task_set, role, backend, announce=_announce)
    fitness, task_fitness = result.fitness.tolist(), result.task_fitness
    reached = None if target is None else fitness[0] >= target
    differences = [difference(task_fitness[0], scores) for scores in task_fitness[1:]]
    facts = {
        "file": file,
        **_facts(fitness[0], task_fitness[0], task_set),
        "combine": experiment.search.combine,
        "seed": seed,
        "on": role,
        "backend": backend,
        "target": target,
        "reached": reached,
        "compared": list(map(compared.facts, others, fitness[1:], differences)),
    }
    if as_json:
        click.echo(json.dumps(facts))
    else:
        if default:
            click.echo("The file has no task statement; scored on the default task.")
        sizes = {"tasks": task_set.tasks, "train": task_set.train_X.shape[1], "valid": task_set.valid_X.shape[1]}
        click.echo(f"{make.describe(replace(task, **sizes))}, seed {seed}")
        click.echo(_summary(facts))
        for other in map(
            partial(compared.described, accuracy=task_set.metric != "rmse"), others, fitness[1:], differences
        ):
            click.echo(other)
    return NOT_REACHED if reached is False else DONE


def _announce() -> None:
    click.echo("measuring this machine to choose a backend (once; takes a few seconds) …", err=True)


def _facts(together: float, fitness: NDArray[np.float64], tasks: TaskSet) -> dict[str, Any]:
    """All figures of a score. The RMSE is in the unit of the target, over the tasks that did not fail."""
    facts: dict[str, Any] = {
        "fitness": together,
        "tasks": len(fitness),
        "std": float(fitness.std()),
        "min": float(fitness.min()),
        "max": float(fitness.max()),
        "task_fitness": fitness.tolist(),
        "metric": tasks.metric,
    }
    if tasks.metric == "rmse":
        scales = [1.0] * len(fitness) if tasks.target_scale is None else tasks.target_scale.tolist()
        scored = [(f, scale) for f, scale in zip(fitness.tolist(), scales, strict=True) if f > 0.0]
        errors = [scale * math.tan((1.0 - f) * math.pi / 2.0) for f, scale in scored]
        facts["rmse"] = sum(errors) / len(errors) if errors else None
        facts["failed"] = len(fitness) - len(errors)
    return facts


def _summary(facts: dict[str, Any]) -> str:
    """The figures as text."""
    several = facts["tasks"] > 1
    spread = f"  ({facts['combine']} of {facts['tasks']} tasks; std {facts['std']:.6f}, min {facts['min']:.6f}, max {facts['max']:.6f})"
    lines = [f"fitness   {facts['fitness']:.6f}{spread if several else ''}"]
    if facts["metric"] != "rmse":
        lines.append(f"accuracy  {100 * facts['fitness']:.2f} %")
    elif facts["rmse"] is not None:
        lines.append(
            f"RMSE      {facts['rmse']:.6g}"
            + (f", mean of {facts['tasks'] - facts['failed']} tasks" if several else "")
        )
    if facts.get("failed"):
        lines.append(f"failed    on {facts['failed']} of {facts['tasks']} tasks: an error was too large or not finite")
    if facts["target"] is not None:
        lines.append(f"target    {facts['target']:g} {'reached' if facts['reached'] else 'not reached'}")
    return "\n".join(lines)
