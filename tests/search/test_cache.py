from collections import OrderedDict

import numpy as np

from azdsl.search.cache import WAYS, find, make_cache, put
from azdsl.codegen.compiled import jit


@jit
def _get(cache, tag, check):
    return find(cache, tag, check)


@jit
def _put(cache, tag, check, value):
    put(cache, tag, check, value)


class Model:
    """The same as dictionaries in order of use, one a set."""

    def __init__(self, entries: int) -> None:
        self.sets = [OrderedDict() for _ in range(-(-entries // WAYS))]

    def place(self, tag):
        return self.sets[tag * len(self.sets) >> 64]

    def get(self, tag, check):
        places = self.place(tag)
        if (tag, check) not in places:
            return False, 0.0
        places.move_to_end((tag, check))
        return True, places[tag, check]

    def put(self, tag, check, value):
        places = self.place(tag)
        if len(places) == WAYS:
            places.popitem(last=False)
        places[tag, check] = value


def test_equals_a_model():
    draw = np.random.default_rng(0)
    tags = [int(t) for t in draw.integers(0, 2**64, 60, np.uint64)] + [0]
    cache, model, hits, drops = make_cache(40), Model(40), 0, 0
    for i in range(6000):
        tag, check = tags[draw.integers(len(tags))], int(draw.integers(2))
        found = _get(cache, np.uint64(tag), np.uint64(check))
        assert found == model.get(tag, check)
        hits += found[0]
        if not found[0]:
            drops += len(model.place(tag)) == WAYS
            _put(cache, np.uint64(tag), np.uint64(check), float(i))
            model.put(tag, check, float(i))
    assert hits > 1000 and drops > 1000


def test_nothing_is_found_in_an_empty_table():
    """Not even the key of zeros."""
    assert _get(make_cache(16), np.uint64(0), np.uint64(0)) == (False, 0.0)


def test_size_is_rounded_up_to_whole_sets():
    assert make_cache(1).sets.size == 1 and make_cache(100_000).sets.size == 12_500
