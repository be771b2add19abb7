"""The random generator: published vectors, places of draws, moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from azdsl.interp.philox import Draws, philox, seed_key, standard_normal, standard_uniform
from azdsl.ops import Kind

ONES = 0xFFFFFFFF

KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_random123_known_answers(counter, key, words):
    assert philox(counter, key) == words


def draws(**changes):
    return Draws(**{"key": seed_key(7), "draw": 2, "visit": 5, "task": 3, "features": 3, "number": float} | changes)


def test_key_is_low_then_high_word():
    assert seed_key(0x0123456789ABCDEF) == (0x89ABCDEF, 0x01234567)


def test_elements_run_row_after_row():
    rows = draws().uniform(0.0, 1.0, Kind.MATRIX)
    expected = [standard_uniform(philox((element, 2, 5, 3), (7, 0))) for element in range(9)]
    assert [x for row in rows for x in row] == expected
    assert draws().uniform(0.0, 1.0, Kind.VECTOR) == expected[:3]
    assert draws().uniform(0.0, 1.0, Kind.SCALAR) == expected[0]


def test_unit_number_uses_the_upper_53_of_64_bits():
    x0, x1, x2, x3 = words = philox((0, 0, 0, 0), (0, 0))
    u1, u2 = ((x1 * 2**32 + x0) >> 11) * 2.0**-53, ((x3 * 2**32 + x2) >> 11) * 2.0**-53
    assert standard_uniform(words) == u1
    assert standard_normal(words) == math.sqrt(-2.0 * math.log(1.0 - u1)) * math.cos(2.0 * math.pi * u2)
    assert standard_uniform((ONES,) * 4) == 1.0 - 2.0**-53


def test_scaling():
    unit, normal = draws().uniform(0.0, 1.0, Kind.SCALAR), draws().gaussian(0.0, 1.0, Kind.SCALAR)
    assert draws().uniform(-2.0, 3.0, Kind.SCALAR) == -2.0 + 5.0 * unit
    assert draws().uniform(3.0, -2.0, Kind.SCALAR) == -2.0 + 5.0 * unit
    assert draws().gaussian(0.25, 0.5, Kind.SCALAR) == 0.25 + 0.5 * normal


def test_float32_rounds_the_standard_draw():
    value = draws(number=np.float32).gaussian(np.float32(0.1), np.float32(0.3), Kind.SCALAR)
    normal = np.float32(draws().gaussian(0.0, 1.0, Kind.SCALAR))
    assert type(value) is np.float32
    assert value == np.float32(0.1) + np.float32(0.3) * normal


@pytest.mark.parametrize("change", [{"key": (8, 0)}, {"draw": 3}, {"visit": 6}, {"task": 4}])
def test_every_counter_word_matters(change):
    assert draws().uniform(0.0, 1.0, Kind.VECTOR) != draws(**change).uniform(0.0, 1.0, Kind.VECTOR)


def test_moments():
    many = draws(features=100)
    uniform = np.array(many.uniform(0.0, 1.0, Kind.MATRIX))
    normal = np.array(many.gaussian(0.0, 1.0, Kind.MATRIX))
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert uniform.mean() == pytest.approx(1 / 2, abs=0.01)
    assert uniform.var() == pytest.approx(1 / 12, abs=0.003)
    assert normal.mean() == pytest.approx(0, abs=0.03)
    assert normal.var() == pytest.approx(1, abs=0.05)
    assert (normal**4).mean() == pytest.approx(3, abs=0.3)
