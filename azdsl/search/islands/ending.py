"""The ending of a run: the seed program, the chosen program and the trivial baseline on the same held-out test tasks.

The chosen program was chosen on the selection tasks alone. It is kept if the 95 % intervals of its paired differences from the
seed program and from the baseline, over the test tasks, are both above 0; otherwise the run gives back the seed program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from azdsl.ir import METRICS, Program
from azdsl.paired import Difference, difference
from azdsl.taskset import TaskSet

PERCENT = 100.0


@dataclass(frozen=True)
class Gain:
    """A paired difference over the test tasks: its mean and 95 % interval, None where it cannot be told."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, found: Difference) -> Gain:
        """The gain without the figures of single tasks."""
        return cls(found.mean, found.low, found.high)

    @property
    def above_zero(self) -> bool:
        """Whether the interval is above 0; without an interval, whether the mean is."""
        return (self.mean if self.low is None else self.low) > 0.0

    def text(self, unit: str = "") -> str:
        """``0.012 (95 % interval 0.004 … 0.020)``."""
        if self.low is None or self.high is None:
            return f"{self.mean:.4g}{unit} (no interval: the test tasks are one, or have the same rows)"
        return f"{self.mean:.4g}{unit} (95 % interval {self.low:.4g} … {self.high:.4g})"


@dataclass(frozen=True)
class TestScore:
    """The scores of one predictor on the test tasks.

    ``units`` is the mean over tasks of the RMSE in the unit of the target or of the accuracy in percent; None for an RMSE if a
    task failed. ``failures`` counts the test tasks with fitness 0: training stopped, or an error was NaN or too large.
    ``size`` is the number of live instructions.
    """

    __test__ = False  # not a class of tests

    fitness: float
    units: float | None
    failures: int
    size: int


@dataclass(frozen=True)
class Ending:
    """The verdict of a run.

    ``gain`` is the fitness of the chosen program minus that of the seed, ``gain_over_baseline`` minus that of the baseline;
    ``units_gain`` is the gain over the seed in units, positive if the chosen program is better, None if a task failed.
    ``program`` is the chosen program, ``selection_fitness`` its fitness on the selection tasks and ``selection_failures`` the
    number of them, of ``selection_tasks``, on which it failed. ``candidates`` is what scoring cost, in candidates of the search.
    ``held_out`` is false if the tasks are those of the search; ``selection_fitness`` is None if no tasks are held out for selection.
    """

    metric: str
    held_out: bool
    tasks: int
    seed: TestScore
    chosen: TestScore
    baseline: TestScore
    gain: Gain
    gain_over_baseline: Gain
    units_gain: Gain | None
    program: str
    is_seed: bool
    selection_fitness: float | None
    selection_failures: int
    selection_tasks: int
    candidates: float

    @property
    def better(self) -> bool:
        """Whether the chosen program is better than the seed and the baseline, so that it is the answer of the run."""
        return not self.is_seed and (not self.held_out or (self.gain.above_zero and self.gain_over_baseline.above_zero))

    @property
    def best(self) -> TestScore:
        """The scores of the program that the run gives back."""
        return self.chosen if self.better else self.seed

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        if self.is_seed:
            return "nothing better than your seed was found" + ("" if self.held_out else "; no tasks were held out")
        if not self.held_out:
            return "no tasks were held out: these scores are on the tasks of the search, and say nothing of others"
        if self.better:
            return f"better than your seed by {self._gain}"
        if self.gain.above_zero:
            return (
                "nothing better than your seed was found that is also better than predicting "
                f"{self._trivial}: the chosen program gains {self._gain} over the seed, but over that "
                f"{self.gain_over_baseline.text()}"
            )
        return f"nothing better than your seed was found: the chosen program differs from it by {self._gain}"

    def lines(self) -> list[str]:
        """The scores, the verdict and what failed, as lines of text."""
        rows = [("your seed", self.seed), ("chosen", self.chosen), (self._trivial, self.baseline)]
        chosen = rows if not self.is_seed else [rows[0], rows[2]]
        found = [f"{name:<19}{self._scores(score, score is not self.baseline)}" for name, score in chosen]
        found += [f"verdict            {self.verdict}"]
        if not self.better and not self.is_seed:
            found.append("                   so this is your seed; the programs found are in the hall of fame")
        if self.selection_failures:
            of = f"{self.selection_failures} of {self.selection_tasks} selection tasks"
            found.append(
                f"failures           the chosen program failed on {of}: training stopped or its error was too large"
            )
        cost = f"{self.candidates:,.0f}" if self.candidates >= 1.0 else "less than 1"
        found.append(
            f"cost               {self.tasks} {self._split} task{'s' if self.tasks > 1 else ''}, as much as {cost} candidates"
        )
        return found

    def as_dict(self) -> dict[str, Any]:
        """The ending as JSON values, with ``better`` and ``verdict``."""
        return asdict(self) | {"better": self.better, "verdict": self.verdict}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Ending:
        """The ending that ``as_dict`` wrote. Raises ``TypeError`` or ``LookupError`` for other values."""
        scores = {name: TestScore(**facts[name]) for name in ("seed", "chosen", "baseline")}
        names = ("gain", "gain_over_baseline", "units_gain")
        gains = {name: Gain(**facts[name]) if facts[name] else None for name in names}
        rest = {f.name: facts[f.name] for f in fields(cls)}
        return cls(**rest | scores | gains)

    @property
    def _trivial(self) -> str:
        return "the majority" if METRICS[self.metric].classifies else "the mean"

    @property
    def _gain(self) -> str:
        """The gain over the seed in fitness, for regression also in RMSE; for classes in percent points."""
        if METRICS[self.metric].classifies:
            return self.units_gain.text(" percentage points") if self.units_gain else self.gain.text()
        units = f", in RMSE {self.units_gain.text()}" if self.units_gain else ""
        return f"{self.gain.text()}{units}"

    @property
    def _split(self) -> str:
        return "test" if self.held_out else "search"

    def _scores(self, score: TestScore, program: bool) -> str:
        parts = [f"{self._split} fitness {score.fitness:.6f}"]
        if METRICS[self.metric].classifies:
            parts.append(f"accuracy {score.units:.2f} %")
        elif score.units is not None:
            parts.append(f"RMSE {score.units:.6g}")
        if program:
            parts.append(f"{score.size} instruction{'' if score.size == 1 else 's'}")
        if score.failures:
            parts.append(f"failed on {score.failures} of {self.tasks} tasks")
        return ", ".join(parts)


def make_ending(
    test: TaskSet,
    seed: tuple[Program, float, Sequence[float]],
    chosen: tuple[Program, float, Sequence[float]],
    trivial_fitness: float,
    *,
    held_out: bool,
    selection: tuple[float | None, Sequence[float]],
    candidates: float,
) -> Ending:
    """The ending, from programs with their fitness on the test tasks, together and on each task.

    ``selection`` has the fitness of the chosen program on the selection tasks in the same way, None and no tasks if none are
    held out; without ``held_out`` the tasks are those of the search. ``trivial_fitness`` is the
    fitness of the baseline over all test tasks.
    """
    base = test.baseline()
    by_task = [seed[2], chosen[2], base]
    units = [_units(test, values) for values in by_task]
    scores = [
        TestScore(fitness, _mean(values), failures(each), size)
        for fitness, values, each, size in zip(
            (seed[1], chosen[1], trivial_fitness), units, by_task, (len(seed[0]), len(chosen[0]), 0), strict=True
        )
    ]
    over_seed, over_base = (
        Gain.of(difference(chosen[2], other, test.overlap, test.halves)) for other in (seed[2], base)
    )
    sign = 1.0 if test.metric_definition.classifies else -1.0
    known = all(map(math.isfinite, [*units[0], *units[1]]))
    signed = [[sign * value for value in values] for values in units[:2]]
    return Ending(
        metric=test.metric,
        held_out=held_out,
        tasks=test.tasks,
        seed=scores[0],
        chosen=scores[1],
        baseline=scores[2],
        gain=over_seed,
        gain_over_baseline=over_base,
        units_gain=Gain.of(difference(signed[1], signed[0], test.overlap, test.halves)) if known else None,
        program=str(chosen[0]),
        is_seed=chosen[0] == seed[0],
        selection_fitness=selection[0],
        selection_failures=failures(selection[1]),
        selection_tasks=len(selection[1]),
        candidates=candidates,
    )


def failures(task_fitness: Sequence[float]) -> int:
    """How many tasks a program failed on: fitness 0. Training stopped, an error was NaN or too large, or no class was right."""
    return sum(value <= 0.0 for value in task_fitness)


def _units(tasks: TaskSet, task_fitness: Sequence[float]) -> list[float]:
    """The RMSE of each task in the unit of the target, or its accuracy in percent."""
    if tasks.metric_definition.classifies:
        return [PERCENT * value for value in task_fitness]
    return tasks.rmse(task_fitness)


def _mean(values: Sequence[float]) -> float | None:
    """The mean over tasks; None if a task failed."""
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else None
