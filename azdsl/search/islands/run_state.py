"""What a run knows beside its islands: changed only when the islands meet, so that it is the same however they got there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azdsl.search.islands.hall_of_fame import Entry, Front
from azdsl.search.islands.selection import Finalist, Found
from azdsl.syntax import parse


@dataclass(frozen=True)
class State:
    """``epoch`` is the one that is running. ``best`` is the highest fitness of the search, reached after ``best_at`` candidates.

    ``finalists`` were compared on the selection tasks. ``started`` is the number of candidates of an
    island when its population last started afresh, ``drawn`` when its tasks were last drawn, ``draws`` how often they
    were: the same for all.
    """

    epoch: int = 0
    best: float = -1.0
    best_at: int = 0
    started: int = 0
    drawn: int = 0
    draws: int = 0
    finalists: tuple[Finalist, ...] = ()
    front: Front = ()


def to_json(state: State) -> dict[str, Any]:
    """The state as JSON values; programs as text."""
    facts = {f.name: getattr(state, f.name) for f in dataclasses.fields(State)}
    facts["finalists"] = [
        {**vars(f.found), "program": str(f.found.program), "fitness": f.fitness} for f in state.finalists
    ]
    facts["front"] = [{**vars(entry), "program": str(entry.program)} for entry in state.front]
    return facts


def from_json(facts: Mapping[str, Any]) -> State:
    """The state that ``to_json`` wrote. Raises ``ValueError`` and what else Python has for what it did not write."""
    finalists = tuple(_finalist(**item) for item in facts["finalists"])
    front = tuple(Entry(**{**item, "program": parse(item["program"])}) for item in facts["front"])
    state = State(**{**facts, "finalists": finalists, "front": front})
    counts = (state.epoch, state.best_at, state.started, state.drawn, state.draws)
    if not all(isinstance(number, int) and number >= 0 for number in counts) or not isinstance(state.best, float):
        raise ValueError("what it counts is no number")
    return state


def _finalist(program: str, key: int, fitness: float, **found: Any) -> Finalist:
    return Finalist(Found(parse(program), key, **found), fitness)
