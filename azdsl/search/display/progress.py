"""What a run says while it goes on: plain lines, or a display on a terminal."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from azdsl.ir import Program

LINE_SECONDS = 5.0
"""Plain lines come at least this far apart, unless something better was found."""

IMPROVED_SECONDS = 0.5
"""And then this far."""

PATIENCE_SECONDS = 1.0
"""A preparation that takes longer than this is explained."""


@dataclass(frozen=True)
class Stop:
    """A stopping condition: how far the run is on the way to it, and the seconds left as far as they are known."""

    name: str
    done: float
    of: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """A run at the end of an epoch. ``best`` and ``mean`` are fitness in the search, ``selected`` on the selection tasks.

    ``rate`` is candidates a second in this epoch, ``islands`` the mean fitness of each island, ``layers`` how
    candidates were settled in the whole run. With hurdles all means are of the programs that passed them, and ``hurdles`` is as
    ``proxy.summary`` says.
    """

    epoch: int
    evaluations: int
    seconds: float
    rate: float
    best: float
    mean: float
    selected: float | None
    islands: tuple[float, ...]
    layers: Mapping[str, int]
    program: Program | None
    hurdles: Mapping[str, Any] | None = None
    front: tuple[tuple[int, float], ...] = ()
    stops: tuple[Stop, ...] = ()

    def as_event(self) -> dict[str, Any]:
        """A line of ``events.jsonl``."""
        unsaid = {"program", "front", "stops", *(() if self.hurdles else ("hurdles",))}
        event = {name: value for name, value in vars(self).items() if name not in unsaid}
        return event | {"islands": list(self.islands)}  # as it is read back

    def __str__(self) -> str:
        selected = "" if self.selected is None else f"  selection {self.selected:.6f}"
        figures = f"best {self.best:.6f}  mean {self.mean:.4f}{selected}"
        return f"{self.evaluations:>13,} candidates  {self.rate:>9,.0f}/s  {figures}  {self.seconds:.1f} s"


class Reporter(Protocol):
    """Shows a run."""

    def say(self, message: str) -> None:
        """A message that stays."""

    def show(self, snapshot: Snapshot) -> None:
        """The state after an epoch."""

    def tick(self) -> None:
        """Called several times a second."""

    def close(self) -> None:
        """The run is over."""


class Silent:
    """Says nothing but warnings."""

    def say(self, message: str) -> None:
        """Nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Plain:
    """A line every few seconds, and soon after something better was found."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._at = float("-inf")
        self._best = (-1.0, -1.0)
        self._waiting: Snapshot | None = None

    def say(self, message: str) -> None:
        """Print it."""
        print(message, file=self._stream, flush=True)

    def show(self, snapshot: Snapshot) -> None:
        """Print a line when it is time."""
        best = snapshot.best, snapshot.selected or -1.0
        passed = time.monotonic() - self._at
        if passed >= LINE_SECONDS or (best > self._best and passed >= IMPROVED_SECONDS):
            self._at, self._best, self._waiting = time.monotonic(), best, None
            self.say(str(snapshot))
        else:
            self._waiting = snapshot

    def tick(self) -> None:
        """Nothing: lines come with epochs."""

    def close(self) -> None:
        """Print the last state if it was held back."""
        if self._waiting:
            self.say(str(self._waiting))


class Enduring:
    """Another reporter on a terminal that may go away: from then on nothing is said, and the run is not disturbed."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def say(self, message: str) -> None:
        """A message that stays."""
        self._attempt(lambda: self._reporter.say(message))

    def show(self, snapshot: Snapshot) -> None:
        """The state after an epoch."""
        self._attempt(lambda: self._reporter.show(snapshot))

    def tick(self) -> None:
        """Called several times a second."""
        self._attempt(self._reporter.tick)

    def close(self) -> None:
        """The run is over."""
        self._attempt(self._reporter.close)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._reporter = Silent()


def make_reporter(quiet: bool) -> Reporter:
    """A display on a terminal (on standard error) or in a notebook, lines elsewhere, nothing when quiet."""
    if quiet:
        return Silent()
    if "ipykernel" in sys.modules:
        from azdsl.search.display.notebook import Notebook, in_notebook

        if in_notebook():
            return Notebook()
    if sys.stderr.isatty():
        from azdsl.search.display.terminal import Display

        return Enduring(Display())
    return Plain(sys.stderr)


@contextmanager
def explained(reporter: Reporter, message: str) -> Iterator[None]:
    """Say ``message`` if what is inside takes long."""
    timer = threading.Timer(PATIENCE_SECONDS, reporter.say, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
