"""The charts of a run, each at any width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from azdsl.reporting.data import Run, best_curve, fitness_range, stage_starts
from azdsl.reporting.predictions import Predictions
from azdsl.reporting.predictions import confusion as confusion_matrix
from azdsl.reporting.svg import BOTTOM, Chart, Scale

LAYERS = {
    "copies": "copies of a parent",
    "neutral": "neutral mutations",
    "over_budget": "over budget",
    "cached": "program cache",
    "fec": "same early errors",
    "stopped_early": "stopped early",
    "hurdle": "stopped at a hurdle",
    "full": "evaluated in full",
}
"""The ways a candidate is settled, with their labels."""

LONG = 20
"""The ratio of a run's candidates to those of its first epoch from which the axis is logarithmic."""

_LEAST_ERROR = 1e-12

SQUARE = 460.0
"""The greatest side in pixels of the chart of predictions."""

FEW = 500
"""The number of examples up to which each has a tooltip and a larger dot."""

MOST_CLASSES = 20
"""The most classes whose confusion matrix is drawn."""


def progress(run: Run, width: float, numbered: Sequence[int], error: bool = False) -> str:
    """Best and mean fitness by candidates, with milestones as dots; the indices in ``numbered`` get numbers.

    With ``error``, the remaining error 1 − fitness on a logarithmic scale.
    """
    curve = best_curve(run)
    if not curve:
        return ""
    value = _left if error else _same
    means = [(float(e["evaluations"]), value(float(e["mean"]))) for e in run.history]
    chosen = [(float(e["evaluations"]), value(float(e["selected"]))) for e in run.history if e["selected"] is not None]
    points = [(at, value(fitness)) for at, fitness in curve]
    shown = [v for _, v in (*points, *means)]
    chart = Chart(width, min(360.0, 0.62 * width + 40), "Progress: best fitness by candidates")
    x = chart.x(max(1.0, points[0][0] / 1.3), max(2.0, float(run.evaluations)), log=True)
    if error:
        y = chart.y(max(min(shown) / 1.5, _LEAST_ERROR), max(shown) * 1.5, log=True)
    else:
        y = chart.y(*fitness_range([*shown, *(v for _, v in chosen)]))
    chart.axes(x, y, "candidates (log scale)", "1 − fitness" if error else "fitness")
    for number, at in enumerate(stage_starts(run), 2):
        chart.line([(x(at), y(y.low)), (x(at), y(y.high))], "grid")
        chart.text(x(at) + 4, y(y.high) + 10, f"stage {number}", "tick")
    chart.line([(x(at), y(v)) for at, v in means if at >= x.low], "line mean")
    chart.steps([(x(at), y(v)) for at, v in points], "line best")
    for at, v in _thinned([p for p in chosen if y.low <= p[1] <= y.high], 60):
        chart.dot(x(at), y(v), 2, "selected", f"on the selection tasks: {v:.6g}")
    _milestones(chart, run, x, y, numbered, error)
    return str(chart)


def _milestones(chart: Chart, run: Run, x: Scale, y: Scale, numbered: Sequence[int], error: bool) -> None:
    value = _left if error else _same
    for n in sorted(range(len(run.milestones)), key=lambda n: n in numbered):  # the numbered ones on top
        milestone = run.milestones[n]
        at, up = x(milestone.evaluations), y(value(milestone.fitness))
        title = f"candidate {milestone.candidate:,} of island {milestone.island}: fitness {milestone.fitness:.6f}"
        if n not in numbered:
            chart.dot(at, up, 2.5, "minor", title)
            continue
        number = numbered.index(n)
        attributes = f'data-step="{number}" tabindex="0" role="button" aria-label="milestone {number + 1}"'
        chart.dot(at, up, 9, "milestone", title, attributes)
        chart.text(at, up + 3.5, str(number + 1), "number", anchor="middle")


def _same(fitness: float) -> float:
    return fitness


def _left(fitness: float) -> float:
    return max(1.0 - fitness, _LEAST_ERROR)


def _thinned(points: Sequence[tuple[float, float]], most: int) -> Iterable[tuple[float, float]]:
    """The points whose value differs from that of the previous one, at most about ``most``."""
    changed = [p for n, p in enumerate(points) if n == 0 or p[1] != points[n - 1][1]]
    return changed[:: max(1, len(changed) // most)]


def front(run: Run, width: float) -> str:
    """The hall of fame: fitness by live instructions."""
    if not run.front:
        return ""
    chart = Chart(width, min(300.0, 0.6 * width + 40), "Hall of fame: fitness by size")
    sizes = [m.size for m in run.front]
    x, y = chart.x(0.0, max(sizes) * 1.05 + 0.5), chart.y(*fitness_range([m.fitness for m in run.front]))
    chart.axes(x, y, "live instructions", "fitness in the search")
    end = (x(max(sizes)), y(run.front[-1].fitness))
    chart.steps([*((x(m.size), y(m.fitness)) for m in run.front), end], "line best")
    for m in run.front:
        chart.dot(x(m.size), y(m.fitness), 5, "member", f"{m.size} instructions: {m.fitness:.6f}")
    return str(chart)


def layers(run: Run, width: float) -> str:
    """The share of candidates that each layer settled, by epoch."""
    names = [name for name in LAYERS if any(e["layers"].get(name) for e in run.history)]
    before = dict.fromkeys(names, 0)
    rows: list[tuple[float, list[float]]] = []
    for event in run.history:
        counts = [int(event["layers"][name]) - before[name] for name in names]
        before = {name: int(event["layers"][name]) for name in names}
        total = sum(counts)
        if total > 0:
            rows.append((float(event["evaluations"]), [c / total for c in counts]))
    if len(rows) < 2:
        return ""
    rows = rows[:: max(1, len(rows) // 150)]
    chart = Chart(width, min(240.0, 0.45 * width + 50), "How candidates were settled, by candidates")
    x, y = chart.x(rows[0][0], rows[-1][0], log=rows[-1][0] > LONG * rows[0][0]), chart.y(0.0, 1.0)
    lower = [(x(at), y(0.0)) for at, _ in rows]
    for n, name in enumerate(names):
        upper = [(x(at), y(sum(shares[: n + 1]))) for at, shares in rows]
        chart.area(upper, lower, f"fill-{name}", LAYERS[name])
        lower = upper
    chart.axes(x, y, "candidates" + (" (log scale)" if x.log else ""), "share")
    return str(chart)


def tasks(fitness: Sequence[float], width: float) -> str:
    """The fitness on each test task in ascending order."""
    if len(fitness) < 2:
        return ""
    ordered = sorted(fitness)
    low = 0.0 if ordered[0] < 0.5 else ordered[0] - 0.15 * max(ordered[-1] - ordered[0], 0.005)
    chart = Chart(width, 190.0, "Fitness on each test task")
    x, y = chart.x(0.0, float(len(ordered))), chart.y(low, max(ordered[-1], low + 1e-9))
    chart.axes(x, y, "test tasks in order of fitness", "fitness")
    step = (x.end - x.start) / len(ordered)
    for n, value in enumerate(ordered):
        top = y(value)
        chart.bar(x.start + n * step, top, max(0.8 * step, 0.7), chart.height - BOTTOM - top, "bar", f"{value:.6f}")
    mean = sum(fitness) / len(fitness)
    chart.line([(x.start, y(mean)), (x.end, y(mean))], "line mean")
    return str(chart)


def scatter(found: Predictions, width: float) -> str:
    """Predicted against actual values: a dot for each example, and the line on which they are equal.

    Single predictions far from all others do not decide the scale: it holds all actual values and 99 of 100 predictions.
    """
    actual, predicted = found.actual, found.predicted
    low = float(min(actual.min(), np.quantile(predicted, 0.005)))
    high = float(max(actual.max(), np.quantile(predicted, 0.995)))
    room = 0.03 * (high - low) or 1.0
    side = min(width, SQUARE)
    chart = Chart(side, side, "Predicted against actual values", fixed=True)
    x, y = chart.x(low - room, high + room), chart.y(low - room, high + room)
    chart.axes(x, y, "actual", "predicted")
    chart.line([(x(x.low), y(x.low)), (x(x.high), y(x.high))], "line mean")
    few = len(actual) <= FEW
    for truth, value in zip(actual.tolist(), predicted.tolist(), strict=True):
        chart.dot(
            x(truth), y(value), 3 if few else 2, "example", f"actual {truth:.6g}, predicted {value:.6g}" if few else ""
        )
    return str(chart)


def confusion(found: Predictions, width: float) -> str:
    """The confusion matrix: true classes in rows, predicted classes in columns; darker where a row has more examples."""
    matrix, names = confusion_matrix(found), found.classes
    if len(names) > MOST_CLASSES:
        return ""
    longest = 7.0 * max(map(len, names))
    left = min(120.0, 30.0 + longest)
    cell = min(max(48.0, longest + 12.0), 110.0, (width - left - 8.0) / len(names))
    chart = Chart(left + cell * len(names) + 8.0, 44.0 + cell * len(names), "Confusion matrix", left, fixed=True)
    most = int((left - 14.0) / 7.0), max(1, int(cell / 7.5))
    chart.text(left + cell * len(names) / 2, 12.0, "predicted", "axis", anchor="middle")
    for row, (name, counts) in enumerate(zip(names, matrix, strict=True)):
        top, total = 36.0 + row * cell, max(1, sum(counts))
        chart.text(left - 8.0, top + cell / 2 + 4, _cut(name, most[0]), "tick", anchor="end")
        chart.text(left + (row + 0.5) * cell, 30.0, _cut(name, most[1]), "tick", anchor="middle")
        for column, count in enumerate(counts):
            share, at = count / total, left + column * cell
            style = f"cell shade-{min(4, int(5 * share))}{' right' if row == column else ''}"
            title = f"{name} predicted as {names[column]}: {count:,} of {total:,}"
            chart.bar(at + 1, top + 1, cell - 2, cell - 2, style, title)
            if len(f"{count:,}") * 7.5 < cell:
                ink = "count strong" if share >= 0.6 else "count"
                chart.text(at + cell / 2, top + cell / 2 + 4, f"{count:,}", ink, anchor="middle")
    return str(chart)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(1, most - 1)]}…"
