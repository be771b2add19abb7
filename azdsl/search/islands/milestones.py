"""Milestones: candidates that were better than every earlier candidate, with their programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from azdsl.search.islands.selection import Found

MAX_PER_EPOCH = 8
"""Milestones kept of one epoch: the last one and those with the greatest gains."""


def milestones(found: Iterable[Found], best: float, islands: int) -> list[dict[str, Any]]:
    """The programs of ``found`` that exceed ``best`` and all earlier programs of ``found``, as JSON values.

    Islands run concurrently. Candidates are ordered by their number on their island, and those of equal number by island.
    """
    steps: list[dict[str, Any]] = []
    for item in sorted(found, key=lambda f: (f.birth, f.island)):
        if item.search_fitness > best:
            steps.append(
                {
                    "evaluations": item.birth * islands + item.island + 1,
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
