"""A bounded table from 128-bit keys to float64 values that drops what was used longest ago.

Set-associative: a key can be in any of the eight places of one set, and the least recently used of
these makes room. So a look-up reads one cache line, nothing is ever rehashed, and the state is arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.compiled import inline, multiply_high

WAYS = 8
"""Places a key can be in: a cache line's worth of tags."""


SET = np.dtype([("tags", "u8", WAYS), ("checks", "u8", WAYS), ("ages", "u8", WAYS), ("values", "f8", WAYS)])
"""One set: a cache line each of the keys' first words, their second words, the times of their last use (0: empty), the values."""


class Cache(NamedTuple):
    """``sets`` are records of eight places; ``time`` uint64[1] counts uses."""

    sets: NDArray[np.void]
    time: NDArray[np.uint64]


def make_cache(entries: int) -> Cache:
    """An empty table with room for ``entries`` values, rounded up to whole sets."""
    return Cache(np.zeros(-(-entries // WAYS), SET), np.zeros(1, np.uint64))


@inline
def place(cache: Cache, tag: Any) -> Any:
    """The set that a key belongs to: its tag as a fraction of 2**64."""
    return np.int64(multiply_high(tag, np.uint64(cache.sets.size)))


@inline
def find(cache: Cache, tag: Any, check: Any) -> Any:
    """Whether the key is there, and its value; marks it as used."""
    places = cache.sets[place(cache, tag)]
    for way in range(WAYS):
        if places.tags[way] == tag and places.checks[way] == check and places.ages[way] != np.uint64(0):
            cache.time[0] += np.uint64(1)
            places.ages[way] = cache.time[0]
            return True, places.values[way]
    return False, 0.0


@inline
def put(cache: Cache, tag: Any, check: Any, value: Any) -> None:
    """Add a key that is not there, in place of its set's least recently used one."""
    places = cache.sets[place(cache, tag)]
    oldest = 0
    for way in range(1, WAYS):
        oldest = way if places.ages[way] < places.ages[oldest] else oldest
    cache.time[0] += np.uint64(1)
    places.tags[oldest] = tag
    places.checks[oldest] = check
    places.ages[oldest] = cache.time[0]
    places.values[oldest] = value
