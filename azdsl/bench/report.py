"""All figures, and their output as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from azdsl.bench import baseline, checkpoints, engine, exports, functions, pictures, processes, searches
from azdsl.bench.figures import Figure, Measured, Notes


def figures(data: Path | None = None) -> tuple[Figure, ...]:
    """All figures; ``data`` is the folder of CIFAR-10."""
    of_search = (*searches.FIGURES, *pictures.figures(data), *baseline.figures(data))
    return (*engine.FIGURES, *functions.FIGURES, *exports.FIGURES, *of_search, *checkpoints.FIGURES, *processes.FIGURES)


FIGURES = figures()
"""All figures; those on CIFAR-10 have no folder."""

_WIDTHS = (64, 22, 12, 9, 12, 4)
HEAD = ("figure", "ours", "yardstick", "ratio", "target", "met")


def select(names: Sequence[str], data: Path | None = None) -> list[Figure]:
    """The figures and groups (``network-jit``) with these names, all figures without names. Raises ``KeyError``."""
    there = figures(data) if data else FIGURES
    chosen: set[str] = set()
    for name in names:
        found = {figure.name for figure in there if figure.name == name or figure.name.startswith(f"{name}-")}
        if not found:
            raise KeyError(name)
        chosen |= found
    return [figure for figure in there if not names or figure.name in chosen]


def number(value: float) -> str:
    """A number with three significant digits, or as an integer from 1000 on."""
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
    first, *others = (
        f"{cell:>{width}}" if at else f"{cell:{width}}"
        for at, (cell, width) in enumerate(zip(row, _WIDTHS, strict=True))
    )
    return "  ".join([first, *others])


def notes(of: Notes) -> str:
    """The notes of a figure in one line."""
    return "    " + ", ".join(
        f"{name} {value if isinstance(value, str) else number(value)}" for name, value in of.items()
    )
