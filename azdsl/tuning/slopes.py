"""The gradient of a program's validation loss in the logarithms of its tunable numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from azdsl import sums
from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.ir import Metric, Program, liveness, remove_dead_code
from azdsl.scoring import conditions
from azdsl.taskset import TaskSet
from azdsl.tuning.constants import Point, Tunable
from azdsl.tuning.differentiate import Place, TooLarge, differentiate
from azdsl.tuning.search import Slope


def slope_of(experiment: Experiment, items: Sequence[Tunable], tasks: TaskSet) -> Slope:
    """The gradient as a function of the point: the mean over tasks with a finite gradient, None without any.

    The loss is the mean squared error, or the cross-entropy, of the last validation on ``tasks``. The derivative is
    compiled once. Raises ``SettingsError`` for a program too large to differentiate.
    """
    from azdsl.codegen.loss_gradient import Slopes

    live = remove_dead_code(experiment.program, tasks.metric_definition)
    places = [place for item in items for place in item.places]
    owners = [number for number, item in enumerate(items) for _ in item.places]
    values = [experiment.program.functions[f][at].constants[slot] for f, at, slot in places]
    try:
        derivative = differentiate(
            live, _live_places(experiment.program, places, tasks.metric_definition), tasks.metric_definition
        )
    except TooLarge as error:
        raise SettingsError(
            "method", f"method=gradient: {error}; tune fewer numbers with only, or use another method"
        ) from None
    if derivative.prediction is None:
        return lambda point: None
    under = conditions(experiment.search, "search")
    slopes = Slopes(
        derivative.program,
        (*derivative.constants, *derivative.changes),
        derivative.prediction,
        tasks,
        seed=under.seed,
        max_abs_error=under.max_abs_error,
    )
    start = [item.literal.value for item in items]

    def slope(point: Point) -> NDArray[np.float64] | None:
        constants = [value * point[owner] / start[owner] for value, owner in zip(values, owners, strict=True)]
        # The derivative of a constant by its logarithm is the constant.
        rows = [
            slopes([*constants, *(c if owner == number else 0.0 for c, owner in zip(constants, owners, strict=True))])[
                1
            ]
            for number in range(len(items))
        ]
        by_task = np.array(rows)
        good = np.isfinite(by_task).all(axis=0)
        mean: NDArray[np.float64] | None = sums.mean(by_task[:, good].T) if good.any() else None
        return mean

    return slope


def _live_places(program: Program, places: Sequence[Place], metric: Metric) -> list[Place]:
    """The places of the same constants in the program without dead code."""
    live = liveness(program, metric)
    return [(function, sum(live[function][:at]), slot) for function, at, slot in places]
