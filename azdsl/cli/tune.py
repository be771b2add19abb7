"""``azdsl tune``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azdsl import atomic
from azdsl.cli import DONE
from azdsl.cli.files import ProgramFile, base_dir, read_text
from azdsl.cli.options import Duration, Renamed, apply_options, count_of, experiment_options
from azdsl.cli.output import echo
from azdsl.config.search import Search
from azdsl.tuning import DEFAULT_METHODS, EVALUATIONS, METHODS

if TYPE_CHECKING:
    from azdsl.config.task import Task
    from azdsl.tuning.run import Tuned

_METHODS = ",".join(DEFAULT_METHODS)


@click.command()
@click.argument("file", type=ProgramFile())
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File for the tuned program.")
@click.option(
    "--max-evals",
    cls=Renamed,
    formerly=("evals",),
    type=count_of(Search, "max_evals"),
    default=EVALUATIONS,
    help=f"Number of evaluations on the search tasks [{EVALUATIONS}].",
)
@click.option(
    "--method", default=_METHODS, metavar="NAMES", help=f"Methods, in order: some of {', '.join(METHODS)} [{_METHODS}]."
)
@click.option(
    "--only", metavar="NAMES", multiple=True, help="Variables, registers or lines whose numbers are tuned [all]."
)
@click.option(
    "--timeout", type=Duration(), help="Stop after this time, in seconds or such as 5m or 1h30m (default: no limit)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@partial(experiment_options, without=("max_evals", "timeout"))
def command(
    file: str,
    output: Path | None,
    max_evals: int,
    method: str,
    only: tuple[str, ...],
    as_json: bool,
    timeout: float | None,
    **settings: Any,
) -> int:
    """Tune the constants of the program in FILE; its instructions stay.

    The numbers in its functions keep their signs; their absolute values are searched on a logarithmic scale: random
    factors from 1/100 to 100, Gaussian steps from the best, or steps along the gradient of the validation loss. Points
    are evaluated on the search tasks; the best are compared on the selection tasks; the answer and the original are
    scored on the test tasks. Only numbers differ in the written file. Every key of the file is an option, which
    overrides the file. FILE may be a run directory, for its best.az, or -
    for standard input.

    \b
    Example:
      azdsl tune examples/network.az -o tuned.az
      azdsl tune prog.az --only rate,12 --method random,gradient --max-evals 1000
      azdsl tune prog.az --data prices.csv --target-column price -o tuned.az
    """
    from azdsl import tasks as make
    from azdsl.syntax import parse_experiment
    from azdsl.tuning.run import tune_text, words

    if output and not output.parent.is_dir():
        raise click.UsageError(f"-o {output}: there is no directory {output.parent}")
    text = read_text(file)
    experiment = apply_options(parse_experiment(text, file), settings, base_dir(file))
    found = tune_text(
        text,
        experiment,
        base_dir(file),
        tasks={},
        methods=words(method),
        max_evals=max_evals,
        timeout=timeout,
        only=words(only) if only else None,
        announce=lambda: echo("measuring this machine to choose a backend (once; takes a few seconds) …", err=True),
    )
    if output:
        atomic.write(output, found.text, devices=True)
    if as_json:
        echo(json.dumps({"file": file, "seed": experiment.search.seed, **found.as_dict()}))
    else:
        echo(_summary(found, experiment.task or make.DEFAULT_TASK, experiment.search.seed))
        echo(f"written   {output}" if output else "to write the tuned program, give -o FILE")
    return DONE


def _summary(found: Tuned, task: Task, seed: int) -> str:
    """The figures as text."""
    from azdsl import tasks as make

    lines = [f"task      {make.describe(task)}, seed {seed}"]
    lines += [
        f"{name:9} {spent:,} evaluations, best {best:.6f} on the search tasks" for name, spent, best in found.methods
    ]
    width = max(len(constant.name) for constant in found.constants)
    lines += [
        f"line {c.line:<4} {c.name:{width}}  {c.before:g}" + (f" -> {c.after:g}" if c.after != c.before else "  (kept)")
        for c in found.constants
    ]
    before, after = found.before, found.after
    assert before.test is not None and after.test is not None  # every file has test tasks
    lines.append(f"fitness   {before.test:.6f} -> {after.test:.6f} on the test tasks{_spread(found)}")
    lines.append(f"          {before.select:.6f} -> {after.select:.6f} on the selection tasks")
    if task.metric_definition.classifies:
        lines.append(f"accuracy  {100 * before.test:.2f} % -> {100 * after.test:.2f} %")
    if not found.improved:
        lines.append("no better constants were found: all numbers stay")
    return "\n".join(lines)


def _spread(found: Tuned) -> str:
    """The number of test tasks, and the mean difference with its standard error."""
    count = len(found.after.test_tasks)
    if found.gain is None or count == 1:
        return ""
    gain, error = found.gain
    return f" ({count}; difference {gain:+.6f} ± {error:.6f})"
