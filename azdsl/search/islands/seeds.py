"""Random numbers outside the compiled loop: permutations, and the random seeds of programs' draws.

Programs draw with another random seed on each split. Otherwise a program could be selected for fortunate draws on the search
split and keep them on the others.
"""

from __future__ import annotations

import numpy as np

from azdsl.tasks import Split

_STREAMS: dict[Split, int] = {"search": 0x5EA2C4, "select": 0x5E1EC7}


def permutation(seed: int, *stream: int, size: int) -> list[int]:
    """A permutation of the numbers below ``size``. Streams of two numbers never equal those of islands, which have one."""
    # Sorted random words, since NumPy's permutations may change with its version.
    words = np.random.SeedSequence(seed, spawn_key=stream).generate_state(size, np.uint64)
    return np.argsort(words, kind="stable").tolist()


def draw_seed(seed: int, role: Split) -> int:
    """The random seed of programs' draws on split ``role``. On the test split it is ``seed``, as in ``azdsl score``."""
    if role == "test":
        return seed
    return int(np.random.SeedSequence((seed, _STREAMS[role])).generate_state(1, np.uint64)[0] >> np.uint64(1))
