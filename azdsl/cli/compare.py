"""``azdsl compare``."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any

import click

from azdsl.cli import DONE, INTERRUPTED
from azdsl.cli.files import STANDARD_INPUT, base_dir, load_experiment
from azdsl.cli.options import apply_options, experiment_options
from azdsl.comparison import REPETITIONS
from azdsl.config.search import ALGORITHMS
from azdsl.limits import MAX_RUNS, MAX_SEED

LINE_SECONDS = 5.0
"""Progress is told this far apart."""

FORMATS = (".png", ".svg", ".pdf")


def seed_list(text: str) -> list[int]:
    """The seeds that ``0:20`` (the end excluded) or ``1,2,5`` mean."""
    first, colon, end = text.partition(":")
    try:
        parts = [int(first), int(end)] if colon else [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a range such as 0:20 nor a list such as 1,2,5") from None
    if min(parts) < 0 or (colon and parts[0] >= parts[1]):
        raise click.BadParameter(f"{text!r} names no seed, or one below 0")
    if max(parts) > MAX_SEED + bool(colon):
        raise click.BadParameter(f"{text!r} names a seed above {MAX_SEED}, which is the largest")
    if (parts[1] - parts[0] if colon else len(parts)) > MAX_RUNS:
        raise click.BadParameter(f"{text!r} names more than {MAX_RUNS:,} seeds")
    return list(range(*parts)) if colon else parts


def variant_settings(text: str) -> dict[str, Any]:
    """The settings that ``--islands 4 --migrants 0`` means: the options of an experiment, as one text."""
    reader = click.command(add_help_option=False)(experiment_options(lambda **settings: settings))
    try:
        values = reader.make_context("variant", shlex.split(text)).params
    except (click.UsageError, ValueError) as error:
        reason = error.format_message() if isinstance(error, click.UsageError) else error
        raise click.BadParameter(f"{text!r} are no options such as '--islands 4 --migrants 0': {reason}") from None
    return {name: value for name, value in values.items() if value is not None}


@click.command()
@click.argument("seed_file", metavar="SEED.az", type=click.Path(allow_dash=True))
@click.option("--algorithms", metavar="NAMES", help=f"Some of {', '.join(ALGORITHMS)} [all].")
@click.option(
    "--variant",
    "variants",
    type=variant_settings,
    multiple=True,
    metavar="OPTIONS",
    help="Compare settings in place of algorithms: the options of one variant, in quotes; once for each variant.",
)
@click.option("--seeds", type=seed_list, metavar="RANGE", help="Seeds: 0:20 are 0 to 19, or a list such as 1,2,5.")
@click.option(
    "--repetitions",
    type=click.IntRange(1, MAX_RUNS),
    help=f"Instead of --seeds: so many, from the file's seed on [{REPETITIONS}].",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write, or to go on with (default: one in runs/).",
)
@click.option(
    "--plot",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the curves: a .png, .svg or .pdf (extra plot).",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Runs at the same time (default: one a core); no effect on the result."
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
    """Compare search algorithms, or settings, on the tasks of SEED.az: the same budget and the same seeds for all.

    A run has --max-evals candidates (a million unless told otherwise) and ends early when its answer reaches --target on
    the selection tasks.
    Printed are the best fitness in the search, the share of runs that reached the target with Wilson's 95 %
    interval, evaluations spent per success, and by how much that is less than random search's (where that is
    not among those compared: the first one's). The runs, the table and the curves are written to a directory; the
    same command goes on where it was stopped.

    \b
    Example:
      azdsl compare examples/compare/linear.az --plot linear.svg
      azdsl compare seed.az --algorithms regularized_evolution,random_search --seeds 0:20 --max-evals 200000
      azdsl compare seed.az --islands 4 --variant "--migrants 0" --variant "--migrants 0.05"

    Exit status: 0 done, 2 bad input, 130 interrupted (finished runs are kept).
    """
    if seeds is not None and repetitions is not None:
        raise click.UsageError("--seeds and --repetitions exclude each other: give one of them")
    if settings.get("algorithm") is not None and not variants:
        raise click.UsageError("a comparison takes --algorithms NAMES, several of them, in place of --algorithm")
    if algorithms is not None and variants:
        raise click.UsageError(
            "--algorithms and --variant exclude each other; a variant may have an --algorithm of its own"
        )
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
    click.echo(json.dumps(result.as_dict()) if as_json else str(result))
    if not (as_json or quiet):
        click.echo(f"written   {result.directory}" + (f", {picture}" if picture and result.runs else ""), err=True)
        if result.interrupted:
            click.echo("interrupted; the same command goes on", err=True)
    return INTERRUPTED if result.interrupted else DONE


def _check_plot(path: Path) -> None:
    """Find out before hours of runs that the figure could not be written."""
    from importlib.util import find_spec

    if path.suffix not in FORMATS:
        raise click.UsageError(f"--plot {path}: the name must end in {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise click.UsageError(f"--plot {path}: there is no directory {path.parent}")
    if find_spec("matplotlib") is None:
        from azdsl.report.plots import NoMatplotlib

        raise click.ClickException(str(NoMatplotlib()))


class _Progress:
    """A line on standard error every few seconds, and at the end."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._at = float("-inf")

    def __call__(self, run: Any, done: int, planned: int) -> None:
        if self._quiet:
            return
        if run is None:
            found = f", {done:,} of them finished before" if done else ""
            click.echo(f"{planned:,} runs{found}", err=True)
        elif time.monotonic() - self._at >= LINE_SECONDS or done == planned:
            self._at = time.monotonic()
            how = f"reached the target after {run.needed:,}" if run.needed is not None else f"best {run.fitness:.6f}"
            click.echo(f"{done:>5} of {planned}  {run.name}, seed {run.seed}: {how}, {run.seconds:.1f} s", err=True)
