"""Every metric has all of its parts: definition, lowering and NumPy text."""

from __future__ import annotations

from typing import get_args

from azdsl.codegen.metrics import LOWERINGS
from azdsl.export.readable.numpy_templates import SQUASH
from azdsl.ir import METRICS, MetricName


def test_every_metric_has_a_lowering_and_numpy_text() -> None:
    assert set(METRICS) == set(get_args(MetricName)) == set(LOWERINGS) == set(SQUASH)
