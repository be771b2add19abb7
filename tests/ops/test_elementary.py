"""The language's own exp, log, sin, cos, tan, arcsin, arccos and arctan: accuracy, special values, equal bits when compiled."""

from __future__ import annotations

import math

import elementary_inputs as known
import numpy as np
import pytest

from azdsl.bench.functions import compiled
from azdsl.codegen.emitter import F32
from azdsl.codegen.memory import aligned
from azdsl.ops import elementary

INF, NAN = math.inf, math.nan
ABOVE_ONE = math.nextafter(1.0, 2.0)
ODD = [(0.0, 0.0), (-0.0, -0.0), (5e-324, 5e-324), (-5e-324, -5e-324)]
SPECIAL = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (710.0, INF), (-746.0, 0.0), (1e308, INF)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-INF, NAN), (-1.0, NAN), (-5e-324, NAN)],
    "sin": [*ODD, (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (5e-324, 1.0), (INF, NAN), (-INF, NAN)],
    "tan": [*ODD, (INF, NAN), (-INF, NAN)],
    "arcsin": [*ODD, (1.0, math.pi / 2), (-1.0, -math.pi / 2), (INF, NAN), (ABOVE_ONE, NAN), (-ABOVE_ONE, NAN)],
    "arccos": [(0.0, math.pi / 2), (1.0, 0.0), (-1.0, math.pi), (INF, NAN), (ABOVE_ONE, NAN), (-ABOVE_ONE, NAN)],
    "arctan": [*ODD, (INF, math.pi / 2), (-INF, -math.pi / 2), (1.0, math.pi / 4)],
}
DOMAIN = {"arcsin": lambda x: abs(x) <= 1.0, "arccos": lambda x: abs(x) <= 1.0, "log": lambda x: x > 0.0}
SAMPLE = 3000


def same(a, b):
    """Whether numbers have equal bits, any NaN being equal to any other."""
    kind = {8: np.uint64, 4: np.uint32}[a.itemsize]
    return (a.view(kind) == b.view(kind)) | (np.isnan(a) & np.isnan(b))


def run(function, lanes, x):
    """A compiled function of an array, padded to whole groups of lanes."""
    groups = -(-len(x) // lanes)
    given, found = aligned(groups * lanes, x.dtype), aligned(groups * lanes, x.dtype)
    given[: len(x)] = x
    function(given.ctypes.data, found.ctypes.data, groups)
    return found[: len(x)]


@pytest.mark.parametrize("name", known.NAMES)
def test_special_values(name):
    for x, y in [*SPECIAL[name], (NAN, NAN)]:
        found = getattr(elementary, name)(x)
        assert same(np.float64(found), np.float64(y)), (x, found)


@pytest.mark.parametrize("name", known.NAMES)
def test_less_than_one_ulp(name):
    x = known.inputs(np.random.default_rng(len(name)), SAMPLE)
    x = [v for v in x.tolist() if math.isfinite(v) and v != 0.0 and DOMAIN.get(name, math.isfinite)(v)]
    worst = max((known.ulps(name, v, getattr(elementary, name)(v)), v) for v in x)
    assert 0.5 < worst[0] < 1.0  # correctly rounded everywhere would mean that nothing was tried
    assert len(x) > SAMPLE // 8


@pytest.mark.parametrize("lanes", [1, 4, 8, 16])
def test_compiled_gives_the_same_bits(lanes):
    functions = compiled(lanes)
    x = known.inputs(np.random.default_rng(lanes), SAMPLE)
    for name in known.NAMES:
        defined = np.array([getattr(elementary, name)(v) for v in x.tolist()])
        found = run(functions[name], lanes, x)
        assert same(found, defined).all(), (name, x[~same(found, defined)][:5])
        assert np.isfinite(defined).mean() > 0.05


def test_compiled_float32_is_the_float64_result_rounded():
    functions = compiled(8, F32)
    with np.errstate(all="ignore"):
        x = known.inputs(np.random.default_rng(32), SAMPLE).astype(np.float32)
        for name in known.NAMES:
            defined = np.array([getattr(elementary, name)(float(v)) for v in x]).astype(np.float32)
            assert same(run(functions[name], 8, x), defined).all(), name


def test_large_arguments_beside_small_ones():
    """A group of lanes in which one argument is large reduces the others as if it were alone."""
    function = compiled(8)["sin"]
    rng = np.random.default_rng(0)
    small = rng.standard_normal(800)
    mixed = small.copy()
    mixed[::8] = np.exp2(rng.uniform(21.0, 1023.0, 100))
    assert same(run(function, 8, mixed), np.array([elementary.sin(v) for v in mixed.tolist()])).all()
