"""The figures of a running search, and the protocol of what shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from azdsl.ir import Program


@dataclass(frozen=True)
class Stop:
    """The progress of a run towards a stopping condition: ``done`` out of ``of``, and the remaining time in seconds if known."""

    name: str
    done: float
    of: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The figures of a run after an exchange.

    ``evaluations`` counts candidates, ``seconds`` is the running time, ``rate`` the candidates per second of this
    epoch. ``best`` and ``mean`` are fitness on the search tasks, ``selected`` on the selection tasks (None before the
    first comparison) and ``units`` its RMSE or accuracy in words, ``islands`` the mean fitness of each island. With hurdles, means
    are over the programs that passed all of them, and ``hurdles`` is the result of ``proxy.summary``. ``layers`` counts the
    candidates of the run by how they were settled. ``program`` is the best program on the selection tasks, ``front`` the size and
    fitness of each program in the hall of fame. ``own_tasks`` describes the tasks that islands have of their own, by the numbers of the
    islands; ``mean`` is then without these islands. ``stage`` is the number of the stage, counted from 1, and that of all; None without stages.
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
    units: str = ""
    hurdles: Mapping[str, Any] | None = None
    front: tuple[tuple[int, float], ...] = ()
    stops: tuple[Stop, ...] = ()
    stage: tuple[int, int] | None = None
    own_tasks: Mapping[str, str] = field(default_factory=dict)

    def as_event(self) -> dict[str, Any]:
        """A line of ``events.jsonl``."""
        left_out = {
            "program",
            "units",
            "front",
            "stops",
            "stage",
            *(name for name in ("hurdles", "own_tasks") if not getattr(self, name)),
        }
        event = {name: value for name, value in vars(self).items() if name not in left_out}
        event |= {"islands": list(self.islands)}  # a list, as JSON gives it back
        return event | ({"stage": self.stage[0]} if self.stage else {})

    def __str__(self) -> str:
        selected = "" if self.selected is None else f"  selection {self.selected:.6f}"
        figures = f"best {self.best:.6f}  mean {self.mean:.4f}{selected}"
        stage = f"  stage {self.stage[0]} of {self.stage[1]}" if self.stage else ""
        return f"{self.evaluations:>13,} candidates  {self.rate:>9,.0f}/s  {figures}  {self.seconds:.1f} s{stage}"


class Reporter(Protocol):
    """Shows the progress of a run."""

    def say(self, message: str) -> None:
        """Show a message permanently."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the figures after an exchange."""

    def tick(self) -> None:
        """Update the clock; called several times per second."""

    def close(self) -> None:
        """End the display."""
