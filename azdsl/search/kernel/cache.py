"""A bounded table from 64-bit keys to float64 values that drops what was used longest ago.

Set-associative: a key can be in any of the seven places of one set, and the least recently used of
these makes room. So a look-up reads one cache line, nothing is ever rehashed, and the state is an array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.numba_jit import inline, lowest_bit, multiply_high

WAYS = 7
"""Places a key can be in: their tags and ranks fill a cache line."""

SET = np.dtype([("tags", "u8", WAYS), ("ranks", "u8"), ("values", "f8", WAYS), ("unused", "u8")])
"""One set is two cache lines: the keys (0: empty), a byte for each with the number of those used more recently; the values."""

FRESH = sum(way << 8 * way for way in range(WAYS))
"""The ranks of an empty set."""

_NONE, _BYTE = np.uint64(0), np.uint64(8)
_MASK = np.uint64(0xFF)
_ONES = np.uint64(sum(1 << 8 * way for way in range(WAYS)))
_OLDEST, _LOW, _HIGH = _ONES * np.uint64(WAYS - 1), _ONES * np.uint64(0x7F), _ONES * np.uint64(0x80)
"""The rank of the least recently used place, the low bits and the high bit of a byte, in every byte."""
_TOP = np.uint64(7)


class Cache(NamedTuple):
    """``sets`` are records of seven places each."""

    sets: NDArray[np.void]


def make_cache(entries: int) -> Cache:
    """An empty table with room for ``entries`` values, rounded up to whole sets."""
    sets = aligned(-(-entries // WAYS), SET, SET.itemsize)
    sets["ranks"] = FRESH
    return Cache(sets)


def clear(cache: Cache) -> None:
    """Forget all entries."""
    cache.sets["tags"], cache.sets["ranks"] = _NONE, FRESH


class InOrder(NamedTuple):
    """The entries of a cache: ``counts`` uint8[S] a set; their keys and values, each set's most recently used first."""

    counts: NDArray[np.uint8]
    tags: NDArray[np.uint64]
    values: NDArray[np.float64]


def in_order(cache: Cache) -> InOrder:
    """All that look-ups can ever tell of a cache: in which place of its set an entry is makes no difference."""
    sets = cache.sets
    ranks = np.ascontiguousarray(sets["ranks"]).astype("<u8").view(np.uint8).reshape(-1, 8)[:, :WAYS]
    ways = np.argsort(ranks, axis=1)
    tags, values = (np.take_along_axis(sets[name], ways, axis=1) for name in ("tags", "values"))
    used = tags != _NONE
    return InOrder(used.sum(axis=1, dtype=np.uint8), tags[used], values[used])


def refill(cache: Cache, entries: InOrder) -> None:
    """Make a cache's content that of one of the same size."""
    used = np.arange(WAYS) < entries.counts[:, np.newaxis]
    for name, content in (("tags", entries.tags), ("values", entries.values)):
        places = np.zeros(used.shape, content.dtype)
        places[used] = content
        cache.sets[name] = places
    cache.sets["ranks"] = FRESH


@inline
def place(cache: Cache, tag: Any) -> Any:
    """The set that a key belongs to: its tag as a fraction of 2**64."""
    return multiply_high(tag, np.uint64(cache.sets.size))


@inline
def touched(ranks: Any, way: Any) -> Any:
    """The ranks after a use of one place. The bytes are below 128, so none borrows from its neighbour."""
    shift = way * _BYTE
    rank = (ranks >> shift) & _MASK
    above = ((ranks | _HIGH) - rank * _ONES) & _HIGH  # the high bit of those with this rank or more
    return (ranks + ((above ^ _HIGH) >> _TOP)) & ~(_MASK << shift)


@inline
def find(cache: Cache, tag: Any) -> Any:
    """Whether the key (not 0) is there, and its value; marks it as used."""
    places = cache.sets[place(cache, tag)]
    hits = _NONE
    for way in range(WAYS):
        hits |= np.uint64(places.tags[way] == tag) << np.uint64(way)
    if hits == _NONE:
        return False, 0.0
    found = lowest_bit(hits)
    places.ranks = touched(places.ranks, found)
    return True, places.values[found]


@inline
def put(cache: Cache, tag: Any, value: Any) -> None:
    """Add a key that is not there, in place of its set's least recently used one."""
    places = cache.sets[place(cache, tag)]
    others = (places.ranks ^ _OLDEST) + _LOW  # the high bit of those that are not the oldest
    oldest = lowest_bit((others & _HIGH) ^ _HIGH) >> np.uint64(3)
    places.tags[oldest] = tag
    places.values[oldest] = value
    places.ranks = touched(places.ranks, oldest)


@inline
def replace(cache: Cache, tag: Any, value: Any) -> None:
    """Give a key that is there another value."""
    places = cache.sets[place(cache, tag)]
    for way in range(WAYS):
        if places.tags[way] == tag:
            places.values[way] = value
