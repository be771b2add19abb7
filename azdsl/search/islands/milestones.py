"""Milestones: the candidates that were better than every one before them, with their programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from azdsl.search.islands.selection import Found

MOST = 8
"""Milestones that one epoch keeps: those with the greatest gains."""


def milestones(found: Iterable[Found], best: float, islands: int) -> list[dict[str, Any]]:
    """Of programs found by the end of an epoch those that beat ``best`` and all found before them, as JSON values.

    Islands run side by side: before a candidate come all that have a lower number on their islands, then those of islands before its own.
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
    kept = sorted(steps[:-1], key=lambda step: -float(step["gain"]))[: MOST - 1]
    return sorted((*kept, *last), key=lambda step: float(step["fitness"]))
