"""Differences over tasks, against tables of Student's distribution and figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from azdsl.paired import difference, t_quantile


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.7062),
        (2, 4.30265),
        (3, 3.18245),
        (4, 2.77645),
        (10, 2.22814),
        (26, 2.05553),
        (99, 1.98422),
        (99_999, 1.95999),
    ],
)
def test_quantiles_are_those_of_the_table(freedom, expected):
    assert t_quantile(0.95, freedom) == pytest.approx(expected, rel=3e-6)


def test_other_confidence():
    assert t_quantile(0.5, 1) == pytest.approx(1.0), "Cauchy's quartile"
    assert t_quantile(0.99, 10) == pytest.approx(3.16927, rel=3e-6)


def test_difference():
    found = difference([0.5, 0.75, 0.25, 1.0], [0.25, 0.75, 0.5, 0.5])
    assert found.tasks == (0.25, 0.0, -0.25, 0.5)
    assert (found.mean, found.better, found.worse) == (0.125, 2, 1)
    deviation = math.sqrt((0.125**2 + 0.125**2 + 0.375**2 + 0.375**2) / 3)
    reach = 3.18244630528371 * deviation / 2
    assert (found.low, found.high) == pytest.approx((0.125 - reach, 0.125 + reach))


def test_one_task_has_no_interval():
    found = difference([0.5], [0.25])
    assert (found.mean, found.low, found.high) == (0.25, None, None)
