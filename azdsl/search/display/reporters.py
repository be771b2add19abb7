"""The choice of a reporter, and those without a live display."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from azdsl.messages import printable
from azdsl.search.display.progress import Reporter, Snapshot

LINE_SECONDS = 5.0
"""The least time between two lines of figures,"""

IMPROVED_SECONDS = 0.5
"""and the least time if the best fitness rose."""

EXPLAIN_SECONDS = 1.0
"""A preparation that takes longer is explained by a message."""


class Silent:
    """Shows nothing."""

    def say(self, message: str) -> None:
        """Do nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Plain:
    """Prints a line of figures every ``LINE_SECONDS``, and ``IMPROVED_SECONDS`` after the last one if the best fitness rose."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._at = float("-inf")
        self._best = (-1.0, -1.0)
        self._waiting: Snapshot | None = None

    def say(self, message: str) -> None:
        """Print a message."""
        print(printable(message), file=self._stream, flush=True)

    def show(self, snapshot: Snapshot) -> None:
        """Print a line if enough time has passed; else keep the figures for ``close``."""
        best = snapshot.best, snapshot.selected or -1.0
        passed = time.monotonic() - self._at
        if passed >= LINE_SECONDS or (best > self._best and passed >= IMPROVED_SECONDS):
            self._at, self._best, self._waiting = time.monotonic(), best, None
            self.say(str(snapshot))
        else:
            self._waiting = snapshot

    def tick(self) -> None:
        """Do nothing: lines are printed after exchanges."""

    def close(self) -> None:
        """Print the last figures if they were not printed."""
        if self._waiting:
            self.say(str(self._waiting))


class Enduring:
    """A reporter on a terminal; shows nothing more after the terminal was closed, so that the run continues."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def say(self, message: str) -> None:
        """Show a message permanently."""
        self._attempt(lambda: self._reporter.say(message))

    def show(self, snapshot: Snapshot) -> None:
        """Show the figures after an exchange."""
        self._attempt(lambda: self._reporter.show(snapshot))

    def tick(self) -> None:
        """Update the clock."""
        self._attempt(self._reporter.tick)

    def close(self) -> None:
        """End the display."""
        self._attempt(self._reporter.close)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._reporter = Silent()


def make_reporter(quiet: bool) -> Reporter:
    """A live display in a notebook or on a terminal (standard error), lines of text elsewhere, nothing if ``quiet``."""
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
    """Show ``message`` if the block takes longer than ``EXPLAIN_SECONDS``, and the system allows a thread for that."""
    timer = threading.Timer(EXPLAIN_SECONDS, reporter.say, [message])
    timer.daemon = True
    with suppress(RuntimeError):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
