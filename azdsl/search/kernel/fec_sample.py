"""A sample of the hits of the functional equivalence cache (FEC), evaluated in full and compared with the cached fitness.

Two programs with equal errors on the first examples share a fitness, although they may differ later. The sample measures how often. It
changes nothing in the search: the candidate keeps the cached fitness.
"""

from __future__ import annotations

from typing import Any

from azdsl.codegen.numba_jit import inline
from azdsl.search.kernel.hurdles import STOPPED_BELOW

EVERY = 1000
"""One hit in so many is evaluated in full."""

COUNTS = ("sampled", "wrong", "flattering")
"""The numbers of ``Island.fec_sample``: hits evaluated in full; those with another fitness; those with a lower one than the cached."""

_SAMPLED, _WRONG, _FLATTERING = range(len(COUNTS))


@inline
def is_due(hits: Any, fitness: Any) -> Any:
    """Whether the next hit after ``hits`` is sampled. The fitness of a program that a hurdle stopped is not comparable."""
    return hits % EVERY == EVERY - 1 and not 0.0 < fitness < STOPPED_BELOW


@inline
def compare(sample: Any, cached: Any, fresh: Any) -> None:
    """Count a hit whose cached fitness is ``cached`` and whose full evaluation gave ``fresh``."""
    sample[_SAMPLED] += 1
    sample[_WRONG] += 1 if fresh != cached else 0
    sample[_FLATTERING] += 1 if fresh < cached else 0
