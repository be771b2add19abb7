"""What a run draws outside the compiled loop: orders, and the seeds of programs' own random draws.

There is a seed for each use of the tasks: a program that lives off its lucky draws on the search tasks has none of that
luck when it is compared and scored.
"""

from __future__ import annotations

import numpy as np

from azdsl.tasks import Split

_STREAMS: dict[Split, int] = {"search": 0x5EA2C4, "select": 0x5E1EC7}


def order(seed: int, *stream: int, size: int) -> list[int]:
    """A permutation of the numbers below ``size``. Streams of two numbers are free: those of islands have one."""
    # Sorting random words depends on no version of a library.
    words = np.random.SeedSequence(seed, spawn_key=stream).generate_state(size, np.uint64)
    return np.argsort(words, kind="stable").tolist()


def draw_seed(seed: int, role: Split) -> int:
    """The seed of draws for ``role``. The test's is ``seed`` itself: what ``azdsl score`` takes."""
    if role == "test":
        return seed
    return int(np.random.SeedSequence((seed, _STREAMS[role])).generate_state(1, np.uint64)[0] >> np.uint64(1))
