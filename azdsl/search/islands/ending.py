"""The ending of a run: the seed program, the chosen program and the trivial baseline on the same held-out test tasks.

The chosen program was chosen on the selection tasks alone. It is the answer if the 95 % intervals of its paired differences from the
seed program and from the baseline, over the test tasks, are both above 0. Otherwise the answer is the seed program: with tuned
constants if these are better on the selection tasks, else as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from azdsl.ir import METRICS, MetricName
from azdsl.paired import Difference
from azdsl.taskset import units_text

LABEL = 19
"""The width of the labels of lines of text."""


@dataclass(frozen=True)
class Gain:
    """A paired difference over tasks: its mean and 95 % interval, None where it cannot be told."""

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
        return f"{self.mean:.4g}{unit} ({self._interval})"

    def position(self, unit: str = "") -> str:
        """Where the chosen program stands: ``ahead by 0.012, within the noise (95 % interval -0.004 … 0.020)``."""
        if self.mean == 0.0:
            return "equal to it"
        ahead = self.mean > 0.0
        noise = self.low is not None and self.high is not None and self.low <= 0.0 <= self.high
        by = f"{'ahead' if ahead else 'behind'} by {abs(self.mean):.4g}{unit}{', within the noise' if noise else ''}"
        return (
            f"{by} ({self._interval if ahead else self._interval.replace('interval', 'interval of the difference', 1)})"
        )

    @property
    def _interval(self) -> str:
        if self.low is None or self.high is None:
            return "no interval: the tasks are one, or have the same rows"
        return f"95 % interval {self.low:.4g} … {self.high:.4g}"


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
class FinalistScore:
    """A program that was compared on the selection tasks: live instructions, fitness there, and the tasks on which it failed."""

    size: int
    fitness: float
    failures: int


@dataclass(frozen=True)
class Tuned:
    """The seed program with tuned constants: its scores on the test tasks, and its gains over the seed program on both splits."""

    score: TestScore
    gain: Gain
    selection_gain: Gain


@dataclass(frozen=True)
class Ending:
    """The verdict of a run.

    ``gain`` is the fitness of the chosen program minus that of the seed, ``gain_over_baseline`` minus that of the baseline, means
    over the test tasks. ``units_gain`` and ``units_gain_over_baseline`` are the same in units, positive if the chosen program is
    better, None if a task failed. With ``combine`` = median, the fitness in a ``TestScore`` is the median over tasks.
    ``program`` is the chosen program, ``in_hall_of_fame`` whether it is there, ``selection_fitness`` its fitness on the selection
    tasks and ``selection_failures`` the number of them, of ``selection_tasks``, on which it failed. ``finalists`` are all programs that
    were compared there, the best first. ``candidates`` is what scoring cost, in candidates of the search. ``held_out`` is false if
    the tasks are those of the search. ``selection_fitness`` is None if none are held out
    for selection. ``tuned`` is the seed program with tuned constants if that is the answer.
    """

    metric: MetricName
    combine: str
    held_out: bool
    tasks: int
    seed: TestScore
    chosen: TestScore
    baseline: TestScore
    gain: Gain
    gain_over_baseline: Gain
    units_gain: Gain | None
    units_gain_over_baseline: Gain | None
    program: str
    is_seed: bool
    in_hall_of_fame: bool
    selection_fitness: float | None
    selection_failures: int
    selection_tasks: int
    finalists: tuple[FinalistScore, ...]
    candidates: float
    tuned: Tuned | None = None

    @property
    def better(self) -> bool:
        """Whether the chosen program is better than the seed and the baseline, so that it is the answer of the run."""
        return not self.is_seed and (not self.held_out or (self.gain.above_zero and self.gain_over_baseline.above_zero))

    @property
    def best(self) -> TestScore:
        """The scores of the program that the run gives back."""
        return self.chosen if self.better else self.tuned.score if self.tuned else self.seed

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        seed, other = self._seed_name, f"predicting {self._trivial}"
        reference = other if self._empty else seed
        if self.tuned:
            return (
                f"nothing better than {seed} with tuned constants was found: tuning gains "
                f"{self.tuned.selection_gain.text()} on the selection tasks, {self.tuned.gain.text()} on the test tasks"
            )
        if self.is_seed:
            return f"nothing better than {reference} was found" + ("" if self.held_out else "; no tasks were held out")
        if not self.held_out:
            return "no tasks were held out: these scores are on the tasks of the search, and say nothing of others"
        over_seed, over_base = (self.gain, self.units_gain), (self.gain_over_baseline, self.units_gain_over_baseline)
        if self.better:
            return f"better than {reference} by {self._gain(*(over_base if self._empty else over_seed))}"
        if self.gain.above_zero:
            if self._empty:
                return f"nothing better than {other} was found: the chosen program is {self._position(*over_base)}"
            return (
                f"nothing better than {seed} was found that is also better than {other}: the chosen program gains "
                f"{self._gain(*over_seed)} over {seed}, but over {other} it is {self._position(*over_base)}"
            )
        return f"nothing better than {seed} was found: the chosen program is {self._position(*over_seed)}"

    @property
    def split(self) -> str:
        """The split of the tasks."""
        return "test" if self.held_out else "search"

    @property
    def answer(self) -> str:
        """The program that the run gives back, in words."""
        if self.better:
            return "the chosen program"
        return f"{self._seed_name}, with tuned constants" if self.tuned else self._seed_name

    def lines(self) -> list[str]:
        """The scores, the verdict and what failed, as lines of text."""
        found = [f"{name:<{LABEL}}{self._scores(score, program)}" for name, score, program in self.scores()]
        return [*found, f"{'verdict':<{LABEL}}{self.verdict}", *self.notes()]

    def scores(self) -> list[tuple[str, TestScore, bool]]:
        """The predictors by name, with their scores and whether they are programs with instructions."""
        rows = [("seed program" if self._empty else "your seed", self.seed, not self._empty)]
        rows += [("tuned seed", self.tuned.score, True)] if self.tuned else []
        rows += [("chosen", self.chosen, True)] if not self.is_seed else []
        return [*rows, (self._trivial, self.baseline, False)]

    def notes(self) -> list[str]:
        """What follows the verdict: the answer, what failed and what scoring cost, as lines of text."""
        found = list[str]()
        if not self.better:
            where = "; the chosen program is in the hall of fame" if self.in_hall_of_fame and not self.is_seed else ""
            found.append(f"{'answer':<{LABEL}}{self.answer}{where}")
        if self.combine == "median":
            found.append(
                f"{'medians':<{LABEL}}fitness is the median over tasks; differences and intervals are of the mean"
            )
        failed = [item for item in self.finalists if item.failures]
        if failed:
            cause = "training stopped or its error was too large"
            of_chosen = f"the chosen program on {self.selection_failures} of {self.selection_tasks}"
            count = f"{len(failed)} of {len(self.finalists)} finalists"
            found.append(f"{'failures':<{LABEL}}{count} failed on a selection task ({cause}), {of_chosen}")
        cost = f"{self.candidates:,.0f}" if self.candidates >= 1.0 else "less than 1"
        found.append(
            f"{'cost':<{LABEL}}{self.tasks} {self.split} task{'s' if self.tasks > 1 else ''}, as much as {cost} candidates"
        )
        return found

    def as_dict(self) -> dict[str, Any]:
        """The ending as JSON values, with ``better`` and ``verdict``."""
        facts = asdict(self) | {"better": self.better, "verdict": self.verdict}
        return facts | {"finalists": [asdict(item) for item in self.finalists]}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Ending:
        """The ending that ``as_dict`` wrote. Raises ``TypeError`` or ``LookupError`` for other values."""
        scores = {name: TestScore(**facts[name]) for name in ("seed", "chosen", "baseline")}
        names = ("gain", "gain_over_baseline", "units_gain", "units_gain_over_baseline")
        gains = {name: Gain(**facts[name]) if facts[name] else None for name in names}
        tuned = facts["tuned"]
        parts: dict[str, Any] = {
            "finalists": tuple(FinalistScore(**item) for item in facts["finalists"]),
            "tuned": tuned
            and Tuned(TestScore(**tuned["score"]), Gain(**tuned["gain"]), Gain(**tuned["selection_gain"])),
        }
        rest = {f.name: facts[f.name] for f in fields(cls)}
        return cls(**rest | scores | gains | parts)

    @property
    def _empty(self) -> bool:
        """Whether no instruction of the seed program affects its predictions: it is no program of the user's."""
        return self.seed.size == 0

    @property
    def _seed_name(self) -> str:
        return "the empty seed program" if self._empty else "your seed"

    @property
    def _trivial(self) -> str:
        return "the majority" if METRICS[self.metric].classifies else "the mean"

    def _gain(self, fitness: Gain, units: Gain | None) -> str:
        """A gain in fitness, for regression also in RMSE; for classes in percentage points."""
        if METRICS[self.metric].classifies:
            return units.text(" percentage points") if units else fitness.text()
        return f"{fitness.text()}{f', in RMSE {units.text()}' if units else ''}"

    def _position(self, fitness: Gain, units: Gain | None) -> str:
        """Where the chosen program stands, in the same units."""
        if METRICS[self.metric].classifies:
            return units.position(" percentage points") if units else fitness.position()
        return f"{fitness.position()}{f', in RMSE {units.position()}' if units and fitness.mean else ''}"

    def _scores(self, score: TestScore, program: bool) -> str:
        parts = [f"{self.split} fitness {score.fitness:.6f}"]
        if score.units is not None:
            parts.append(units_text(self.metric, score.units))
        if program:
            parts.append(f"{score.size} instruction{'' if score.size == 1 else 's'}")
        if score.failures:
            parts.append(f"failed on {score.failures} of {self.tasks} tasks")
        return ", ".join(parts)
