"""Sums over rows: the order of the additions, and the same bits for every layout in memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from azdsl import sums


def by_halves(values: list[float]) -> float:
    """The definition of ``total`` on floats."""
    while len(values) > 1:
        count = len(values) // 2
        rest = len(values) - count
        values = [a + b for a, b in zip(values, values[rest:], strict=False)] + values[count:rest]
    return values[0]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 100, 1023])
def test_order_of_additions(count):
    values = np.random.default_rng(count).normal(size=(count, 3)) * 2.0 ** np.arange(count)[:, None] % 1e9
    found = sums.total(values)
    assert found.tolist() == [by_halves(column) for column in values.T.tolist()]
    assert found.tolist() == sums.total(np.asfortranarray(values)).tolist()
    assert found.tolist() == [sums.total(column) for column in values.T]


def test_mean_and_deviation():
    values = np.random.default_rng(0).normal(size=(1000, 4)) + 1e6
    assert sums.mean(values) == pytest.approx([math.fsum(column) / 1000 for column in values.T], rel=5e-16)
    assert sums.deviation(values) == pytest.approx(values.std(axis=0), rel=1e-9)
    assert sums.deviation(values, 1) == pytest.approx(values.std(axis=0, ddof=1), rel=1e-9)
    assert sums.deviation([3.0, 3.0]) == 0.0


def test_arguments_are_not_changed():
    values = np.arange(6.0).reshape(3, 2)
    sums.deviation(values)
    assert sums.total(values).tolist() == [6.0, 9.0] and values.ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_numbers_are_added_as_float64():
    assert sums.total([2**53, 1]) == 2.0**53 and math.isclose(sums.mean([1, 2]), 1.5)
