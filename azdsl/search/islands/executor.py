"""Interfaces to whatever runs islands: threads of this process (``workers``) or a cluster (``azdsl.cluster``).

An epoch depends on the state of its island alone, so that every executor gives the same results.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from azdsl.errors import AzdslError

if TYPE_CHECKING:
    from azdsl.search.islands.plan import Plan
    from azdsl.search.kernel.population import Island

TICK_SECONDS = 0.1
"""The longest wait for islands before signals, time limits and the display are checked."""


class ExecutorError(AzdslError, RuntimeError):
    """Islands cannot be run: their processes fail, differ from this process or are lost. The message says what to do."""


class WorkerPool(Protocol):
    """Runs epochs of the islands of one search."""

    def start(self, number: int, end: int) -> None:
        """Run the idle island ``number`` until it has had ``end`` candidates, or until the deadline."""

    def wait(self, seconds: float) -> list[int]:
        """The islands that have become idle, in that order. Waits up to ``seconds`` for the first one.

        Raises ``ExecutorError``. Every island is then in its state before the epoch, or in that after it.
        """

    def pause(self) -> None:
        """Make all islands idle before they reach their end. ``wait`` returns them as well."""


class Executor(Protocol):
    """Makes worker pools."""

    def pool(self, islands: Sequence[Island], deadline: float) -> AbstractContextManager[WorkerPool]:
        """A pool for ``islands``, all of which are idle when the context ends. ``deadline`` is a ``time.monotonic()``."""


class Placement(Protocol):
    """The threads or machines on which the islands of a search run. A placement is made before the search is planned."""

    def describe(self) -> str:
        """Text for the user, such as ``2 workers``."""

    def slots(self) -> int:
        """The number of islands that can run at the same time, as known at present."""

    def start(self, plan: Plan) -> Executor:
        """An executor for the islands of ``plan``."""
