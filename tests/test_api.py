"""The public Python functions."""

from __future__ import annotations

import copy
import doctest
import inspect
import math
import pickle
import re
from pathlib import PurePosixPath
from types import SimpleNamespace

import numpy as np
import pytest
from learners import LINEAR as TEXT

import azdsl
from azdsl.scoring import combined
from azdsl.setting_overrides import known_settings
from azdsl.settings import CompareSettings, EvolveSettings


@pytest.fixture
def tasks() -> azdsl.TaskSet:
    generator = np.random.default_rng(1)
    X, VX = generator.normal(size=(3, 50, 4)), generator.normal(size=(3, 20, 4))
    w = generator.normal(size=(3, 4, 1))
    return azdsl.TaskSet.from_arrays(X, (X @ w)[..., 0], VX, (VX @ w)[..., 0])


def test_every_public_name_exists():
    for name in azdsl.__all__:
        assert getattr(azdsl, name) is not None
        assert name in dir(azdsl)
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        _ = azdsl.evalute


def test_parse_and_load(tmp_path):
    program = azdsl.parse(TEXT)
    assert str(program) == TEXT
    path = tmp_path / "p.az"
    path.write_text(TEXT)
    assert azdsl.load(path) == azdsl.load(str(path)) == program
    with pytest.raises(azdsl.SyntaxError, match="did you mean 'dot'"):
        azdsl.parse("def Setup():\n  s2 = dto(v0, v1)\ndef Predict():\ndef Learn():\n")


def test_evaluate_one_and_many(tasks):
    program = azdsl.parse(TEXT)
    one = azdsl.evaluate(program, tasks)
    assert isinstance(one.fitness, float) and one.task_fitness.shape == (3,)
    first, second, third = one.task_fitness.tolist()
    assert one.fitness == (first + second + third) / 3
    many = azdsl.evaluate([program, azdsl.Program()], tasks)
    assert many.fitness.shape == (2,) and many.task_fitness.shape == (2, 3)
    assert many.fitness[0] == one.fitness and (many.task_fitness[0] == one.task_fitness).all()


@pytest.mark.parametrize("backend", ["vm", "jit"])
def test_backends_agree(tasks, backend):
    programs = [azdsl.parse(TEXT), azdsl.Program()]
    expected = azdsl.evaluate(programs, tasks)
    assert (azdsl.evaluate(programs, tasks, backend=backend).task_fitness == expected.task_fitness).all()


def test_the_mean_is_summed_left_to_right():
    values = np.array([[1.0, 1e100, 1.0, -1e100], [0.1, 0.2, 0.3, 0.4]])
    assert combined(values, "mean").tolist() == [0.0, (((0.1 + 0.2) + 0.3) + 0.4) / 4]


def test_the_median_is_the_upper_one():
    assert combined(np.array([[0.3, 0.1, 0.2, 0.4], [1.0, 0.0, 0.0, 0.0]]), "median").tolist() == [0.3, 0.0]
    assert combined(np.array([0.3, 0.1, 0.2]), "median") == 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "tpu"}, "unknown backend 'tpu': use one of reference, vm, jit"),
        ({"precision": 16}, "unknown precision 16: use one of 64, 32"),
        ({"combine": "max"}, "unknown combine 'max'"),
        ({"seed": -1}, "seed must be between 0"),
        ({"max_abs_error": math.nan}, "max_abs_error must be 0 or more"),
    ],
)
def test_bad_arguments(tasks, arguments, message):
    with pytest.raises(ValueError, match=message):
        azdsl.evaluate(azdsl.Program(), tasks, **arguments)


def test_wrong_types(tasks):
    with pytest.raises(ValueError, match="list of programs is empty"):
        azdsl.evaluate([], tasks)
    with pytest.raises(TypeError, match=r"not a task set, but ndarray.*azdsl\.TaskSet\.from_arrays"):
        azdsl.evaluate(azdsl.Program(), np.zeros(3))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (None, "not a program, but None: make one of text with azdsl.parse, of a file with azdsl.load"),
        ("a.az", "not a program, but str 'a.az': load a file with azdsl.load('a.az'), and text with azdsl.parse"),
        (PurePosixPath("b/a.az"), "load a file with azdsl.load('b/a.az'), and text with azdsl.parse"),
        ("def Setup():\n", "not a program, but str 'def Setup():\\n': make one of text with azdsl.parse"),
        ([azdsl.Program(), None], "not a program, but None"),
        (azdsl.Experiment(), "not a program, but Experiment: give its program, as in experiment.program"),
        (SimpleNamespace(best=azdsl.Program()), "give the best program of a result, as in result.best"),
    ],
)
def test_evaluate_says_what_it_was_given(tasks, program, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        azdsl.evaluate(program, tasks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 1.5}, "seed must be a whole number, not float 1.5"),
        ({"seed": True}, "seed must be a whole number, not bool True"),
        ({"max_abs_error": "a"}, "max_abs_error must be a number, not str 'a'"),
    ],
)
def test_evaluate_says_which_argument_has_the_wrong_type(tasks, arguments, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        azdsl.evaluate(azdsl.Program(), tasks, **arguments)


def test_programs_are_pickled_and_copied():
    program = azdsl.parse("def Predict():\n  s1 = dot(v0, v1)\n")
    assert pickle.loads(pickle.dumps(program)) == program == copy.deepcopy(program)
    assert copy.deepcopy(program).predict[0].op is program.predict[0].op


def test_examples_in_docstrings_run():
    found = doctest.testmod(azdsl.api)
    assert found.attempted >= 12 and not found.failed


def test_keyword_settings_are_typed():
    """So that editors complete them; their types are written from the schema, which tests/test_project.py checks."""
    for function, kind, others in (
        (azdsl.evolve, EvolveSettings, {"select", "test", "tasks"}),
        (azdsl.compare, CompareSettings, set()),
    ):
        assert inspect.signature(function).parameters["settings"].annotation == f"Unpack[{kind.__name__}]"
        assert set(kind.__annotations__) >= known_settings() - others
        assert {"out", "workers"} <= set(kind.__annotations__)


@pytest.mark.parametrize("call", [azdsl.evolve, azdsl.compare])
def test_a_misspelled_setting_is_named_with_the_nearest_one(call):
    program = azdsl.parse("def Predict():\n  s1 = dot(v0, v1)\n")
    with pytest.raises(azdsl.AzdslError, match="unknown setting 'popluation'; did you mean 'population'"):
        call(program, popluation=3)
