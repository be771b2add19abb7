"""The live display of a run on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from azdsl.search.display.progress import Snapshot, Stop

BARS = "▁▂▃▄▅▆▇█"
HISTORY = 60
"""Epochs that the sparkline shows."""

MINUTE = 60

BORDER = 3
"""Lines that a panel's frame and the cursor take."""


class Display:
    """Figures, a sparkline of the best fitness, how candidates were settled, and the best program so far."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._snapshot: Snapshot | None = None
        self._shown_at = 0.0
        self._best: list[float] = []

    def say(self, message: str) -> None:
        """Print it above the display."""
        self._console.print(message, markup=False)

    def show(self, snapshot: Snapshot) -> None:
        """Show a new state."""
        self.remember(snapshot)
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(self.rendered(snapshot), refresh=True)

    def remember(self, snapshot: Snapshot) -> None:
        """Take a new state into account."""
        self._snapshot, self._shown_at = snapshot, time.monotonic()
        self._best = [*self._best, snapshot.best][-HISTORY:]

    def text(self, snapshot: Snapshot) -> str:
        """A state as plain text."""
        lines = self._console.render_lines(self.rendered(snapshot), pad=False)
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)

    def tick(self) -> None:
        """Let the clock go on."""
        if self._live and self._snapshot:
            self._live.update(self.rendered(self._snapshot), refresh=True)

    def close(self) -> None:
        """Take the display away and leave one line."""
        if self._live and self._snapshot:
            self._live.stop()
            self.say(str(self._snapshot))
            self._live = None

    def rendered(self, snapshot: Snapshot) -> RenderableType:
        """A state as it fits the terminal."""
        seconds = snapshot.seconds + time.monotonic() - self._shown_at
        figures = Table.grid(padding=(0, 2))
        figures.add_row(
            "candidates", f"{snapshot.evaluations:,}", "rate", f"{snapshot.rate:,.0f}/s", "time", _duration(seconds)
        )
        selected = "–" if snapshot.selected is None else f"{snapshot.selected:.6f}"
        figures.add_row(
            "best",
            f"[bold green]{snapshot.best:.6f}[/]",
            "mean",
            f"{snapshot.mean:.4f}",
            "selection",
            f"[bold]{selected}[/]",
        )
        parts: list[RenderableType] = [figures, Text(f"{sparkline(self._best)}  best fitness by epoch", "cyan")]
        parts += [line for line in (_stops(snapshot), _front(snapshot), _layers(snapshot)) if line]
        footer = Text("Ctrl-C stops and keeps the result", "dim")
        room = self._console.height - len(self._console.render_lines(Group(*parts, footer), pad=False)) - BORDER
        if snapshot.program is not None and room > 0:
            program = Text(
                "\n".join(fitting(str(snapshot.program).splitlines(), room)), no_wrap=True, overflow="ellipsis"
            )
            parts.append(Panel(program, title="best so far", title_align="left", expand=False))
        return Group(*parts, footer)


def fitting(lines: Sequence[str], room: int) -> list[str]:
    """The lines, or where there is no room for all the first ones and how many are left out."""
    if len(lines) <= room:
        return list(lines)
    shown = room - 1
    return [*lines[:shown], f"… {len(lines) - shown} more lines"]


def sparkline(values: Sequence[float]) -> str:
    """Numbers as bars between their least and their greatest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    steps = len(BARS) - 1
    return "".join(BARS[round(steps * (value - low) / (high - low)) if high > low else 0] for value in values)


def _stops(snapshot: Snapshot) -> Text:
    """How far the run is towards what stops it, and the time left until the first that is known."""
    parts = [f"{stop.name} {_amount(stop, stop.done)} of {_amount(stop, stop.of)}" for stop in snapshot.stops]
    left = [stop.seconds_left for stop in snapshot.stops if stop.seconds_left is not None]
    return Text(" · ".join([*parts, *([f"at most {_duration(min(left))} left"] if left else [])]))


def _amount(stop: Stop, value: float) -> str:
    """A stopping condition's measure as a person reads it."""
    if stop.name == "timeout":
        return _duration(value)
    return f"{value:.6g}" if stop.name == "target" else f"{value:,.0f}"


def _front(snapshot: Snapshot) -> Text:
    """The best fitness by live size."""
    entries = " · ".join(f"{size}: {fitness:.4f}" for size, fitness in snapshot.front)
    return Text(f"by size {entries}", "green") if entries else Text()


def _layers(snapshot: Snapshot) -> Text:
    """The share of candidates that each layer settled."""
    total = max(1, snapshot.evaluations)
    parts = [
        f"{name.replace('_', ' ')} {100 * count / total:.0f} %" for name, count in snapshot.layers.items() if count
    ]
    if snapshot.hurdles:
        parts.append(f"{100 * snapshot.hurdles['saved']:.0f} % of examples saved")
    return Text(" · ".join(parts), "dim")


def _duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    minutes, rest = divmod(int(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
