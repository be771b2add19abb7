"""A program in one of the styles of ``azdsl show``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from azdsl.config.experiment import Experiment
from azdsl.config.search import Registers
from azdsl.config.task import Split, Task
from azdsl.ir import MAX_REGISTERS, RMSE, Metric, Program

STYLES = ("canonical", "named", "numpy", "latex", "sympy", "graph")

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "raw": ("canonical",),
    "exact": ("named", "latex"),
    "standalone": ("latex",),
}
"""The styles that have an option."""


def show(
    experiment: Experiment,
    directory: Path,
    style: str = "canonical",
    *,
    own: Task | None = None,
    metric: Metric | None = None,
    raw: bool = False,
    exact: bool = False,
    standalone: bool = False,
) -> str:
    """The program of an experiment in one of ``STYLES``, as text that ends with a line break.

    canonical and named are text of a ``.az`` file with the experiment's statements and ``own`` as its task statement. ``metric`` is
    that of the program's tasks, by default that of the experiment. ``raw`` keeps dead code and register numbers (canonical). ``exact``
    keeps all instructions and digits (named and latex); otherwise, with a task statement, both are reduced as far as the fitness on
    these tasks allows, whose paths count from ``directory``. ``standalone`` makes a complete document (latex).

    Raises ``ValueError`` for an unknown style or an option that it does not have, ``TaskError`` and ``OSError`` for data that cannot
    be read.
    """
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}: use one of {', '.join(STYLES)}")
    for given, option in ((raw, "raw"), (exact, "exact"), (standalone, "standalone")):
        if given and style not in OPTIONS[option]:
            raise ValueError(f"{option} goes with style {' or '.join(OPTIONS[option])}")
    metric = metric or (experiment.task.metric_definition if experiment.task else RMSE)
    if style == "canonical":
        return str(replace(experiment if raw else _cleaned(experiment, metric), task=own))
    comment = ""
    if style in OPTIONS["exact"] and not exact and experiment.task is not None:
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
        case "sympy":
            from azdsl.export.readable.sympy_source import sympy_source

            return sympy_source(experiment.program, metric)
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
    """Fitness on the tasks of the experiment's statement."""
    from azdsl import tasks as make
    from azdsl.scoring import score

    task = experiment.task
    assert task is not None
    task_set = make.build(task, experiment.search.seed, role, directory)

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
