"""The result of a comparison: table, runs, curves and plot."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from azdsl.comparison import statistics
from azdsl.comparison.runs import EPOCHS, Run
from azdsl.comparison.statistics import Row
from azdsl.config.search import ALGORITHMS

BASELINE = "random_search"
"""The algorithm that the others are compared with; if it was not run, the first one."""

TABLE, CURVES = "table.csv", "curves.csv"


@dataclass(frozen=True)
class Comparison:
    """Finished runs of several algorithms, or variants of the settings, with the same random seeds and ``budget`` of candidates.

    ``target`` is None without a target. ``planned`` is the number of planned runs; after an interruption fewer are finished.
    """

    title: str
    budget: int
    target: float | None
    runs: tuple[Run, ...]
    planned: int
    directory: Path | None = None

    @property
    def interrupted(self) -> bool:
        """Whether runs are missing."""
        return len(self.runs) < self.planned

    @cached_property
    def by_name(self) -> Mapping[str, list[Run]]:
        """The runs of each algorithm or variant, by seed."""
        names = dict.fromkeys(run.name for run in self.runs)
        return {n: sorted((r for r in self.runs if r.name == n), key=lambda r: r.seed) for n in names}

    @property
    def baseline(self) -> str | None:
        """The algorithm or variant that the others are compared with; None if no run is finished."""
        return BASELINE if BASELINE in self.by_name else next(iter(self.by_name), None)

    @cached_property
    def rows(self) -> list[Row]:
        """The table: one row for each algorithm or variant."""
        other = self.by_name[self.baseline] if self.baseline is not None else []
        with_target = self.target is not None
        return [
            statistics.row(runs, other if n != self.baseline else [], with_target) for n, runs in self.by_name.items()
        ]

    @cached_property
    def places(self) -> list[int]:
        """The numbers of candidates at which curves have points."""
        return [int(place) for place in statistics.grid(self.budget, max(1, self.budget // EPOCHS))]

    @cached_property
    def curves(self) -> Mapping[str, Mapping[str, Any]]:
        """Best fitness and successes at ``places`` by name: see ``statistics.curves``."""
        return {name: statistics.curves(runs, self.places) for name, runs in self.by_name.items()}

    def frame(self) -> Any:
        """The runs as a pandas data frame, without curves. Raises ``ImportError``."""
        try:
            import pandas
        except ImportError:
            raise ImportError("frame needs pandas: pip install pandas; comparison.runs has the same records") from None
        return pandas.DataFrame([{k: v for k, v in run.as_dict().items() if k != "curve"} for run in self.runs])

    def plot(self) -> Any:
        """A matplotlib figure (extra ``plot``). Raises ``NoMatplotlib``."""
        from azdsl.comparison.plot import figure

        return figure(self.title, self.places, self.curves, self.target)

    def as_dict(self) -> dict[str, Any]:
        """The table and the runs as JSON values."""
        return {
            "title": self.title,
            "budget": self.budget,
            "target": self.target,
            "interrupted": self.interrupted,
            "directory": self.directory and str(self.directory),
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "runs": [{k: v for k, v in run.as_dict().items() if k != "curve"} for run in self.runs],
        }

    def files(self) -> dict[str, str]:
        """The table and the curves as CSV, by file name."""
        points = [
            {"name": name, "evaluations": place} | {key: float(array[at]) for key, array in values.items()}
            for name, values in self.curves.items()
            for at, place in enumerate(self.places)
        ]
        return {TABLE: _csv([dataclasses.asdict(row) for row in self.rows]), CURVES: _csv(points)}

    def __str__(self) -> str:
        """The table as text."""
        if self.baseline is None:
            return "no run is finished"
        head = ["algorithm" if self.baseline in ALGORITHMS else "variant", "runs", "best fitness: median [quartiles]"]
        lines = [
            [_words(r.name), str(r.runs), f"{r.median:.4f} [{r.low_quartile:.4f}, {r.high_quartile:.4f}]"]
            for r in self.rows
        ]
        if self.target is not None:
            head += [
                f"reached {self.target:g}",
                "95 % interval",
                "evaluations per success",
                f"times as fast as {_words(self.baseline)}",
            ]
            for line, row in zip(lines, self.rows, strict=True):
                line += [f"{row.successes} of {row.runs}", _interval(row), _needed(row), _times(row)]
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in [head, *lines]
        )


def _words(name: str) -> str:
    """The name of an algorithm in words, or the unchanged name of a variant."""
    if name not in ALGORITHMS:
        return name
    return name.replace("_", " ").replace("nonregularized", "non-regularized").replace("reinforce", "REINFORCE")


def _interval(row: Row) -> str:
    return f"{100 * (row.success_low or 0.0):.0f}-{100 * (row.success_high or 0.0):.0f} %"


def _needed(row: Row) -> str:
    return f"{row.needed:,.0f}" if row.needed is not None else f"none in {row.evaluations:,}"


def _times(row: Row) -> str:
    """The speed-up with its interval, or its lower bound if the other algorithm never succeeded."""
    if row.times is None:
        return "-" if row.times_low is None else f"> {row.times_low:.2g}"
    high = "" if row.times_high is None else f"{row.times_high:.2g}"
    return f"{row.times:.2g} [{row.times_low or 0.0:.2g}, {high}]"


def _csv(records: list[dict[str, Any]]) -> str:
    if not records:
        return ""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()
