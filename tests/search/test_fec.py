"""The key of the functional equivalence cache: which programs share an entry."""

from __future__ import annotations

import pytest
from from_python import from_python
from search.helpers import everything, task_set

import azdsl
from azdsl.codegen import execute
from azdsl.ir import pack
from azdsl.search.kernel.engines import make_engines

_trace = from_python(execute.trace)


def key(learn, metric="rmse"):
    """The key of a program after one training example and one validation example of each task."""
    program = pack(azdsl.parse(f"def Predict():\n  s1 = s2 + s3\ndef Learn():\n  {learn}\n"))
    handle = make_engines(everything(fec_examples=1), task_set(tasks=8, metric=metric))
    return int(_trace(handle.engines.early, program.lengths, program.code, program.constants))


@pytest.mark.parametrize("metric", ["rmse", "accuracy"])
def test_programs_that_differ_on_validation_examples_alone_have_different_keys(metric):
    """On the first training example both predict 0, before they learn."""
    assert key("s2 = s0 + s3", metric) != key("s2 = s0 + s0", metric)


def test_programs_with_equal_errors_share_a_key():
    assert key("s2 = s0 + s3") == key("s3 = s0 + s2") == key("s2 = s0 + s4")
