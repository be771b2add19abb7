"""Every metric has all of its parts: definition, lowering and NumPy text."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from llvmlite import ir

from azdsl.codegen.emitter import F32, F64
from azdsl.codegen.metrics import LEAST_POSITIVE, LOWERINGS
from azdsl.export.readable.numpy_templates import SQUASH
from azdsl.ir import METRICS, MetricName
from azdsl.ir.metric import sigmoid


def test_every_metric_has_a_lowering_and_numpy_text() -> None:
    assert set(METRICS) == set(get_args(MetricName)) == set(LOWERINGS) == set(SQUASH)


@pytest.mark.parametrize(("element", "number"), [(F64, np.float64), (F32, np.float32)])
def test_the_least_score_that_counts_as_positive(element: ir.Type, number: type) -> None:
    """Validation compares scores where the definition compares their sigmoids with a half."""
    least = number(LEAST_POSITIVE[element])
    below, above = least, least
    for _ in range(2000):
        assert sigmoid(above) > 0.5
        below, above = np.nextafter(below, number(-1)), np.nextafter(above, number(1))
        assert not sigmoid(below) > 0.5
    with np.errstate(over="ignore"):  # exp of a score far below 0 is infinite in float32
        sizes = np.concatenate([np.exp(np.linspace(-100, 100, 4001)), [0.0, np.inf]]).astype(number)
        for score in (*sizes, *-sizes, number(np.nan)):
            assert (sigmoid(score) > 0.5) == (score >= least)
