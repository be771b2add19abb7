"""The three uses of a task, and the random stream of each."""

from __future__ import annotations

from typing import Literal

import numpy as np

Role = Literal["search", "select", "test"]

STREAMS: dict[Role, int] = {"search": 0, "select": 1, "test": 2}
"""The role's number in its seed sequence."""

SPLIT_STREAM = 3
"""The stream that deals a file's rows out to the three roles."""


def generator(seed: int, stream: int, task: int = 0) -> np.random.Generator:
    """The random numbers of one task: those of ``numpy.random.SeedSequence((seed, stream, task))``."""
    return np.random.default_rng(np.random.SeedSequence((seed, stream, task)))


def first_given(*sizes: int | None) -> int | None:
    """The first that is not None."""
    return next((size for size in sizes if size is not None), None)
