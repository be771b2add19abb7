"""``azdsl show``."""

from __future__ import annotations

from pathlib import Path

import click

from azdsl import atomic
from azdsl.cli import DONE
from azdsl.cli.files import DATA_KEYS, STANDARD_INPUT, ProgramFile, data_options, load_experiment
from azdsl.cli.options import flag
from azdsl.cli.output import document
from azdsl.export.readable.show import OPTIONS, STYLES


@click.command()
@click.argument("file", type=ProgramFile())
@click.option("--style", type=click.Choice(STYLES), default="canonical", help="Style of the output [canonical].")
@click.option("--raw", is_flag=True, help="Style canonical: keep dead code and register numbers.")
@click.option(
    "--exact", is_flag=True, help="Styles named and latex: keep all instructions and all digits of constants."
)
@click.option("--standalone", is_flag=True, help="Style latex: a complete document.")
@data_options
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True), help="Write to this file.")
def command(
    file: str, style: str, raw: bool, exact: bool, standalone: bool, output: str | None, **data: str | None
) -> int:
    """Print a program in one of six styles.

    canonical prints instructions, without dead code, and with registers numbered in order of appearance.
    named prints expressions with names that are inferred from the data flow, numpy a Python module, latex
    equations, sympy a Python module with the equations as expressions of SymPy, graph the data flow as a
    picture (SVG). These five styles simplify the program; its results stay equal bit for bit. named and
    latex also prune instructions and round constants, if the fitness on the selection tasks changes by less
    than 5e-7 (for constants also the fitness on the search tasks); --exact keeps everything. A file without
    a task statement is shown whole; if its metric is not rmse, say so with --metric.
    FILE may be a run directory, for its best.az, or - for standard input.

    \b
    Example:
      azdsl show best.az
      azdsl show --style named runs/linear-1
      azdsl show --style graph best.az -o best.svg
    """
    for given, option, styles in (
        (raw, "--raw", OPTIONS["raw"]),
        (exact, "--exact", OPTIONS["exact"]),
        (standalone, "--standalone", OPTIONS["standalone"]),
        *((data[key], flag(key), ("named", "latex")) for key in DATA_KEYS if key != "metric"),
    ):
        if given and style not in styles:
            raise click.UsageError(f"{option} goes with --style {' or '.join(styles)}")
    from azdsl.inspection import show

    program = load_experiment(file) if file == STANDARD_INPUT else Path(file)
    text = show(program, style, raw=raw, exact=exact, standalone=standalone, **data)
    if output:
        atomic.write(Path(output), text, devices=True)
    else:
        document(text)
    return DONE
