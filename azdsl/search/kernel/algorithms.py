"""How search algorithms differ: where a candidate comes from, and which member it replaces.

All of them share the compiled loop's mutations, caches and evaluation. The evolutions are those that Real et
al. compare (2019, "Regularized Evolution for Image Classifier Architecture Search", arXiv 1802.01548).

- Regularized evolution: the winner of a tournament breeds, the oldest member dies.
- Non-regularized evolution: the best of a sample breeds, the worst of the same sample dies.
- Hill climbing: one program; its child takes its place unless it is worse.
- Random search: every candidate is a program of random instructions.
- REINFORCE: every candidate is drawn from a policy that learns (``azdsl.search.kernel.reinforce``).
"""

from __future__ import annotations

from typing import Any

from azdsl.codegen.numba_jit import jit
from azdsl.config.search import ALGORITHMS
from azdsl.search.kernel.rng import Words, digit, next_word
from azdsl.search.kernel.space import Space

REGULARIZED, NONREGULARIZED, CLIMBING, RANDOM, REINFORCE = range(len(ALGORITHMS))
"""Their numbers in ``Space.algorithm``, in the order of ``settings.ALGORITHMS``; from ``RANDOM`` on no candidate has a parent."""


@jit
def extremes(fitness: Any, draws: Any, state: Words) -> Any:
    """The best and the worst of members drawn with replacement: of equals the first drawn and the last drawn.

    Two draws a random word, as in ``loop.tournament``.
    """
    size = fitness.size
    best, word = digit(next_word(state), size)
    worst = best
    for i in range(1, draws):
        if i & 1 == 0:
            word = next_word(state)
        rival, word = digit(word, size)
        if fitness[rival] > fitness[best]:
            best = rival
        if fitness[rival] <= fitness[worst]:
            worst = rival
    return best, worst


@jit
def climber(members: Any) -> Any:
    """Which of two members climbs on, and which makes room: the better one goes on, of equals the younger."""
    fitness, about = members.fitness, members.about
    younger = 1 if about[1].birth > about[0].birth else 0
    ahead = younger if fitness[0] == fitness[1] else (1 if fitness[1] > fitness[0] else 0)
    return ahead, 1 - ahead


@jit
def rivals(space: Space, members: Any, state: Words) -> Any:
    """The parent of the next child and the member that it replaces, where that is not the oldest."""
    if space.algorithm == NONREGULARIZED:
        return extremes(members.fitness, space.tournament, state)
    return climber(members)
