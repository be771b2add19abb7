"""Normal numbers of tasks: the definition number by number, and their distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from azdsl.ops import elementary
from azdsl.tasks.normals import CHUNK, log, standard_normal


def one_by_one(rng: np.random.Generator, count: int) -> list[float]:
    """The polar method on floats."""
    found: list[float] = []
    while len(found) < count:
        x, y = 2.0 * rng.random() - 1.0, 2.0 * rng.random() - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            radius = math.sqrt(-2.0 * elementary.log(square) / square)
            found += [x * radius, y * radius]
    return found[:count]


@pytest.mark.parametrize("shape", [(), (1,), (2,), (7, 3), (2, CHUNK + 1), (0, 3)])
def test_the_bits_are_those_of_the_definition_and_no_number_is_drawn_in_excess(shape):
    fast, slow = np.random.default_rng(1), np.random.default_rng(1)
    found = standard_normal(fast, shape)
    assert found.shape == shape
    assert found.ravel().tolist() == one_by_one(slow, math.prod(shape))
    assert fast.random() == slow.random()


def test_the_logarithm_of_an_array():
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.random(20_000), 2.0 ** draw.uniform(-1000, 1000, 5_000), [1.0, 2.0**-106, 1.0 - 2.0**-53]])
    assert log(x).tolist() == [elementary.log(value) for value in x.tolist()]


def test_they_are_normal():
    found = np.sort(standard_normal(np.random.default_rng(2), (200_000,)))
    normal = [0.5 * math.erfc(-value / math.sqrt(2.0)) for value in found[::100].tolist()]
    # Kolmogorov's statistic exceeds 1.95 / sqrt(n) with probability 0.001.
    assert np.abs(np.array(normal) - np.arange(0, 200_000, 100) / 200_000).max() < 1.95 / math.sqrt(200_000)
    pairs = standard_normal(np.random.default_rng(3), (100_000, 2))
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.01 and abs(np.corrcoef(np.abs(pairs).T)[0, 1]) < 0.01
