"""The evaluation protocol, case by case, with figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
from canonical import read

from azdsl.interp import Machine, evaluate
from azdsl.ir import Address
from azdsl.ir.metric import chosen_class, sigmoid, softmax
from azdsl.ops import Kind
from azdsl.taskset import TaskSet


def tasks(train, valid, **more):
    """One task from (x, y) pairs, x a number or a list."""
    arrays = []
    for examples in (train, valid):
        arrays += [[[np.atleast_1d(x).tolist() for x, _ in examples]], [[y for _, y in examples]]]
    return TaskSet.from_arrays(*arrays, **more)


def fitness_of(rmse):
    return 1.0 - (2.0 / math.pi) * math.atan(rmse)


ONE = [(0.0, 0.0)]


def test_regression_fitness():
    program = read("def Predict():\n  s1 = norm(v0)")
    assert evaluate(program, tasks(ONE, [(3.0, 0.0), (1.0, 0.0)])) == [fitness_of(math.sqrt(5.0))]
    assert evaluate(program, tasks(ONE, [(3.0, 3.0)])) == [1.0]


def test_empty_program_predicts_zero():
    assert evaluate(read(""), tasks(ONE, [(1.0, 2.0)])) == [fitness_of(2.0)]


def test_label_is_hidden_from_predict_and_shown_to_learn():
    program = read("def Predict():\n  s1 = s0 + s2\ndef Learn():\n  s2 = s2 + s0")
    assert evaluate(program, tasks([(0.0, 1.0), (0.0, 2.0)], [(0.0, 3.0)])) == [1.0]


def test_memory_starts_at_zero_for_each_task_and_setup_runs_once():
    program = read("def Setup():\n  s2 = 1\n  s1 = s1 + s2\ndef Predict():\n  NoOp()")
    zeros = np.zeros((3, 4, 1))
    assert (
        evaluate(program, TaskSet.from_arrays(zeros, zeros[..., 0], zeros, zeros[..., 0] + 1.0, epochs=2)) == [1.0] * 3
    )


def test_training_stops_when_the_first_prediction_is_far_off():
    program = read("def Setup():\n  s1 = 101\ndef Predict():\n  NoOp()")
    assert evaluate(program, tasks(ONE, [(0.0, 101.0)])) == [0.0]
    assert evaluate(program, tasks(ONE, [(0.0, 101.0)]), max_abs_error=101.0) == [1.0]


def test_nan_prediction_stops_training():
    assert evaluate(read("def Predict():\n  s1 = s9 / s9"), tasks(ONE, ONE)) == [0.0]


def test_stop_in_a_later_epoch_keeps_the_best():
    # s1 counts training steps: 1 after the first epoch, 2 after the second; each is validated; the third stops.
    program = read("def Setup():\n  s2 = 1\ndef Learn():\n  s1 = s1 + s2")
    assert evaluate(program, tasks(ONE, [(0.0, 3.0)], epochs=2), max_abs_error=5.0) == [fitness_of(1.0)]
    stopped = tasks(ONE, [(0.0, 1.0)], epochs=5)
    assert evaluate(program, stopped, max_abs_error=1.5) == [1.0]
    assert evaluate(program, stopped, max_abs_error=0.5) == [1.0]


def test_best_epoch_counts_not_the_last():
    program = read("def Setup():\n  s2 = 1\ndef Learn():\n  s1 = s1 + s2")
    assert evaluate(program, tasks(ONE, [(0.0, 2.0)], epochs=6)) == [1.0]


def test_epoch_length_shorter_than_the_examples():
    program = read("def Setup():\n  s2 = 1\ndef Learn():\n  s1 = s1 + s2")
    four = [(0.0, 0.0)] * 4
    assert evaluate(program, tasks(four, [(0.0, 2.0)], epoch_length=2)) == [1.0]
    assert evaluate(program, tasks(four, [(0.0, 2.0)])) == [fitness_of(2.0)]


def test_validation_failing_gives_zero_but_later_ones_count():
    # Validation label 3, limit 1.5: the epoch with s1 = 1 (error 2) fails, that with s1 = 2 passes.
    program = read("def Setup():\n  s2 = 1\ndef Learn():\n  s1 = s1 + s2")
    train = [(0.0, 1.0)]
    assert evaluate(program, tasks(train, [(0.0, 3.0)]), max_abs_error=1.5) == [0.0]
    assert evaluate(program, tasks(train, [(0.0, 3.0)], epochs=2), max_abs_error=1.5) == [fitness_of(1.0)]


def test_nan_in_validation_gives_zero():
    program = read("def Predict():\n  s2 = norm(v0)\n  s1 = log(s2)\n  s1 = s1 * s2")  # log 0 * 0 is NaN
    assert evaluate(program, tasks([(1.0, 0.0)], [(0.0, 0.0)])) == [0.0]
    assert evaluate(program, tasks([(1.0, 0.0)], [(1.0, 0.0)])) == [1.0]


def test_validation_keeps_state_and_goes_on_after_a_failure():
    # s3 counts predictions: 1 training + 2 validations in epoch one, so epoch two's validations see 5 and 6.
    program = read("def Setup():\n  s2 = 1\ndef Predict():\n  s3 = s3 + s2\n  s1 = s3 + s4")
    data = tasks([(0.0, 4.0)], [(0.0, 5.0), (0.0, 6.0)], epochs=2)
    assert evaluate(program, data, max_abs_error=3.0) == [1.0]
    assert evaluate(program, data, max_abs_error=2.9) == [0.0]


def test_accuracy_squashes_in_training_only():
    # Learn stores the squashed prediction of 0 (a half), by which validation is offset.
    learn = "def Learn():\n  s2 = s1 * s4\n  s2 = s2 + s1"
    program = read(f"def Predict():\n  s1 = norm(v0)\n  s1 = s1 - s2\n  s1 = s1 - s2\n{learn}")
    valid = [(0.9, 0.0), (1.1, 1.0), (1.2, 0.0), (5.0, 1.0)]
    assert evaluate(program, tasks([(0.0, 1.0)], valid, metric="accuracy")) == [0.75]


def test_accuracy_of_the_undecided():
    # sigmoid(0) is exactly a half, which is not above a half: class 0. So is NaN.
    valid = [(0.0, 0.0), (0.0, 1.0), (0.0, 0.0)]
    assert evaluate(read("def Predict():\n  s1 = s2 * s2"), tasks(ONE, valid, metric="accuracy")) == [2 / 3]
    # A program without Predict keeps what training left: the squashed 0, a half, whose sigmoid is above a half.
    assert evaluate(read(""), tasks(ONE, valid, metric="accuracy")) == [1 / 3]
    program = read("def Predict():\n  s2 = norm(v0)\n  s1 = log(s2)\n  s1 = s1 * s2")
    assert evaluate(program, tasks([(1.0, 0.0)], [(0.0, 0.0), (0.0, 1.0)], metric="accuracy")) == [0.5]


def test_sigmoid_and_softmax():
    assert sigmoid(0.0) == 0.5
    assert sigmoid(-1000.0) == 0.0
    assert sigmoid(1000.0) == 1.0
    assert math.isnan(sigmoid(math.nan))
    assert softmax([0.0, 0.0]) == [0.5, 0.5]
    assert softmax([1000.0, 0.0]) == [1.0, 0.0]
    assert all(math.isnan(p) for p in softmax([math.nan, 1.0]))
    assert all(math.isnan(p) for p in softmax([1.0, math.nan]))
    assert all(math.isnan(p) for p in softmax([1.0, math.inf]))
    assert type(softmax([np.float32(1), np.float32(2)])[0]) is np.float32


def test_chosen_class():
    assert chosen_class([0.0, 2.0, 2.0]) == 1
    assert chosen_class([0.0, -0.0]) == 0
    assert chosen_class([0.0, math.nan, 9.0]) == -1
    assert chosen_class([-math.inf, math.inf]) == 1


def test_multiclass():
    learn = "def Learn():\n  v3 = v1 - v2\n  m1 = outer(v3, v0)\n  m0 = m0 + m1"
    program = read(f"def Predict():\n  v2 = dot(m0, v0)\n{learn}")
    train = [([1.0, 0.0, 0.0], 0.0), ([0.0, 1.0, 0.0], 1.0), ([0.0, 0.0, 1.0], 2.0)] * 3
    valid = [([1.0, 0.1, 0.0], 0.0), ([0.0, 1.0, 0.1], 1.0), ([0.0, 0.0, 2.0], 2.0), ([0.0, 0.0, 2.0], 1.0)]
    assert evaluate(program, tasks(train, valid, metric="multiclass")) == [0.75]


def test_multiclass_label_is_hidden_and_entries_beyond_the_classes_ignored():
    # v1 read in Predict is zero; entry 2 of v2 is no class (C = 2), however large and even NaN.
    setup = "def Setup():\n  v4[0.9] = 1e308\n  v4 = v4 + v4\n  v4 = v4 - v4\n"  # 0, 0, NaN
    learn = "def Learn():\n  v3 = v1 + v9\n"
    loud = read(f"{learn}def Predict():\n  v2 = v1 + v3\n  v2[0.9] = 50")
    nan = read(f"{setup}{learn}def Predict():\n  v2 = v1 + v3\n  v2 = v2 + v4")
    train, valid = [([1.0, 1.0, 1.0], 1.0)], [([1.0, 1.0, 1.0], 1.0), ([1.0, 1.0, 1.0], 0.0)]
    assert evaluate(loud, tasks(train, valid, metric="multiclass", classes=2)) == [0.5]
    assert evaluate(nan, tasks(train, valid, metric="multiclass", classes=2)) == [0.5]
    assert evaluate(loud, tasks(train, valid, metric="multiclass", classes=3)) == [0.0]
    assert evaluate(nan, tasks(train, valid, metric="multiclass", classes=3)) == [0.0]


def test_multiclass_stops_on_nan():
    program = read("def Predict():\n  v2 = v5 / v5")
    assert evaluate(program, tasks([([0.0, 0.0], 1.0)], [([0.0, 0.0], 0.0)], metric="multiclass", classes=2)) == [0.0]


def test_draws_are_numbered_by_example_and_task():
    program = read("def Predict():\n  s1 = uniform(0, 1)")
    zeros = np.zeros((2, 3, 1))
    data = TaskSet.from_arrays(zeros, zeros[..., 0], zeros, zeros[..., 0])
    first = evaluate(program, data, seed=1)
    assert first == evaluate(program, data, seed=1)
    assert first != evaluate(program, data, seed=2)
    assert first[0] != first[1]
    machine = Machine(program, 1, seed=1, task=1)
    errors = [machine.predict([0.0], visit) for visit in (4, 5, 6)]  # three training examples came before
    assert first[1] == fitness_of(math.sqrt((errors[0] ** 2 + errors[1] ** 2 + errors[2] ** 2) / 3))


def test_float32_differs_and_is_float32():
    program = read("def Predict():\n  s2 = norm(v0)\n  s1 = sin(s2)")
    data = tasks([(0.1, 0.0)], [(0.1, 0.0)])
    assert evaluate(program, data, precision=32) != evaluate(program, data)
    single = float(np.sqrt(np.float32(math.sin(np.float32(np.sqrt(np.float32(0.1) ** 2)))) ** 2))
    assert evaluate(program, data, precision=32) == [fitness_of(single)]


def test_float32_overflow_is_no_warning():
    program = read("def Predict():\n  s2 = norm(v0)\n  s3 = exp(s2)\n  s1 = s3 * s3")
    assert evaluate(program, tasks([(80.0, 0.0)], [(80.0, 0.0)]), precision=32) == [0.0]


def test_machine_by_hand():
    learn = "def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  v1 = v1 + v2"
    program = read(f"def Setup():\n  s2 = 0.5\ndef Predict():\n  s1 = dot(v0, v1)\n{learn}")
    machine = Machine(program, 2)
    machine.run_setup()
    assert machine.predict([1.0, 2.0]) == 0.0
    machine.learn([1.0, 2.0], 4.0)
    assert machine[Address(Kind.VECTOR, 1)] == [2.0, 4.0]
    assert machine.predict([1.0, 0.5]) == 4.0
