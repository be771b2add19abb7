"""The compiled backends give the fitness that the reference implementation computed for 774 programs."""

from __future__ import annotations

import numpy as np
import pytest
from canonical import read
from conformance.suites import NAMES, suites

from azdsl import codegen
from azdsl.taskset import TaskSet


def load(suite):
    arrays = (suite[name] for name in ("train_X", "train_y", "valid_X", "valid_y"))
    tasks = TaskSet.from_arrays(*arrays, metric=suite["metric"], epoch_length=suite["epoch_length"])
    return (
        tasks,
        [read(case["text"]) for case in suite["programs"]],
        np.array([c["task_fitness"] for c in suite["programs"]]),
    )


@pytest.mark.parametrize("name", NAMES)
def test_vm(name):
    tasks, programs, expected = load(suites()[name])
    found = codegen.evaluate(programs, tasks, backend="vm")
    assert np.flatnonzero(np.abs(found - expected).max(axis=1) > 1e-6).tolist() == []


def jit_equals_vm(suite, step):
    tasks, programs, _ = load(suite)
    chosen = programs[::step]
    np.testing.assert_array_equal(
        codegen.evaluate(chosen, tasks, backend="jit"), codegen.evaluate(chosen, tasks, backend="vm")
    )


@pytest.mark.parametrize("name", NAMES)
def test_jit_equals_vm_on_some(name):
    jit_equals_vm(suites()[name], 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_jit_equals_vm_on_all(name):
    jit_equals_vm(suites()[name], 1)
