"""``azdsl evolve``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from azdsl.cli import DONE, INTERRUPTED, NOT_REACHED
from azdsl.cli.files import STANDARD_INPUT, SeedFile, base_dir, load_experiment
from azdsl.cli.options import Count, apply_options, experiment_options
from azdsl.cli.output import details, echo
from azdsl.config.experiment import Experiment
from azdsl.search.rundir import names


@click.command()
@click.argument("seed_files", nargs=-1, metavar="SEED.az…", type=SeedFile())
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Run directory to create (default: a new one in runs/).",
)
@click.option(
    "--workers",
    type=Count(1),
    help="Number of islands that run in parallel (default: one per core); no effect on the result.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Dask cluster: tcp://HOST:PORT, tls://HOST:PORT or local:N; no effect on the result.",
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Continue the run in this run directory.",
)
@click.option(
    "--seed-program",
    "seed_programs",
    multiple=True,
    type=click.Path(exists=True),
    help="Another seed program: a .az file, a directory for all its .az files, or a run for its hall of fame; may be repeated.",
)
@click.option(
    "--proposals",
    metavar="COMMAND",
    help="Command that proposes programs: run once an epoch, it reads the hall of fame as lines of JSON (epoch, size, fitness, program) "
    "and prints .az texts, separated by lines ---. Or the proposals.jsonl of a run, which is repeated.",
)
@click.option("--quiet", is_flag=True, help="Print the result only.")
@click.option(
    "--verbose",
    is_flag=True,
    help="Also print damaged files of the cache, how candidates were settled, a check of FEC, and every finalist.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@experiment_options
def command(
    seed_files: tuple[str, ...],
    out: Path | None,
    workers: int | None,
    cluster: str | None,
    resume: Path | None,
    seed_programs: tuple[str, ...],
    proposals: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Search for a better program than the one in SEED.az.

    Every key of the file is an option, which overrides the file. Defaults are in brackets. Of several files, and of every
    --seed-program, the populations start from the programs of all; the settings are those of the first.

    \b
    Example:
      azdsl evolve examples/linear.az
      azdsl evolve examples/linear.az --seed 3 --max-evals 1e6 --ops "const, dot, s - s, s * v, v + v"
      azdsl evolve seed.az --data prices.csv --target-column price --timeout 5m
      azdsl evolve --resume runs/linear-1 --timeout 1h30m
      azdsl evolve examples/linear.az --cluster local:2
      azdsl evolve examples/linear.az --seed-program runs/linear-1
      azdsl evolve examples/linear.az --proposals "python propose.py"

    Exit status: 0 done, 1 target not reached, 2 bad input, 130 interrupted (the result so far is written).
    """
    if not seed_files and resume is None:
        raise click.UsageError("give a seed file, or a run directory with --resume")
    if resume is not None:
        from azdsl.search.rundir import directory

        directory.read_config(resume)  # an error if it is not a run directory
    experiment, source = _seeds(seed_files, seed_programs, resume)
    experiment = apply_options(experiment, settings, base_dir(source))

    from azdsl.api import connected
    from azdsl.search import evolve

    with details(verbose), connected(cluster) as placement:
        result = evolve.run(
            experiment,
            base_dir=base_dir(source),
            out=out,
            name=None if out or resume else "evolved" if source == STANDARD_INPUT else Path(source).stem,
            workers=workers,
            resume=resume,
            proposals=proposals,
            quiet=quiet or as_json,
            placement=placement,
        )
    lines = [*result.details(), "", str(result)] if verbose else [str(result)]
    echo(json.dumps(result.as_dict()) if as_json else "\n".join(lines))
    if result.interrupted:
        return INTERRUPTED
    return DONE if result.reached else NOT_REACHED


def _seeds(files: Sequence[str], further: Sequence[str], resume: Path | None) -> tuple[Experiment, str]:
    """The experiment of the first file, with the programs of all and of ``further``, and that file; without any those of the run to resume."""
    if not files and resume:
        if further:
            raise click.UsageError("a resumed run has its seed programs: leave out --seed-program")
        from azdsl.search.rundir.settings_files import load_seeds

        return load_seeds(resume), str(resume / names.SEED)
    from azdsl.experiments import programs_of

    first, *others = map(load_experiment, files)
    programs = [other.program for other in others] + [program for path in further for program in programs_of(path)]
    return replace(first, further_seeds=tuple(programs)), files[0]
