"""The plot of a comparison with matplotlib (extra ``plot``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from azdsl.reporting.plots import NoMatplotlib

STYLES = {
    "regularized_evolution": ("#1f5fa8", "-", "regularized evolution"),
    "nonregularized_evolution": ("#c26a12", "--", "non-regularized evolution"),
    "hill_climbing": ("#2f8a5b", "-.", "hill climbing"),
    "reinforce": ("#8a4fa3", (0, (5, 1, 1, 1, 1, 1)), "REINFORCE"),
    "random_search": ("#555b63", ":", "random search"),
}
"""Colour, line style and label of each algorithm: dark enough for print, distinct without colour."""

PLAIN = [(colour, line) for colour, line, _ in STYLES.values()]
"""Colours and line styles of variants, in order."""

Curves = Mapping[str, NDArray[Any]]


def figure(title: str, places: Sequence[int], curves: Mapping[str, Curves], target: float | None) -> Any:
    """A plot of the mean best fitness and, if there is a target, of the share of runs that reached it, by evaluations.

    Bands are 95 % intervals. Raises ``NoMatplotlib``.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NoMatplotlib from None
    panels = ["mean"] if target is None else ["mean", "success"]
    drawn = Figure(figsize=(4.6 * len(panels) + 0.2, 3.9), layout="constrained")
    for axes, what in zip(drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for at, (name, values) in enumerate(curves.items()):
            colour, line, label = STYLES.get(name) or (*PLAIN[at % len(PLAIN)], name)
            low, high = ("low", "high") if what == "mean" else ("success_low", "success_high")
            axes.fill_between(places, values[low], values[high], color=colour, alpha=0.12, linewidth=0)
            axes.plot(places, values[what], color=colour, linestyle=line, linewidth=1.8, label=label)
        axes.set(xscale="log", xlabel="candidates evaluated", xlim=(places[0], places[-1]))
        axes.grid(color="#e3e6ea", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    first, *rest = drawn.axes
    first.set(ylabel="best fitness, mean over runs")
    for axes in rest:
        axes.set(ylabel=f"share of runs that reached {target:g}", ylim=(-0.02, 1.02))
    drawn.suptitle(title, fontsize="medium")
    handles, labels = first.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return drawn
