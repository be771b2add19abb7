"""``azdsl show``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from azdsl.cli import DONE
from azdsl.cli.files import DATA_KEYS, ProgramFile, data_options, load_experiment, located
from azdsl.cli.options import flag
from azdsl.config.experiment import Experiment
from azdsl.config.search import Registers
from azdsl.config.tasks import Task
from azdsl.ir import MAX_REGISTERS, RMSE, Metric, Program

if TYPE_CHECKING:
    from azdsl.config.tasks import Split

STYLES = ("canonical", "named", "numpy", "latex", "graph")


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
    """Print a program in one of five styles.

    canonical prints instructions, without dead code, and with registers numbered in order of appearance.
    named prints expressions with names that are inferred from the data flow, numpy a Python module, latex
    equations, graph the data flow as a picture (SVG). These four styles simplify the program; its results
    stay equal bit for bit. named and latex also prune instructions and round constants, if the fitness on the
    selection tasks changes by less than 5e-7 (for constants also the fitness on the search tasks);
    --exact keeps everything. FILE may be a run directory, for its best.az, or - for standard input.

    \b
    Example:
      azdsl show best.az
      azdsl show --style named runs/linear-1
      azdsl show --style graph best.az -o best.svg
    """
    for given, option, styles in (
        (raw, "--raw", ("canonical",)),
        (exact, "--exact", ("named", "latex")),
        (standalone, "--standalone", ("latex",)),
        *((data[key], flag(key), ("named", "latex")) for key in DATA_KEYS),
    ):
        if given and style not in styles:
            raise click.UsageError(f"{option} goes with --style {' or '.join(styles)}")
    own = load_experiment(file)
    experiment, directory = located(own, file, data)
    text = _text(experiment, own.task, style, raw, exact, standalone, directory)
    if output:
        Path(output).write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
    return DONE


def _text(
    experiment: Experiment, own: Task | None, style: str, raw: bool, exact: bool, standalone: bool, directory: Path
) -> str:
    """The program in ``style``; ``own`` is the task statement in the file, if it has one."""
    metric = experiment.task.metric_definition if experiment.task else RMSE
    if style == "canonical":
        return str(experiment if raw else _cleaned(experiment, metric))
    comment = ""
    if style in ("named", "latex") and not exact:
        experiment, comment = _pruned(experiment, metric, directory)
        experiment = _rounded(experiment, metric, directory)
    match style:
        case "named":
            return (f"# {comment}\n" if comment else "") + _named(replace(experiment, task=own), metric)
        case "numpy":
            from azdsl.export.readable.numpy_source import numpy_source

            return numpy_source(experiment.program, metric.name, experiment.search.seed)
        case "latex":
            from azdsl.export.readable.latex import latex

            return (f"% {comment}\n" if comment else "") + latex(experiment.program, metric, standalone)
    from azdsl.export.readable.graph import graph_svg

    return graph_svg(experiment.program, metric)


def _cleaned(experiment: Experiment, metric: Metric) -> Experiment:
    from azdsl.ir import remove_dead_code, renumber

    return replace(experiment, program=renumber(remove_dead_code(experiment.program, metric), metric))


def _rounded(experiment: Experiment, metric: Metric, directory: Path) -> Experiment:
    """The simplest form of the program, with constants rounded as far as the fitness on search and selection tasks allows."""
    from azdsl.export.readable.rounding import round_constants
    from azdsl.ir.simplify import simplify

    program = simplify(experiment.program, metric)
    if not any(instruction.op.constants for instruction in program.instructions):
        return replace(experiment, program=program)
    roles: tuple[Split, ...] = ("search", "select")
    return replace(
        experiment, program=round_constants(program, *(_fitness(experiment, role, directory) for role in roles))
    )


def _pruned(experiment: Experiment, metric: Metric, directory: Path) -> tuple[Experiment, str]:
    """The program without instructions that its fitness on the selection tasks does not need, and a note about them."""
    from azdsl.export.readable.pruning import prune
    from azdsl.ir.simplify import simplify

    if not len(simplify(experiment.program, metric)):
        return experiment, ""
    found = prune(experiment.program, _fitness(experiment, "select", directory), metric)
    return replace(experiment, program=found.program), f"{found.words}; --exact shows all" if found.words else ""


def _fitness(experiment: Experiment, role: Split, directory: Path) -> Callable[[Sequence[Program]], list[float]]:
    """Fitness on the tasks of the file, or of the default task if it has none."""
    from azdsl import tasks as make
    from azdsl.scoring import score

    task_set = make.build(experiment.task or make.DEFAULT_TASK, experiment.search.seed, role, directory)

    def fitness(programs: Sequence[Program]) -> list[float]:
        return score(programs, experiment, task_set, role).fitness_list

    return fitness


def _named(experiment: Experiment, metric: Metric) -> str:
    """The experiment in style named; its registers statement has room for all names and temporaries."""
    from azdsl.export.readable.named import named
    from azdsl.syntax import parse_experiment

    text = named(experiment.program, metric)
    for name in experiment.frozen:
        text = text.replace(f"def {name}():", f"@frozen\ndef {name}():")
    task = [line for line in experiment.statements() if line.startswith("task ")]
    most = f"registers(scalars={MAX_REGISTERS}, vectors={MAX_REGISTERS}, matrices={MAX_REGISTERS})"
    lowered = parse_experiment("\n".join((*task, most, text))).program
    experiment = replace(experiment, registers=_widened(experiment.registers, lowered))
    return (
        "".join(f"{line}\n" for line in experiment.statements())
        + ("\n" if list(experiment.statements()) else "")
        + text
    )


def _widened(registers: Registers, program: Program) -> Registers:
    """Numbers of registers that are large enough for ``program``."""
    needed = {"s": registers.scalars, "v": registers.vectors, "m": registers.matrices}
    for address in program.registers:
        needed[address.kind.value] = max(needed[address.kind.value], address.index + 1)
    return Registers(needed["s"], needed["v"], needed["m"])
