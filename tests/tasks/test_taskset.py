"""Task sets from arrays: what is accepted, what is refused and how."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from azdsl import evaluate, parse
from azdsl.ir import METRICS
from azdsl.taskset import TaskError, TaskSet

GOOD = {"train_X": (2, 6, 3), "train_y": (2, 6), "valid_X": (2, 4, 3), "valid_y": (2, 4)}


def arrays(**shapes):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape) for name, shape in (GOOD | shapes).items()}


def test_sizes_and_defaults():
    tasks = TaskSet.from_arrays(**arrays())
    assert (tasks.tasks, tasks.features, tasks.steps, tasks.epoch_length, tasks.epochs) == (2, 3, 6, 6, 1)
    assert tasks.metric == "rmse"
    assert tasks.metric_definition is METRICS[tasks.metric] and not tasks.metric_definition.vector


def test_lists_and_integers_become_float64():
    tasks = TaskSet.from_arrays([[[1], [2]]], [[1, 2]], [[[3]]], [[3]])
    assert tasks.train_X.dtype == tasks.valid_y.dtype == np.float64


def test_a_part_keeps_what_intervals_need():
    whole = dataclasses.replace(
        TaskSet.from_arrays(**arrays()), valid_rows=9, halves=True, target_scale=np.array([2.0, 3.0])
    )
    second = whole.part(1, 1)
    assert (second.tasks, second.overlap, second.halves) == (1, whole.overlap, False)
    assert whole.overlap > 0.0
    assert second.target_scale.tolist() == [3.0]
    assert whole.part(0, 1).halves


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TaskSet.from_arrays(**arrays()).epochs = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train_X": (6, 3)},
            r"train_X must be .* shape \[T, N, F\] \(tasks, examples, features\), not \(6, 3\); .*train_X\[None\]",
        ),
        ({"valid_y": (2, 4, 1)}, r"valid_y must be .* shape \[T, M\] \(tasks, examples\), not \(2, 4, 1\)"),
        ({"train_y": (2, 5)}, "shapes do not fit together"),
        ({"valid_X": (2, 4, 2)}, "shapes do not fit together"),
        ({"valid_X": (2, 0, 3), "valid_y": (2, 0)}, "at least one task"),
    ],
)
def test_bad_shapes(change, message):
    with pytest.raises(TaskError, match=message):
        TaskSet.from_arrays(**arrays(**change))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric": "mae"}, "unknown metric 'mae'"),
        ({"epoch_length": 4}, "epoch_length=4 does not divide the 6 training steps"),
        ({"epoch_length": 0}, "epoch_length=0"),
        ({"epochs": 0}, "does not divide"),
        ({"epochs": 1.5}, "epochs must be a whole number, not 1.5"),
        ({"epoch_length": "3"}, "epoch_length must be a whole number, not '3'"),
        ({"metric": "accuracy"}, "labels 0 and 1"),
        ({"metric": "multiclass"}, "class numbers"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(TaskError, match=message):
        TaskSet.from_arrays(**arrays(), **settings)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_must_be_finite(value):
    bad = arrays()
    bad["valid_X"][1, 2, 0] = value
    with pytest.raises(TaskError, match=r"valid_X\[1, 2, 0\] is .*must be finite"):
        TaskSet.from_arrays(**bad)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([["a"]], r"not of dtype <U1 \(text\): convert or encode it first"),
        ([["1.5"]], r"not of dtype <U3 \(text\)"),
        ([[None, 1.0]], r"not of dtype object \(objects that are not all numbers\)"),
        ([[1j]], "not of dtype complex128"),
        ([[1.0], [1.0, 2.0]], "but its rows differ in length"),
        (np.zeros((1, 1), "datetime64[s]"), r"not of dtype datetime64\[s\]"),
    ],
)
def test_what_is_no_array_of_numbers(values, message):
    with pytest.raises(TaskError, match=r"train_y must be an array of numbers with shape \[T, N\] .*" + message):
        TaskSet.from_arrays(**arrays() | {"train_y": values})


def test_objects_and_booleans_that_are_numbers_are_taken():
    given = arrays()
    plain = TaskSet.from_arrays(**given)
    objects = TaskSet.from_arrays(**given | {"train_y": given["train_y"].astype(object)})
    assert (objects.train_y == plain.train_y).all() and objects.train_y.dtype == np.float64
    truths = TaskSet.from_arrays(**given | {"train_y": given["train_y"] > 0})
    assert set(np.unique(truths.train_y)) <= {0.0, 1.0}


def test_tasks_can_be_taken():
    tasks = TaskSet.from_arrays(**arrays())
    taken = tasks.take(np.array([1]))
    assert (
        taken.tasks == 1
        and (taken.train_X[0] == tasks.train_X[1]).all()
        and (taken.valid_y[0] == tasks.valid_y[1]).all()
    )
    assert not any(array.flags.writeable for array in (taken.train_X, taken.train_y, taken.valid_X, taken.valid_y))


def labelled(train, valid, features=3, **settings):
    X = np.zeros((1, len(train), features)), np.zeros((1, len(valid), features))
    return TaskSet.from_arrays(X[0], [train], X[1], [valid], metric="multiclass", **settings)


def test_classes():
    assert labelled([0, 1], [2]).classes == 3
    assert labelled([0, 1], [1], classes=3).classes == 3
    with pytest.raises(TaskError, match="label 2 does not fit 2 classes"):
        labelled([0, 1], [2], classes=2)
    with pytest.raises(TaskError, match=r"classes must be a whole number, not 2\.0"):
        labelled([0, 1], [1], classes=2.0)
    with pytest.raises(TaskError, match="3 classes with 2 features"):
        labelled([0, 1], [2], features=2)
    with pytest.raises(TaskError, match="1 classes"):
        labelled([0, 0], [0])
    with pytest.raises(TaskError, match="class numbers"):
        labelled([0, 1], [-1])


def test_first():
    tasks = TaskSet.from_arrays(**arrays(), epochs=3, epoch_length=2)
    head = tasks.first(2, 10)
    assert head.train_X.shape == (2, 2, 3)
    assert head.valid_X.shape == (2, 4, 3)
    assert (head.steps, head.epoch_length) == (2, 2)
    assert np.shares_memory(head.train_X, tasks.train_X)


def test_errors_in_target_units():
    plain = TaskSet.from_arrays([[[0.0], [0.0]]], [[0.0, 2.0]], [[[0.0]]], [[4.0]])
    assert plain.mean_rmse() == [3.0]
    scaled = dataclasses.replace(plain, target_scale=np.array([10.0]))
    assert scaled.mean_rmse() == [30.0]
    assert scaled.rmse([0.5]) == [pytest.approx(10.0)]
    assert scaled.rmse([1.0]) == [0.0]
    assert scaled.rmse([0.0]) == [math.inf]


@pytest.mark.parametrize("form", [lambda a: a, lambda a: a[:], np.asfortranarray, lambda a: a.astype(np.float32)])
def test_arrays_that_change_later_do_not_change_the_task_set(form):
    """A task set keeps its layout in memory: one that changed would be evaluated as it was before."""
    rng = np.random.default_rng(0)
    arrays = [form(rng.normal(size=shape)) for shape in ((2, 5, 3), (2, 5), (2, 4, 3), (2, 4))]
    tasks = TaskSet.from_arrays(*arrays)
    before = evaluate(parse("def Predict():\n  s1 = norm(v0)\n"), tasks, backend="jit").task_fitness
    for array in arrays:
        array *= 2.0
    after = evaluate(parse("def Predict():\n  s1 = norm(v0)\n"), tasks, backend="jit").task_fitness
    assert before.tolist() == after.tolist()
    with pytest.raises(ValueError, match="read-only"):
        tasks.part(1, 1).train_X[:] = 0.0


def test_arrays_that_nobody_can_write_to_are_not_copied():
    arrays = [np.zeros(shape) for shape in ((2, 5, 3), (2, 5), (2, 4, 3), (2, 4))]
    for array in arrays:
        array.flags.writeable = False
    assert TaskSet.from_arrays(*arrays).train_X is arrays[0]
