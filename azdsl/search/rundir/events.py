"""Files of lines of JSON, such as events and proposals with one per epoch: read as far as they are valid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from azdsl.shapes import Finite, Fitness, check


class Events(NamedTuple):
    """The values of the first lines; ``bytes`` is the length of these lines; ``damage`` describes the next line if it is invalid."""

    events: list[dict[str, Any]]
    bytes: int
    damage: str | None


@dataclass(frozen=True)
class _Milestone:
    evaluations: int
    fitness: Fitness
    gain: Finite
    island: int
    candidate: int
    program: str


@dataclass(frozen=True)
class _Event:
    """The fields of a line: those of ``Snapshot.as_event``, and its milestones."""

    epoch: int
    evaluations: int
    seconds: Finite
    rate: Finite
    best: Fitness
    mean: Fitness
    selected: Fitness | None
    islands: tuple[Fitness, ...]
    layers: Mapping[str, int]
    hurdles: Mapping[str, Any] | None = None
    milestones: tuple[_Milestone, ...] = ()
    stage: int = 0


def read(data: bytes, kind: type = _Event) -> Events:
    """The values, of the dataclass ``kind``, of all complete lines before the first invalid one. A last line without its end is left out."""
    events, at = list[dict[str, Any]](), 0
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            event = json.loads(line)
            check(event, kind, "event" if kind is _Event else "line")
        except (ValueError, RecursionError) as error:
            return Events(events, at, f"line {number} is invalid: {error}")
        events.append(event)
        at += len(line) + 1
    return Events(events, at, None)
