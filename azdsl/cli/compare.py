"""``azdsl compare``."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any

import click

from azdsl.cli import DONE, INTERRUPTED
from azdsl.cli.files import STANDARD_INPUT, SeedFile, base_dir, load_experiment
from azdsl.cli.options import Count, apply_options, experiment_options
from azdsl.cli.output import echo
from azdsl.comparison import REPETITIONS
from azdsl.config.search import ALGORITHMS
from azdsl.limits import MAX_RUNS, MAX_SEED

LINE_SECONDS = 5.0
"""Minimum time between two lines of progress, in seconds."""

FORMATS = (".png", ".svg", ".pdf")


def seed_list(text: str) -> list[int]:
    """Parse random seeds: a range such as ``0:20`` (20 excluded) or a list such as ``1,2,5``."""
    first, colon, end = text.partition(":")
    try:
        parts = [int(first), int(end)] if colon else [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a range such as 0:20 nor a list such as 1,2,5") from None
    if min(parts) < 0 or (colon and parts[0] >= parts[1]):
        raise click.BadParameter(f"{text!r} contains no seed, or one below 0; write 0:20 or 1,2,5")
    if max(parts) > MAX_SEED + bool(colon):
        raise click.BadParameter(f"{text!r} contains a seed above {MAX_SEED}, the largest random seed")
    if (parts[1] - parts[0] if colon else len(parts)) > MAX_RUNS:
        raise click.BadParameter(f"{text!r} contains more than {MAX_RUNS:,} seeds")
    return list(range(*parts)) if colon else parts


def variant_settings(text: str) -> dict[str, Any]:
    """Parse the settings in a text of options such as ``--islands 4 --migrants 0``."""
    reader = click.command(add_help_option=False)(experiment_options(lambda **settings: settings))
    try:
        values = reader.make_context("variant", shlex.split(text)).params
    except (click.UsageError, ValueError) as error:
        reason = error.format_message() if isinstance(error, click.UsageError) else error
        raise click.BadParameter(
            f"{text!r} does not consist of options such as '--islands 4 --migrants 0': {reason}"
        ) from None
    return {name: value for name, value in values.items() if value is not None}


@click.command()
@click.argument("seed_file", metavar="SEED.az", type=SeedFile())
@click.option("--algorithms", metavar="NAMES", help=f"Algorithms to compare: some of {', '.join(ALGORITHMS)} [all].")
@click.option(
    "--variant",
    "variants",
    type=variant_settings,
    multiple=True,
    metavar="OPTIONS",
    help="Compare settings instead of algorithms: the options of a variant, in quotes. Repeat for each variant.",
)
@click.option(
    "--seeds", type=seed_list, metavar="RANGE", help="Random seeds: a range (0:20 is 0 to 19) or a list such as 1,2,5."
)
@click.option(
    "--repetitions",
    type=Count(1, MAX_RUNS),
    help=f"Instead of --seeds: the number of random seeds, from the file's on [{REPETITIONS}].",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the comparison: a new one, or an interrupted comparison to continue (default: a new one in runs/).",
)
@click.option(
    "--plot",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for a plot of the curves: .png, .svg or .pdf (extra plot).",
)
@click.option(
    "--workers",
    type=Count(1),
    help="Number of parallel runs (default: one per core); no effect on the result.",
)
@click.option("--quiet", is_flag=True, help="Print the result only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@experiment_options
def command(
    seed_file: str,
    algorithms: str | None,
    variants: tuple[dict[str, Any], ...],
    seeds: list[int] | None,
    repetitions: int | None,
    out: Path | None,
    picture: Path | None,
    workers: int | None,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Compare search algorithms or settings on the tasks of SEED.az, with equal budgets and random seeds.

    A run has --max-evals candidates [1,000,000] and stops early if its best program reaches --target on the selection
    tasks. The table has the best fitness on the search tasks, the share of runs that reached the target with Wilson's
    95 % interval, the evaluations per success, and the speed-up over random search (or over the first algorithm, if
    random search is not compared). Runs, table and curves are written to a directory; the same command continues an
    interrupted comparison.

    \b
    Example:
      azdsl compare examples/compare/linear.az --plot linear.svg
      azdsl compare seed.az --algorithms regularized_evolution,random_search --seeds 0:20 --max-evals 200000
      azdsl compare seed.az --islands 4 --variant "--migrants 0" --variant "--migrants 0.05"

    Exit status: 0 done, 2 bad input, 130 interrupted (finished runs are kept).
    """
    if seeds is not None and repetitions is not None:
        raise click.UsageError("--seeds and --repetitions exclude each other: give only one")
    if settings.get("algorithm") is not None and not variants:
        raise click.UsageError("--algorithm sets one algorithm: to compare several, give --algorithms NAMES")
    if algorithms is not None and variants:
        raise click.UsageError("--algorithms and --variant exclude each other; a variant may set --algorithm")
    if picture is not None:
        _check_plot(picture)
    experiment = apply_options(load_experiment(seed_file), settings, base_dir(seed_file))
    if repetitions is not None:
        seeds = list(range(experiment.search.seed, experiment.search.seed + repetitions))
    stem = "seed" if seed_file == STANDARD_INPUT else Path(seed_file).stem

    from azdsl.comparison.compare import compare

    result = compare(
        experiment,
        base_dir=base_dir(seed_file),
        algorithms=[name.strip() for name in algorithms.split(",")] if algorithms is not None else None,
        variants=variants or None,
        seeds=seeds,
        out=out,
        name=f"{stem}-compare",
        workers=workers,
        report=_Progress(quiet or as_json),
    )
    if picture is not None and result.runs:
        result.plot().savefig(picture, dpi=150)
    echo(json.dumps(result.as_dict()) if as_json else str(result))
    if not (as_json or quiet):
        echo(f"written   {result.directory}" + (f", {picture}" if picture and result.runs else ""), err=True)
        if result.interrupted:
            echo("interrupted; the same command continues", err=True)
    return INTERRUPTED if result.interrupted else DONE


def _check_plot(path: Path) -> None:
    """Raise an error before hours of runs if the plot could not be written."""
    from importlib.util import find_spec

    if path.suffix not in FORMATS:
        raise click.UsageError(f"--plot {path}: the name must end in {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise click.UsageError(f"--plot {path}: there is no directory {path.parent}")
    if find_spec("matplotlib") is None:
        from azdsl.reporting.plots import NoMatplotlib

        raise click.ClickException(str(NoMatplotlib()))


class _Progress:
    """Prints a line on standard error every few seconds, and at the end."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._at = float("-inf")

    def __call__(self, run: Any, done: int, planned: int) -> None:
        if self._quiet:
            return
        if run is None:
            found = f", {done:,} of them already finished" if done else ""
            echo(f"{planned:,} runs{found}", err=True)
        elif time.monotonic() - self._at >= LINE_SECONDS or done == planned:
            self._at = time.monotonic()
            how = f"reached the target after {run.needed:,}" if run.needed is not None else f"best {run.fitness:.6f}"
            echo(f"{done:>5} of {planned}  {run.name}, seed {run.seed}: {how}, {run.seconds:.1f} s", err=True)
