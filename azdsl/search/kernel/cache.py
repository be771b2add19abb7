"""A bounded cache from 64-bit keys to float64 values with least-recently-used eviction.

The cache is set-associative. A key belongs to one set of seven entries, and a new key evicts the least recently used entry of its
set. A look-up reads one cache line, no rehashing occurs, and the state is one array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.numba_jit import inline, lowest_bit, multiply_high

WAYS = 7
"""Entries of one set. Their tags and ranks fill a cache line of 64 bytes."""

SET = np.dtype([("tags", "u8", WAYS), ("ranks", "u8"), ("values", "f8", WAYS), ("unused", "u8")])
"""One set, two cache lines: ``tags`` are the keys (0: empty), each byte of ``ranks`` counts the entries used more recently."""

FRESH = sum(way << 8 * way for way in range(WAYS))
"""The ranks of an empty set."""

_NONE, _BYTE = np.uint64(0), np.uint64(8)
_MASK = np.uint64(0xFF)
_ONES = np.uint64(sum(1 << 8 * way for way in range(WAYS)))
_OLDEST, _LOW, _HIGH = _ONES * np.uint64(WAYS - 1), _ONES * np.uint64(0x7F), _ONES * np.uint64(0x80)
"""Repeated in every byte: the rank of the least recently used entry, the low seven bits, the high bit."""
_TOP = np.uint64(7)


class Cache(NamedTuple):
    """``sets`` has one record of type ``SET`` for each set."""

    sets: NDArray[np.void]


def make_cache(entries: int) -> Cache:
    """An empty cache for ``entries`` values, rounded up to a multiple of ``WAYS``."""
    sets = aligned(-(-entries // WAYS), SET, SET.itemsize)
    sets["ranks"] = FRESH
    return Cache(sets)


def clear(cache: Cache) -> None:
    """Remove all entries."""
    cache.sets["tags"], cache.sets["ranks"] = _NONE, FRESH


class InOrder(NamedTuple):
    """The entries of a cache: ``counts`` uint8[S] per set, keys and values set by set, the most recently used entry first."""

    counts: NDArray[np.uint8]
    tags: NDArray[np.uint64]
    values: NDArray[np.float64]


def in_order(cache: Cache) -> InOrder:
    """The entries of a cache in canonical order. The position of an entry inside its set never affects a look-up."""
    sets = cache.sets
    ranks = np.ascontiguousarray(sets["ranks"]).astype("<u8").view(np.uint8).reshape(-1, 8)[:, :WAYS]
    ways = np.argsort(ranks, axis=1)
    tags, values = (np.take_along_axis(sets[name], ways, axis=1) for name in ("tags", "values"))
    used = tags != _NONE
    return InOrder(used.sum(axis=1, dtype=np.uint8), tags[used], values[used])


def refill(cache: Cache, entries: InOrder) -> None:
    """Replace a cache's content by ``entries``, which were read from a cache of the same size."""
    used = np.arange(WAYS) < entries.counts[:, np.newaxis]
    for name, content in (("tags", entries.tags), ("values", entries.values)):
        places = np.zeros(used.shape, content.dtype)
        places[used] = content
        cache.sets[name] = places
    cache.sets["ranks"] = FRESH


@inline
def place(cache: Cache, tag: Any) -> Any:
    """Index of the set that a key belongs to: the key as a fraction of 2**64, times the number of sets."""
    return multiply_high(tag, np.uint64(cache.sets.size))


@inline
def touched(ranks: Any, way: Any) -> Any:
    """The ranks after a use of entry ``way``. All bytes are below 128, so that no byte borrows from the next one."""
    shift = way * _BYTE
    rank = (ranks >> shift) & _MASK
    above = ((ranks | _HIGH) - rank * _ONES) & _HIGH  # the high bit of every entry with this rank or a higher one
    return (ranks + ((above ^ _HIGH) >> _TOP)) & ~(_MASK << shift)


@inline
def find(cache: Cache, tag: Any) -> Any:
    """Whether the key (not 0) is present, and its value. Marks the entry as used."""
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
    """Insert a key that is absent; evicts the least recently used entry of its set."""
    places = cache.sets[place(cache, tag)]
    others = (places.ranks ^ _OLDEST) + _LOW  # the high bit of every entry but the least recently used
    oldest = lowest_bit((others & _HIGH) ^ _HIGH) >> np.uint64(3)
    places.tags[oldest] = tag
    places.values[oldest] = value
    places.ranks = touched(places.ranks, oldest)


@inline
def replace(cache: Cache, tag: Any, value: Any) -> None:
    """Set the value of a key that is present."""
    places = cache.sets[place(cache, tag)]
    for way in range(WAYS):
        if places.tags[way] == tag:
            places.values[way] = value
