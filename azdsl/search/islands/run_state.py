"""The run state: what is known of a run after its last exchange. It changes only in exchanges, so that it is reproducible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azdsl.ir import Program
from azdsl.search.islands.hall_of_fame import HallOfFame, HallOfFameEntry
from azdsl.search.islands.selection import Finalist, Found
from azdsl.syntax import parse


@dataclass(frozen=True)
class PastStage:
    """A stage that has ended, for ``reason``: its answer with its fitness on the stage's selection tasks.

    ``following`` is the number of the stage after it, counted from 0. ``evaluations`` are the candidates of the stage alone, ``epoch`` the
    number of epochs of the run up to its end. ``reached`` says whether the answer reached the target.
    """

    following: int
    answer: Program
    fitness: float
    evaluations: int
    epoch: int
    reason: str
    reached: bool = False


@dataclass(frozen=True)
class RunState:
    """``epoch`` is the epoch that is running. ``best`` is the highest search fitness, first reached after ``best_at`` candidates.

    ``finalists`` were compared on the selection tasks. ``restarted_at`` and ``regrouped_at`` are numbers of candidates per island (on
    average): at the last restart of the populations, and at the last change of the task group. ``restarts`` and ``groups_drawn`` count both.
    ``past`` are the stages that have ended; all else is of the stage that is running. ``ending`` is why that stage ends after
    the epoch that is running; empty if it does not.
    """

    epoch: int = 0
    best: float = -1.0
    best_at: int = 0
    restarted_at: int = 0
    regrouped_at: int = 0
    restarts: int = 0
    groups_drawn: int = 0
    finalists: tuple[Finalist, ...] = ()
    hall_of_fame: HallOfFame = ()
    past: tuple[PastStage, ...] = ()
    ending: str = ""

    @property
    def stage(self) -> int:
        """The number of the stage that is running, counted from 0; after the last stage, their number."""
        return self.past[-1].following if self.past else 0


def numbered(past: Sequence[PastStage]) -> Iterator[tuple[int, PastStage]]:
    """The stages that have ended, each with its number, counted from 0."""
    return zip((0, *(stage.following for stage in past)), past, strict=False)


_NUMBERS = {
    "epoch": "epoch",
    "best": "best",
    "best_at": "best_at",
    "started": "restarted_at",
    "drawn": "regrouped_at",
    "restarts": "restarts",
    "draws": "groups_drawn",
}
"""Names in a checkpoint, and the fields they stand for."""


def to_json(state: RunState) -> dict[str, Any]:
    """The run state as JSON values; programs as text."""
    finalists = [
        {
            "program": str(f.found.program),
            "key": f.found.hash,
            "search_fitness": f.found.search_fitness,
            "island": f.found.island,
            "birth": f.found.birth,
            "fitness": f.fitness,
            "failures": f.failures,
            "units": f.units,
        }
        for f in state.finalists
    ]
    entries = [{**vars(entry), "program": str(entry.program)} for entry in state.hall_of_fame]
    return {name: getattr(state, field) for name, field in _NUMBERS.items()} | {
        "finalists": finalists,
        "front": entries,
        "past": [{**vars(stage), "answer": str(stage.answer)} for stage in state.past],
        "ending": state.ending,
    }


def from_json(stored: Mapping[str, Any]) -> RunState:
    """The run state that ``to_json`` wrote.

    Raises ``ValueError``, ``TypeError``, ``LookupError``, ``AttributeError``, ``ArithmeticError`` or ``azdsl.SyntaxError`` on
    other values.
    """
    state = RunState(
        **{field: stored[name] for name, field in _NUMBERS.items()},
        finalists=tuple(_finalist(**item) for item in stored["finalists"]),
        hall_of_fame=tuple(HallOfFameEntry(**{**item, "program": parse(item["program"])}) for item in stored["front"]),
        past=tuple(PastStage(**{**item, "answer": parse(item["answer"])}) for item in stored["past"]),
        ending=str(stored["ending"]),
    )
    counts = [state.epoch, state.best_at, state.restarted_at, state.regrouped_at, state.restarts, state.groups_drawn]
    counts += [count for stage in state.past for count in (stage.evaluations, stage.epoch, stage.following)]
    if not all(isinstance(number, int) and number >= 0 for number in counts) or not isinstance(state.best, float):
        raise ValueError("a count is not a number of 0 or more, or the best fitness is not a number")
    for number, stage in numbered(state.past):
        if stage.following not in (0, number, number + 1) or not isinstance(stage.reached, bool):
            raise ValueError(f"no stage is followed as stage {number + 1} is")
    return state


def _finalist(program: str, key: int, fitness: float, failures: int, units: float | None, **found: Any) -> Finalist:
    return Finalist(Found(parse(program), key, **found), fitness, failures, units)
