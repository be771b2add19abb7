"""Tuning of the finalists at the end of a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.ir import Program
from azdsl.taskset import TaskSet
from azdsl.tuning.constants import Point, start, tunables, with_point
from azdsl.tuning.search import Slope, Trials, run_methods
from azdsl.tuning.slopes import slope_of

METHODS = ("local", "gradient")
"""The methods, in order. Each has half of the evaluations."""


def better_constants(
    program: Program,
    fitness: float,
    experiment: Experiment,
    tasks: TaskSet,
    evaluate: Callable[[Sequence[Program]], Sequence[float]],
    evaluations: int,
) -> tuple[Program, float] | None:
    """The program with the constants that are best on the search tasks ``tasks``, and its fitness there.

    ``fitness`` is that of ``program``; ``evaluate`` gives the fitness of several programs. None if no better constants were
    found in ``evaluations`` evaluations, or the program has no tunable constant.
    """
    items = tunables(str(program), tasks.metric_definition)
    if not items or evaluations < 1:
        return None

    def of_points(points: Sequence[Point]) -> Sequence[float]:
        return evaluate([with_point(program, items, point) for point in points])

    def slope() -> Slope:
        try:
            return slope_of(replace(experiment, program=program), items, tasks)
        except SettingsError:  # too large to differentiate
            return lambda point: None

    first = start(items)
    trials = Trials(of_points, evaluations, known={first: fitness})
    run_methods(trials, first, METHODS, experiment.search.seed, slope)
    best = trials.best
    return (with_point(program, items, best), trials.known[best]) if trials.known[best] > fitness else None
