"""Random permutations outside the compiled loop."""

from __future__ import annotations

import numpy as np


def permutation(seed: int, *stream: int, size: int) -> list[int]:
    """A permutation of the numbers below ``size``. Streams of two numbers never equal those of islands, which have one."""
    # Sorted random words, since NumPy's permutations may change with its version.
    words = np.random.SeedSequence(seed, spawn_key=stream).generate_state(size, np.uint64)
    return np.argsort(words, kind="stable").tolist()
