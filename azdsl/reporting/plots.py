"""Plots of a run with matplotlib (extra ``plot``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from azdsl.errors import AzdslError
from azdsl.reporting.charts import LAYERS, LONG
from azdsl.reporting.data import Run, best_curve, fitness_range, stage_starts

BLUE, GREY, ORANGE = "#1f6fb5", "#9aa3af", "#c26a12"
_COLOURS = ("#c9cfd8", "#9fb4cc", "#d8b08c", "#6fa8dc", "#57b3a0", "#e0a04a", "#9b7fc4", "#c2545b")
_HEADROOM = 0.04
"""The margin above the highest value, as a share of the range."""

PANEL = 3.4
"""The height of a panel in inches."""


class NoMatplotlib(AzdslError, ImportError):
    """The extra ``plot`` is not installed."""

    def __init__(self) -> None:
        super().__init__('plots need matplotlib: pip install "azdsl[plot]"')


def figure(run: Run, what: Sequence[str]) -> Any:
    """A matplotlib figure with one panel for each of ``what``, keys of ``PANELS``.

    Raises ``NoMatplotlib``, and ``ValueError`` for an unknown panel.
    """
    for name in what:
        if name not in PANELS:
            raise ValueError(f"unknown plot {name!r}: use some of {', '.join(PANELS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NoMatplotlib from None
    drawn = Figure(figsize=(7.2, PANEL * len(what)), layout="constrained")
    for axes, name in zip(drawn.subplots(len(what), squeeze=False)[:, 0], what, strict=True):
        PANELS[name](axes, run)
        axes.spines[["top", "right"]].set_visible(False)
    return drawn


def _progress(axes: Any, run: Run) -> None:
    curve = best_curve(run)
    axes.plot(
        [e["evaluations"] for e in run.history],
        [e["mean"] for e in run.history],
        color=GREY,
        label="mean of the population",
    )
    axes.step(
        [at for at, _ in curve], [fitness for _, fitness in curve], where="post", color=BLUE, label="best in the search"
    )
    chosen = [(e["evaluations"], e["selected"]) for e in run.history if e["selected"] is not None]
    axes.plot(
        [at for at, _ in chosen],
        [v for _, v in chosen],
        ".",
        markersize=3,
        color=ORANGE,
        label="best on the selection tasks",
    )
    axes.plot(
        [m.evaluations for m in run.milestones], [m.fitness for m in run.milestones], "o", markersize=4, color=BLUE
    )
    for at in stage_starts(run):
        axes.axvline(at, color=GREY, linestyle=":", linewidth=1)
    low, high = fitness_range([f for _, f in curve] + [e["mean"] for e in run.history] + [v for _, v in chosen])
    axes.set(
        xscale="log", xlabel="candidates", ylabel="fitness", ylim=(low, high + _HEADROOM * (high - low)), title=run.name
    )
    axes.legend(frameon=False, fontsize="small")


def _front(axes: Any, run: Run) -> None:
    sizes, fitness = [m.size for m in run.front], [m.fitness for m in run.front]
    axes.step(sizes, fitness, "o-", where="post", color=BLUE)
    low, high = fitness_range(fitness)
    axes.set(
        xlabel="live instructions",
        ylabel="fitness in the search",
        ylim=(low, high + _HEADROOM * (high - low)),
        title="Hall of fame",
    )
    axes.set_xlim(left=-0.3)


def _layers(axes: Any, run: Run) -> None:
    names = [name for name in LAYERS if run.layers.get(name)]
    before, at, shares = dict.fromkeys(names, 0), [], []
    for event in run.history:
        counts = [event["layers"][name] - before[name] for name in names]
        before = {name: event["layers"][name] for name in names}
        if sum(counts):
            at.append(event["evaluations"])
            shares.append([count / sum(counts) for count in counts])
    if at:
        colours = [_COLOURS[list(LAYERS).index(name)] for name in names]
        axes.stackplot(at, list(zip(*shares, strict=True)), labels=[LAYERS[n] for n in names], colors=colours)
        axes.legend(frameon=False, fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4)
        axes.margins(x=0)
        axes.set_xscale("log" if at[-1] > LONG * at[0] else "linear")
        if axes.get_xscale() == "linear":
            axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.set(xlabel="candidates", ylabel="share", ylim=(0.0, 1.0), title="How candidates were settled")


PANELS: dict[str, Callable[[Any, Run], None]] = {"progress": _progress, "front": _front, "layers": _layers}
"""The plots by name."""
