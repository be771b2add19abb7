"""Who lets islands go on: threads of this process (``workers``), or a cluster (``azdsl.cluster``).

An epoch of an island depends on the island's state alone, so any executor gives the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from azdsl.errors import AzdslError

if TYPE_CHECKING:
    from azdsl.search.islands.plan import Plan
    from azdsl.search.kernel.population import Island
    from azdsl.taskset import TaskSet

TICK_SECONDS = 0.1
"""How often whoever waits for islands looks at something else."""


class ExecutorError(AzdslError, RuntimeError):
    """Islands cannot go on: their processes fail, differ from this one or are gone. The message says what to do."""


class Crew(Protocol):
    """Lets the islands of a run go on, each for itself."""

    def start(self, number: int, end: int) -> None:
        """Let an island that stands still go on until it has had ``end`` candidates, or the deadline comes."""

    def settle(self, seconds: float) -> list[int]:
        """The islands that came to a stand, in the order in which they did; waits for the first no longer than that.

        Raises ``ExecutorError``; every island is then as it was when it was started, or at its end.
        """

    def pause(self) -> None:
        """Have all islands stand still, wherever they are; ``settle`` gives them as if they had come to their ends."""


class Executor(Protocol):
    """Has crews."""

    def crew(self, islands: Sequence[Island], deadline: float) -> AbstractContextManager[Crew]:
        """A crew for these islands, all of which stand still at its end. ``deadline`` is a ``time.monotonic()``."""


class Site(Protocol):
    """Where a search is to run, before it is known what will be searched."""

    def describe(self) -> str:
        """In words for the user, such as ``2 workers``."""

    def places(self) -> int:
        """How many islands can go on at a time, as far as is known by now."""

    def start(self, plan: Plan, tasks: TaskSet) -> Executor:
        """An executor for the islands of ``plan``, evaluated on ``tasks``."""
