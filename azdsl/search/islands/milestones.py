"""Milestones: candidates that were better than every earlier candidate, with their programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from azdsl.search.islands.schedule import Schedules
from azdsl.search.islands.selection import Found

MAX_PER_EPOCH = 8
"""Milestones kept of one epoch: the last one and those with the greatest gains."""


def milestones(found: Iterable[Found], best: float, schedules: Schedules, epoch: int) -> list[dict[str, Any]]:
    """The programs of ``found`` after ``epoch`` that exceed ``best`` and all earlier programs of ``found``, as JSON values.

    Islands run concurrently. Candidates are ordered by their share of their island's epoch, and those of equal share by island.
    """

    def place(item: Found) -> int:
        return schedules.candidate(item.island, item.birth, epoch)

    steps: list[dict[str, Any]] = []
    for item in sorted(found, key=place):
        if item.search_fitness > best:
            steps.append(
                {
                    "evaluations": place(item),
                    "fitness": item.search_fitness,
                    "gain": item.search_fitness - max(best, 0.0),
                    "island": item.island,
                    "candidate": item.birth,
                    "program": str(item.program),
                }
            )
            best = item.search_fitness
    last = steps[-1:]
    kept = sorted(steps[:-1], key=lambda step: -float(step["gain"]))[: MAX_PER_EPOCH - 1]
    return sorted((*kept, *last), key=lambda step: float(step["fitness"]))
