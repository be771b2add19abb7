"""The random streams of the three splits."""

from __future__ import annotations

import numpy as np

from azdsl.config.task import Split

STREAMS: dict[Split, int] = {"search": 0, "select": 1, "test": 2}
"""The number of each split in its seed sequence."""

SPLIT_STREAM = 3
"""The stream that assigns the rows of a file, or the images of a class, to the splits."""


def generator(seed: int, stream: int, task: int = 0) -> np.random.Generator:
    """The random generator of one task, from ``numpy.random.SeedSequence((seed, stream, task))``."""
    return np.random.default_rng(np.random.SeedSequence((seed, stream, task)))


def first_given(*sizes: int | None) -> int | None:
    """The first size that is not None; None if there is none."""
    return next((size for size in sizes if size is not None), None)
