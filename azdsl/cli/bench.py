"""``azdsl bench``."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import click

from azdsl.cli import DONE, NOT_REACHED
from azdsl.cli.output import echo


@click.command()
@click.option(
    "--only", multiple=True, metavar="NAME", help="A figure, or a group such as network-jit; may be repeated [all]."
)
@click.option(
    "--quick", is_flag=True, help="One short sample of each figure: tests that it runs; the values mean nothing."
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of CIFAR-10, for the figures on its images.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(only: tuple[str, ...], quick: bool, data: Path | None, as_json: bool) -> int:
    """Measure the speed of azdsl on this machine.

    A figure is the best of five samples. Figures of computation use processor time and are divided by the
    figure of a yardstick, hand-written C that does the same work and runs in turn with azdsl. Without a C
    compiler (cc, or the extra azdsl[zig]) there are no ratios. The command takes some minutes.

    \b
    Example:
      azdsl bench
      azdsl bench --only candidates --only network-jit
      azdsl bench --only cifar10 --data FOLDER

    Exit status: 0 done, 1 a target was missed, 2 bad input.
    """
    from azdsl.bench import machine, report
    from azdsl.bench.figures import FULL, QUICK, measure
    from azdsl.bench.yardstick import Unavailable, Yardsticks, compiled

    try:
        figures = report.select(only, data)
    except KeyError as error:
        known = ", ".join(figure.name for figure in report.FIGURES)
        raise click.UsageError(f"unknown figure {error.args[0]!r}; the figures are {known}") from None
    facts = machine.describe()
    if not as_json:
        for name, value in facts.items():
            echo(f"{name:12}  {value}")
    with ExitStack() as stack:
        wanted = tuple(sorted({figure.yardstick for figure in figures if figure.yardstick}))
        yardsticks: Yardsticks | None = None
        missing = None
        try:
            yardsticks = stack.enter_context(compiled(wanted)) if wanted else None
        except Unavailable as error:
            missing = str(error)
        if not as_json:
            echo(f"no ratios: {missing}\n" if missing else "")
            echo(report.line(report.HEAD))
        results = []
        for figure in figures:
            results.append(measure(figure, QUICK if quick else FULL, yardsticks))
            if not as_json:
                echo(report.line(report.cells(results[-1])))
                if results[-1].notes:
                    echo(report.notes(results[-1].notes))
    if as_json:
        found = [result.as_dict() for result in results]
        echo(
            json.dumps(
                {"machine": facts, "quick": quick, "no_yardsticks": missing, "figures": found}, ensure_ascii=False
            )
        )
    return NOT_REACHED if any(result.met is False for result in results) else DONE
