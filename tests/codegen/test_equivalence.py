"""The three backends compute the same bits: interpreter, virtual machine, compiled program."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Tally, programs, random_program, random_tasks, task_sets

from azdsl import codegen, interp, parse
from azdsl.taskset import TaskSet

SEEDS = st.integers(0, 2**64 - 1)


def agree(program, tasks, seed, precision, max_abs_error=100.0):
    """Fitness per task, the same from all three."""
    settings_ = {"seed": seed, "max_abs_error": max_abs_error, "precision": precision}
    expected = np.array(interp.evaluate(program, tasks, **settings_))
    for backend in ("vm", "jit"):
        found = codegen.evaluate([program], tasks, backend=backend, **settings_)[0]
        np.testing.assert_array_equal(found, expected, err_msg=f"{backend}\n{program}")
    return expected


@settings(max_examples=25)
@given(data=st.data(), tasks=task_sets(max_examples=6), seed=SEEDS, precision=st.sampled_from((64, 32)))
def test_generated_programs(data, tasks, seed, precision):
    agree(data.draw(programs(metric=tasks.metric_definition)), tasks, seed, precision)


@pytest.mark.parametrize("precision", [64, 32])
@pytest.mark.parametrize("features", [1, 2, 4, 7, 9, 17])
def test_every_op_at_every_size(features, precision):
    """In bulk, so that each size meets every op, and most programs do something."""
    rng = np.random.default_rng([features, precision])
    tally = Tally()
    for _ in range(2):
        tasks = random_tasks(rng, features=features, max_examples=5)
        batch = [random_program(rng, metric=tasks.metric_definition) for _ in range(50)]
        found = codegen.evaluate(batch, tasks, backend="vm", seed=7, precision=precision)
        for program, fitness in zip(batch, found, strict=True):
            np.testing.assert_array_equal(
                fitness, interp.evaluate(program, tasks, seed=7, precision=precision), err_msg=str(program)
            )
            tally.add(program, fitness, tasks.metric_definition)
        jitted = codegen.evaluate(batch[:3], tasks, backend="jit", seed=7, precision=precision)
        np.testing.assert_array_equal(jitted, found[:3])
    assert tally.share > 0.3
    assert len(tally.unseen) <= 6, tally.unseen


def test_the_greater_of_the_greater():
    """LLVM has max(b, max(a, b)) for max(a, b), which it is not where a is NaN and b a constant."""
    texts = [
        f"def Setup():\n  s2 = {constant}\n  s3 = {value}\n"
        f"def Predict():\n  s4 = {x}\n  s4 = {first}imum({one})\n  s1 = {second}imum({other})\ndef Learn():\n"
        for constant, (value, x), first, second, one, other in product(
            (0.0, 0.5),
            ((-1.0, "log(s3)"), (1.0, "exp(s3)"), (-1.0, "s3 - s2")),
            ("min", "max"),
            ("min", "max"),
            ("s4, s2", "s2, s4"),
            ("s4, s2", "s2, s4"),
        )
    ]
    one = np.array([[[1.0, 2.0]]])
    tasks = TaskSet.from_arrays(one, np.ones((1, 1)), one, np.ones((1, 1)), metric="rmse")
    programs_ = [parse(text) for text in texts]
    expected = [interp.evaluate(program, tasks, seed=0) for program in programs_]
    for backend in ("vm", "jit"):
        np.testing.assert_array_equal(codegen.evaluate(programs_, tasks, backend=backend, seed=0), expected)
    assert len(np.unique(expected)) > 3 and np.min(expected) == 0.0  # a prediction that is NaN has fitness 0


@pytest.mark.slow
def test_many_more():
    """A longer run of the same, over all sizes, by number so that a failure can be repeated."""
    tally = Tally()
    for number in range(400):
        rng = np.random.default_rng([99, number])
        tasks = random_tasks(rng)
        program = random_program(rng, max_length=12, metric=tasks.metric_definition)
        fitness = agree(program, tasks, int(rng.integers(2**63)), (64, 32)[number % 2])
        tally.add(program, list(fitness), tasks.metric_definition)
    assert not tally.unseen
    assert tally.share > 0.4


@pytest.mark.parametrize("tasks_count", [1, 2, 3, 7, 10, 16, 17, 33])
def test_any_number_of_tasks(tasks_count):
    """A task's fitness does not depend on which lane it is in, nor on its neighbours' early stops."""
    rng = np.random.default_rng(tasks_count)
    tasks = random_tasks(rng, features=3, tasks=tasks_count, metric="rmse")
    for _ in range(5):
        agree(random_program(rng), tasks, 3, 64, max_abs_error=2.0)


def test_large_matrices_leave_the_stack():
    """Registers of more bytes than the stack should hold."""
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, features=70, tasks=9, metric="rmse", max_examples=2)
    from azdsl import parse

    setup = "def Setup():\n  m1 = gaussian(0, 1)\n  m2 = transpose(m1)\n  m0 = matmul(m1, m2)\n"
    program = parse(setup + "def Predict():\n  v1 = dot(m0, v0)\n  s1 = mean(v1)\n")
    agree(program, tasks, 5, 64, max_abs_error=1e9)


@pytest.mark.parametrize(
    "text",
    [
        # results that a reader computes itself must not see what is written in between
        "v1 = v0 + v2\n  v2 = v0 * v0\n  v3 = v1 + v2\n  s1 = dot(v3, v2)",
        "v1 = v0 + v0\n  v2 = v1 * v0\n  v1 = v2 - v0\n  s1 = dot(v1, v1)",
        "v3 = 1 / v0\n  v1 = v3 * v0\n  v3 = v0 + v1\n  s1 = mean(v3)",
        # an output that is also an input, not entry by entry
        "m1 = outer(v0, v0)\n  m1 = transpose(m1)\n  m1 = matmul(m1, m1)\n  v1 = dot(m1, v0)\n  v1 = dot(m1, v1)\n  s1 = norm(v1)",
        "m1 = bcast(v0, axis=0)\n  m2 = transpose(m1)\n  m1 = m1 + m2\n  v1 = dot(m1, v0)\n  s1 = std(v1)",
        "m1 = outer(v0, v0)\n  m0 = m0 + m1\n  m2 = transpose(m0)\n  m0 = m0 - m2\n  s1 = norm(m0)",
        # pairs that the machine fuses, and look-alikes that it must not
        "s2 = mean(v0)\n  v2 = s2 * v0\n  v1 = v1 + v2\n  s1 = dot(v1, v0)",
        "s2 = mean(v0)\n  v2 = s2 * v0\n  v1 = v2 + v0\n  s1 = dot(v1, v2)",
        "s2 = mean(v0)\n  v2 = s2 * v0\n  v2 = v2 + v2\n  s1 = norm(v2)",
        "s2 = mean(v0)\n  v1 = s2 * v1\n  v1 = v0 + v1\n  s1 = norm(v1)",
        "v3 = v1 + v0\n  s2 = mean(v3)\n  v1 = s2 * v0\n  v2 = v1 + v0\n  s1 = norm(v2)",
        "m1 = outer(v0, v0)\n  m0 = m1 + m0\n  v1 = dot(m0, v0)\n  s1 = mean(v1)",
        "m0 = outer(v0, v1)\n  m0 = m0 + m2\n  s2 = mean(m0)\n  m1 = s2 * m0\n  m2 = m2 + m1\n  v1 = bcast(s2)\n  v1 = v1 + v0\n  s1 = norm(m2)",
        "m1 = outer(v0, v0)\n  m0 = m1 + m0\n  m1[0.1, 0.2] = 3\n  s1 = norm(m1)\n  s2 = norm(m0)\n  s1 = s1 - s2",
        # state that is carried from one example to the next
        "v1 = v1 + v0\n  m0 = bcast(v1, axis=1)\n  v1 = norm(m0, axis=0)\n  s1 = mean(v1)",
        "v2 = v1 + v0\n  v3 = v2 * v0\n  v1 = v3 - v2\n  s2 = mean(v1)\n  s1 = s1 + s2",
    ],
)
@pytest.mark.parametrize("features", [2, 6])
def test_order_of_reads_and_writes(text, features):
    from azdsl import parse

    tasks = random_tasks(np.random.default_rng(1), features=features, tasks=3, metric="rmse")
    fitness = agree(parse(f"def Predict():\n  {text}\n"), tasks, 0, 64, max_abs_error=1e12)
    assert (fitness > 0).any()


def test_bulk_equals_one_by_one():
    rng = np.random.default_rng(5)
    tasks = random_tasks(rng, features=4, tasks=10, metric="accuracy")
    batch = [random_program(rng) for _ in range(30)]
    together = codegen.evaluate(batch, tasks, seed=1)
    alone = [codegen.evaluate([program], tasks, seed=1)[0] for program in batch]
    np.testing.assert_array_equal(together, alone)


def test_more_classes_than_are_unrolled_and_a_written_label():
    """Digits has ten classes; a one-hot label that Predict overwrote is whole again in Learn."""
    from azdsl import parse

    tasks = random_tasks(np.random.default_rng(3), features=12, tasks=3, metric="multiclass")
    tasks = type(tasks).from_arrays(
        tasks.train_X, tasks.train_y % 10, tasks.valid_X, tasks.valid_y % 10, metric="multiclass", classes=10
    )
    text = "def Predict():\n  v1 = v0 + v2\n  v2 = dot(m0, v0)\ndef Learn():\n  v3 = v1 - v2\n  m1 = outer(v3, v0)\n  m0 = m0 + m1\n"
    agree(parse(text), tasks, 0, 64)


@pytest.mark.parametrize("line", ["v1 = v1 + v0", "m1 = m1 + m2", "s2 = s2 + s1"])
def test_long_functions(line):
    from azdsl import parse

    tasks = random_tasks(np.random.default_rng(2), features=3, tasks=2, metric="rmse", max_examples=3)
    text = "def Setup():\n  m2 = gaussian(0, 1)\ndef Predict():\n  v2 = dot(m1, v0)\n  v2 = v2 + v1\n  s1 = mean(v2)\n  s1 = s1 + s2\n"
    agree(parse(f"{text}def Learn():\n" + f"  {line}\n" * 1000), tasks, 0, 64, max_abs_error=1e30)
