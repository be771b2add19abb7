"""The search algorithms: how each chooses the parent of a candidate and the member that the candidate replaces.

All algorithms share the mutations, caches and evaluation of the compiled loop. The two kinds of evolution are compared in Real et
al. (2019), "Regularized Evolution for Image Classifier Architecture Search", arXiv 1802.01548.

- Regularized evolution: the winner of a tournament is the parent, the oldest member is replaced.
- Non-regularized evolution: the best of a sample is the parent, the worst of the same sample is replaced.
- Hill climbing: the only member is the parent, and its child replaces it unless the child is worse.
- Random search: every candidate consists of random instructions.
- REINFORCE: every candidate is drawn from a learned policy (``azdsl.search.kernel.reinforce``).
"""

from __future__ import annotations

from typing import Any

from azdsl.codegen.numba_jit import inline, jit
from azdsl.config.search import ALGORITHMS
from azdsl.search.kernel.rng import Words, digit, next_word
from azdsl.search.kernel.space import Space

REGULARIZED, NONREGULARIZED, CLIMBING, RANDOM, REINFORCE = range(len(ALGORITHMS))
"""Values of ``Space.algorithm``, in the order of ``config.search.ALGORITHMS``. From ``RANDOM`` on, candidates have no parent."""


@inline
def tournament(adjusted: Any, draws: Any, state: Words) -> Any:
    """Row with the highest adjusted fitness of ``draws`` members drawn with replacement, the first drawn of equals.

    Each random word gives two draws.
    """
    size = adjusted.size
    winner, word = digit(next_word(state), size)
    best = adjusted[winner]
    for i in range(1, draws):
        if i & 1 == 0:
            word = next_word(state)
        rival, word = digit(word, size)
        other = adjusted[rival]
        winner, best = (rival, other) if other > best else (winner, best)
    return winner


@jit
def extremes(adjusted: Any, draws: Any, state: Words) -> Any:
    """Rows of the best and the worst adjusted fitness of ``draws`` members drawn with replacement.

    Among equals, the best is the first drawn and the worst is the last drawn. Each random word gives two draws, as in
    ``tournament``.
    """
    size = adjusted.size
    best, word = digit(next_word(state), size)
    worst = best
    for i in range(1, draws):
        if i & 1 == 0:
            word = next_word(state)
        rival, word = digit(word, size)
        if adjusted[rival] > adjusted[best]:
            best = rival
        if adjusted[rival] <= adjusted[worst]:
            worst = rival
    return best, worst


@jit
def climber(members: Any) -> Any:
    """Hill climbing's two rows: that of the current program, which is the better member (the younger of equals), and the other."""
    adjusted, about = members.adjusted, members.about
    younger = 1 if about[1].birth > about[0].birth else 0
    ahead = younger if adjusted[0] == adjusted[1] else (1 if adjusted[1] > adjusted[0] else 0)
    return ahead, 1 - ahead


@jit
def rivals(space: Space, members: Any, state: Words) -> Any:
    """Rows of the next parent and of the member that its child replaces, for algorithms that do not replace the oldest."""
    if space.algorithm == NONREGULARIZED:
        return extremes(members.adjusted, space.tournament, state)
    return climber(members)


@inline
def pair(space: Space, members: Any, state: Words, oldest: Any) -> Any:
    """Rows of the next parent and of the member that its child replaces: ``oldest`` in regularized evolution."""
    if space.algorithm == REGULARIZED:
        return tournament(members.adjusted, space.tournament, state), oldest
    return rivals(space, members, state)
