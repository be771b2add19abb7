"""The interpreter gives the fitness that the reference implementation computed for 774 programs."""

from __future__ import annotations

import pytest
from canonical import read
from conformance.suites import NAMES, suites

from azdsl.interp import evaluate
from azdsl.taskset import TaskSet

QUICK = 12
"""Without ``--slow`` one program in this many is evaluated."""


def deviations(suite, step):
    arrays = (suite[name] for name in ("train_X", "train_y", "valid_X", "valid_y"))
    tasks = TaskSet.from_arrays(*arrays, metric=suite["metric"], epoch_length=suite["epoch_length"])
    for index in range(0, len(suite["programs"]), step):
        case = suite["programs"][index]
        fitness = evaluate(read(case["text"]), tasks)
        if fitness != pytest.approx(case["task_fitness"], abs=1e-6, rel=0):
            yield index


@pytest.mark.parametrize("name", NAMES)
def test_some_programs(name):
    assert list(deviations(suites()[name], QUICK)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_programs(name):
    assert list(deviations(suites()[name], 1)) == []


def test_there_are_774_programs():
    assert tuple(suites()) == NAMES
    assert sum(len(suite["programs"]) for suite in suites().values()) == 774
