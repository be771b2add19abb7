"""What goes wrong first in an evaluation is found, and only where the fitness is 0."""

from __future__ import annotations

import math

import numpy as np
import pytest
from strategies import random_program, random_tasks

import azdsl
from azdsl.interp import evaluate
from azdsl.interp.faults import first_fault
from azdsl.taskset import TaskSet

X = np.random.default_rng(0).normal(size=(3, 20, 4))
TASKS = TaskSet.from_arrays(X, X.sum(axis=2), X, X.sum(axis=2))


def found(text, tasks=TASKS):
    return first_fault(azdsl.parse(text), tasks, range(tasks.tasks))


def test_the_first_value_that_is_not_finite():
    late = "def Predict():\n  s2 = s2 + s3\n  s3 = 1\n  s4 = s2 - 3\n  s1 = 1 / s4\n"
    fault = found(late)
    assert (fault.task, fault.examples, fault.function, fault.value) == (0, 3, "Predict", math.inf)
    assert fault.instruction == "s1 = 1 / s4"
    assert str(fault) == "task 0, after 3 training examples: s1 = 1 / s4 in Predict gives inf"
    assert found("def Learn():\n  v2 = v0 / v3\n  v3 = v2\ndef Predict():\n  s1 = mean(v3)\n").function == "Learn"


def test_an_error_that_is_too_large():
    fault = found("def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  s2 = 1e6\n  v1 = s2 * v0\n")
    assert (fault.task, fault.examples, fault.instruction) == (0, 1, "")
    expected = abs(TASKS.train_y[0, 1] - 1e6 * (X[0, 0] @ X[0, 1]))
    assert fault.value == pytest.approx(expected) and expected > 100
    assert str(fault) == f"task 0, after 1 training examples: an error of {expected:.6g} is too large"
    late = found(
        "def Predict():\n  s3 = s2 - 19.5\n  s4 = heaviside(s3, 1.0)\n  s1 = s4 * 1000\n  s5 = 1\n  s2 = s2 + s5\n"
    )
    assert late.examples == 20 and late.value == pytest.approx(np.abs(TASKS.valid_y[0] - 1000).max())


def test_values_without_effect_are_no_faults():
    assert found("def Predict():\n  s1 = mean(v0)\n  s4 = s3 / s3\n") is None


def test_random_programs():
    """Where training stopped there is a fault; where there is none, the fitness is above 0, and both kinds occur."""
    rng, stopped = np.random.default_rng(1), 0
    for number in range(20):
        program, tasks = random_program(rng, max_length=4), random_tasks(rng, 3, 2, "rmse", epochs=1, max_examples=5)
        fitness = evaluate(program, tasks)
        for task in range(tasks.tasks):
            fault = first_fault(program, tasks, [task])
            assert fault is not None or fitness[task] > 0.0, number
            stopped += fitness[task] == 0.0
    assert 3 < stopped < 38


def test_a_diagnosis():
    program = "task linear(tasks=2, train=5, valid=5)\nsearch(max_abs_error=0.5)\ndef Predict():\n  s9 = 2\n  s1 = mean(v0)\n  s1 = s1 + s1\n"
    diagnosis = azdsl.diagnose(program)
    assert (diagnosis.size, diagnosis.dead) == (2, ("s9 = 2 in Predict",))
    assert diagnosis.fault.value > 0.5
    fine = azdsl.diagnose("def Predict():\n  s1 = mean(v0)\n", tasks=TASKS)
    assert fine.fault is None and str(fine) == "nothing found"
    assert len(azdsl.diagnose(azdsl.parse(program), on="test").dead) == 1
    with pytest.raises(ValueError, match="unknown split"):
        azdsl.diagnose(program, on="train")
