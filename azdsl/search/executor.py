"""Who lets islands go on: threads of this process (``workers``), or a cluster (``azdsl.cluster``).

An epoch of an island depends on the island's state alone, so any executor gives the same result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from azdsl.search.population import Island
    from azdsl.search.session import Plan
    from azdsl.taskset import TaskSet


class ExecutorError(RuntimeError):
    """Islands cannot go on: their processes fail, differ from this one or are gone. The message says what to do."""


@dataclass(frozen=True)
class Stretch:
    """How far islands go on before they meet.

    ``ends`` are the candidates of each island where it stops. ``deadline`` is a ``time.monotonic()`` after which all
    stop where they are.
    """

    ends: Sequence[int]
    deadline: float


class Executor(Protocol):
    """Lets islands go on."""

    def advance(
        self, islands: Sequence[Island], stretch: Stretch, asked: threading.Event, tick: Callable[[], None]
    ) -> None:
        """Let every island go on to its end, or until the deadline or until ``asked`` is set; ``tick`` is called meanwhile.

        Raises ``ExecutorError``; every island is then as it was before, or at its end.
        """


class Site(Protocol):
    """Where a search is to run, before it is known what will be searched."""

    def describe(self) -> str:
        """In words for the user, such as ``2 workers``."""

    def start(self, plan: Plan, tasks: TaskSet) -> Executor:
        """An executor for the islands of ``plan``, evaluated on ``tasks``."""
