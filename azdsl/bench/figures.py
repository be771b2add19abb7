"""Figures: their definition, and their measurement in turn with a yardstick."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from azdsl.bench.yardstick import Unavailable, Yardsticks


@dataclass(frozen=True)
class Scale:
    """The extent of a measurement: ``rounds`` samples of each figure, each with ``work`` times the full work."""

    rounds: int
    work: float

    def of(self, amount: int, least: int = 1) -> int:
        """An amount of work at this scale."""
        return max(least, round(amount * self.work))


FULL, QUICK = Scale(5, 1.0), Scale(1, 0.02)

Notes = Mapping[str, float | str]


@dataclass(frozen=True)
class Sample:
    """One measurement with its notes, and with its own yardstick if the figure is ``paired``."""

    value: float
    notes: Notes = field(default_factory=dict)
    yardstick: float | None = None


@dataclass(frozen=True)
class Figure:
    """A figure and its target.

    ``limit`` is for the ratio to ``yardstick`` if there is one, or to what a sample brings along if it is ``paired``, else for
    the value; if it is ``absolute``, for the value in any case. ``more`` says whether more is better. ``prepare`` does what is not
    measured and gives a function that takes one sample; it raises ``Unavailable`` when nothing can be measured. Of several samples
    the best counts, or the median where a sample is itself a ratio. ``once`` marks what is too long for several.
    """

    name: str
    title: str
    unit: str
    limit: float
    more: bool
    prepare: Callable[[Scale], Callable[[], Sample]]
    yardstick: str | None = None
    median: bool = False
    once: bool = False
    paired: bool = False
    absolute: bool = False

    @property
    def compares(self) -> bool:
        """Whether the limit applies to a ratio to a yardstick."""
        return not self.absolute and (self.paired or self.yardstick is not None)

    def choose(self, samples: list[Sample]) -> Sample:
        """The sample that counts."""
        ordered = sorted(samples, key=lambda sample: sample.value, reverse=self.more)
        return ordered[len(ordered) // 2] if self.median else ordered[0]

    @property
    def target(self) -> str:
        """The limit as text."""
        sign = "≥" if self.more else "≤"
        return f"{sign} {self.limit:g} ×" if self.compares or self.unit == "×" else f"{sign} {self.limit:g} {self.unit}"


@dataclass(frozen=True)
class Measured:
    """A figure as it came out; ``yardstick`` and ``ratio`` are None when there was nothing to compare with.

    ``value`` is None when it could not be measured; ``notes`` say why.
    """

    figure: Figure
    value: float | None
    yardstick: float | None
    notes: Notes

    @property
    def ratio(self) -> float | None:
        """The value divided by the yardstick's."""
        return self.value / self.yardstick if self.value is not None and self.yardstick else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a value or yardstick."""
        judged = self.ratio if self.figure.compares else self.value
        if judged is None:
            return None
        return judged >= self.figure.limit if self.figure.more else judged <= self.figure.limit

    def as_dict(self) -> dict[str, object]:
        """The figure as JSON values."""
        figure = self.figure
        return {
            "name": figure.name,
            "title": figure.title,
            "unit": figure.unit,
            "value": self.value,
            "yardstick": self.yardstick,
            "ratio": self.ratio,
            "target": figure.target,
            "met": self.met,
            "notes": dict(self.notes),
        }


def measure(figure: Figure, scale: Scale, yardsticks: Yardsticks | None) -> Measured:
    """Take samples of a figure and its yardstick in turn."""
    try:
        sample = figure.prepare(scale)
    except Unavailable as error:
        return Measured(figure, None, None, {"not measured": str(error)})
    samples, theirs = [], []
    for _ in range(1 if figure.once else scale.rounds):
        if yardsticks and figure.yardstick:
            theirs.append(yardsticks.read(figure.yardstick).value)
        samples.append(sample())
    theirs += [taken.yardstick for taken in samples if taken.yardstick is not None]
    chosen = figure.choose(samples)
    best = (max if figure.more else min)(theirs) if theirs else None
    values = [s.value for s in samples]
    spread = (
        {"median": statistics.median(values), "worst": (min if figure.more else max)(values)} if len(values) > 1 else {}
    )
    return Measured(figure, chosen.value, best, spread | dict(chosen.notes))
