"""The live display of a run on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from azdsl.messages import printable
from azdsl.search.display.progress import Snapshot, Stop

BARS = "▁▂▃▄▅▆▇█"
HISTORY = 60
"""The number of epochs in the sparkline."""

MINUTE = 60

BORDER = 3
"""The height in lines of a panel's frame and the cursor."""


class Display:
    """Shows figures, a sparkline of the best fitness, the shares of the layers, and the best program so far."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._snapshot: Snapshot | None = None
        self._shown_at = 0.0
        self._best: list[float] = []

    def say(self, message: str) -> None:
        """Print a message above the display."""
        self._console.print(printable(message), markup=False)

    def show(self, snapshot: Snapshot) -> None:
        """Show the figures after an exchange."""
        self.remember(snapshot)
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(self.rendered(snapshot), refresh=True)

    def remember(self, snapshot: Snapshot) -> None:
        """Keep the figures for the sparkline and the clock."""
        self._snapshot, self._shown_at = snapshot, time.monotonic()
        self._best = [*self._best, snapshot.best][-HISTORY:]

    def text(self, snapshot: Snapshot) -> str:
        """The display as plain text."""
        lines = self._console.render_lines(self.rendered(snapshot), pad=False)
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)

    def tick(self) -> None:
        """Update the clock."""
        if self._live and self._snapshot:
            self._live.update(self.rendered(self._snapshot), refresh=True)

    def close(self) -> None:
        """Replace the display by one line."""
        if self._live and self._snapshot:
            self._live.stop()
            self.say(str(self._snapshot))
            self._live = None

    def rendered(self, snapshot: Snapshot) -> RenderableType:
        """The display, cut to the height of the terminal."""
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
            f"[bold]{selected}[/]{f'  {snapshot.units}' if snapshot.units else ''}",
        )
        if snapshot.stage:
            figures.add_row("stage", f"{snapshot.stage[0]} of {snapshot.stage[1]}")
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
    """The lines if there are at most ``room``, else the first ones and the number of lines left out."""
    if len(lines) <= room:
        return list(lines)
    shown = room - 1
    return [*lines[:shown], f"… {len(lines) - shown} more lines"]


def sparkline(values: Sequence[float]) -> str:
    """Numbers as bars, scaled from the least to the greatest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    steps = len(BARS) - 1
    return "".join(BARS[round(steps * (value - low) / (high - low)) if high > low else 0] for value in values)


def _stops(snapshot: Snapshot) -> Text:
    """The progress towards each stopping condition, and the shortest known remaining time."""
    parts = [f"{stop.name} {_amount(stop, stop.done)} of {_amount(stop, stop.of)}" for stop in snapshot.stops]
    left = [stop.seconds_left for stop in snapshot.stops if stop.seconds_left is not None]
    return Text(" · ".join([*parts, *([f"at most {_duration(min(left))} left"] if left else [])]))


def _amount(stop: Stop, value: float) -> str:
    """The measure of a stopping condition as text."""
    if stop.name == "timeout":
        return _duration(value)
    return f"{value:.6g}" if stop.name == "target" else f"{value:,.0f}"


def _front(snapshot: Snapshot) -> Text:
    """The hall of fame: fitness by number of live instructions."""
    entries = " · ".join(f"{size}: {fitness:.4f}" for size, fitness in snapshot.front)
    return Text(f"by size {entries}", "green") if entries else Text()


def _layers(snapshot: Snapshot) -> Text:
    """The share of candidates settled by each layer."""
    total = max(1, snapshot.evaluations)
    parts = [
        f"{name.replace('_', ' ')} {100 * count / total:.0f} %" for name, count in snapshot.layers.items() if count
    ]
    if snapshot.hurdles:
        parts.append(f"{100 * snapshot.hurdles['saved']:.0f} % of examples saved")
    return Text(" · ".join(parts), "dim")


def _duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
