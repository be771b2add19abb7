"""The figures of a comparison, against values worked out elsewhere or by hand."""

from __future__ import annotations

import numpy as np
import pytest

from azdsl.comparison import statistics
from azdsl.comparison.runs import Run
from azdsl.comparison.statistics import speedup, wilson


def make(name="random_search", seed=0, evaluations=100, fitness=0.5, needed=None, curve=((1, 0.1), (50, 0.5))):
    return Run(name, seed, evaluations, fitness, fitness, fitness, needed is not None, needed, 1.0, "", curve)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 20, 0.0089, 0.2361), (81, 263, 0.2553, 0.3662), (10, 10, 0.7225, 1.0)],
)
def test_wilson(successes, trials, low, high):
    """Values from Newcombe (1998), and the closed forms z² / (n + z²) at the ends."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_speedup():
    ratio, low, high = speedup(10, 1000, 2, 2000)
    assert ratio == pytest.approx(10) and low and high and low < 10 < high
    back = speedup(2, 2000, 10, 1000)
    assert back == pytest.approx((1 / ratio, 1 / high, 1 / low))
    nothing, bound, no_end = speedup(10, 1000, 0, 2000)
    assert nothing is None and bound is not None and bound > 1 and no_end is None
    assert speedup(0, 10, 0, 10) == (None, None, None)


def test_row():
    runs = [make(seed=1, evaluations=30, fitness=1.0, needed=30), make(seed=2), make(seed=3, fitness=0.3)]
    row = statistics.row(runs, [make(needed=50, evaluations=50), make()], True)
    assert (row.successes, row.evaluations, row.needed, row.median) == (1, 230, 230.0, 0.5)
    assert row.times == pytest.approx((1 / 230) / (1 / 150))
    assert (row.success_low, row.success_high) == wilson(1, 3)
    assert statistics.row(runs, [], False).successes is None


def test_curves():
    runs = [make(seed=1, needed=20, curve=((10, 0.4), (20, 1.0))), make(seed=2, curve=((1, 0.2), (90, 0.6)))]
    found = statistics.curves(runs, [5, 15, 50, 100])
    assert found["mean"].tolist() == pytest.approx([0.1, 0.3, 0.6, 0.8])
    assert found["success"].tolist() == [0.0, 0.0, 0.5, 0.5]
    assert (found["low"] <= found["mean"]).all() and (found["mean"] <= found["high"]).all()
    assert (found["low"] < found["high"]).any()


def test_grid_has_both_ends():
    places = statistics.grid(1000, 10)
    assert (places[0], places[-1]) == (10, 1000) and (np.diff(places) > 0).all()
