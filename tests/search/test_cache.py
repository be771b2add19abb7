from collections import OrderedDict

import numpy as np

from azdsl.codegen.numba_jit import jit
from azdsl.search.kernel.cache import SET, WAYS, find, in_order, make_cache, put, refill


@jit
def _get(cache, tag):
    return find(cache, tag)


@jit
def _put(cache, tag, value):
    put(cache, tag, value)


class Model:
    """A cache of ordered dictionaries, one for each set."""

    def __init__(self, entries: int) -> None:
        self.sets = [OrderedDict() for _ in range(-(-entries // WAYS))]

    def place(self, tag):
        return self.sets[tag * len(self.sets) >> 64]

    def get(self, tag):
        places = self.place(tag)
        if tag not in places:
            return False, 0.0
        places.move_to_end(tag)
        return True, places[tag]

    def put(self, tag, value):
        places = self.place(tag)
        if len(places) == WAYS:
            places.popitem(last=False)
        places[tag] = value


def test_the_cache_equals_a_model():
    draw = np.random.default_rng(0)
    tags = [int(t) for t in draw.integers(1, 2**64, 90, np.uint64)] + [1]
    cache, model, hits, drops = make_cache(40), Model(40), 0, 0
    for i in range(6000):
        tag = tags[draw.integers(len(tags))]
        found = _get(cache, np.uint64(tag))
        assert found == model.get(tag)
        hits += found[0]
        if not found[0]:
            drops += len(model.place(tag)) == WAYS
            _put(cache, np.uint64(tag), float(i))
            model.put(tag, float(i))
    assert hits > 1000 and drops > 1000


def test_a_refilled_cache_behaves_as_the_original():
    draw = np.random.default_rng(1)
    tags = draw.integers(1, 2**64, 120, np.uint64)
    for used in (0, 5, 60, 2000):
        first, second = make_cache(70), make_cache(70)
        for i in range(used):
            _use(first, draw.choice(tags), i)
        _use(second, tags[0], -1)  # is overwritten
        refill(second, in_order(first))
        assert [a.tolist() for a in in_order(second)] == [a.tolist() for a in in_order(first)]
        found = [(_use(first, tag, i), _use(second, tag, i)) for i, tag in enumerate(draw.choice(tags, 2000))]
        assert all(a == b for a, b in found) and sum(a[0] for a, _ in found) > 500


def _use(cache, tag, value):
    """Look a key up, and insert it if it is absent."""
    found = _get(cache, tag)
    if not found[0]:
        _put(cache, tag, float(value))
    return found


def test_an_empty_cache_has_no_entries():
    assert _get(make_cache(16), np.uint64(1)) == (False, 0.0)


def test_the_size_is_rounded_up_to_complete_sets():
    assert make_cache(1).sets.size == 1 and make_cache(100_000).sets.size == 14_286


def test_a_set_is_two_cache_lines():
    assert SET.itemsize == 128 and all(make_cache(n).sets.ctypes.data % 128 == 0 for n in (1, 100, 1000, 10_000))
