"""All figures, and how they are printed."""

from __future__ import annotations

from collections.abc import Sequence

from azdsl.bench import checkpoints, engine, exports, processes, searches
from azdsl.bench.figures import Figure, Measured, Notes

FIGURES = (*engine.FIGURES, *exports.FIGURES, *searches.FIGURES, *checkpoints.FIGURES, *processes.FIGURES)

_WIDTHS = (64, 22, 12, 9, 12, 4)
HEAD = ("figure", "ours", "yardstick", "ratio", "target", "met")


def select(names: Sequence[str]) -> list[Figure]:
    """The figures with these names, or whose names start so (``network-jit``); all for none. Raises ``KeyError``."""
    chosen: set[str] = set()
    for name in names:
        found = {figure.name for figure in FIGURES if figure.name == name or figure.name.startswith(f"{name}-")}
        if not found:
            raise KeyError(name)
        chosen |= found
    return [figure for figure in FIGURES if not names or figure.name in chosen]


def number(value: float) -> str:
    """Three significant digits, or all of a large number's."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cells(measured: Measured) -> tuple[str, ...]:
    """A figure as the cells of a table."""
    figure = measured.figure
    ours = "–" if measured.value is None else f"{number(measured.value)} {figure.unit}"
    yardstick, ratio = ("–" if value is None else number(value) for value in (measured.yardstick, measured.ratio))
    met = {True: "yes", False: "no", None: "–"}[measured.met]
    return figure.title, ours, yardstick, ratio, figure.target, met


def line(row: Sequence[str]) -> str:
    """Cells as a line of text."""
    first, *others = (f"{cell:>{width}}" if at else f"{cell:{width}}" for at, (cell, width) in enumerate(zip(row, _WIDTHS, strict=True)))
    return "  ".join([first, *others])


def notes(of: Notes) -> str:
    """What else a figure showed, in one line."""
    return "    " + ", ".join(f"{name} {value if isinstance(value, str) else number(value)}" for name, value in of.items())
