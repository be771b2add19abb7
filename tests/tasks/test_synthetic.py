"""Generated tasks: their labels, sizes and seeds."""

from __future__ import annotations

import numpy as np
import pytest

from azdsl.config.search import SettingsError
from azdsl.config.task import Task
from azdsl.config.tasks import Affine, Linear, TwoLayer
from azdsl.tasks import DEFAULT_TASK, TaskError, build, describe

KINDS = [Linear, Affine, TwoLayer]
ROLES = ["search", "select", "test"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
def test_same_seed_same_tasks_other_seed_others(kind, role):
    task = kind(tasks=2, select_tasks=2, test_tasks=2)
    first, again, other = build(task, 5, role), build(task, 5, role), build(task, 6, role)
    assert first.train_X.tobytes() == again.train_X.tobytes()
    assert first.valid_y.tobytes() == again.valid_y.tobytes()
    assert not np.isin(first.train_X, other.train_X).any()


@pytest.mark.parametrize("kind", KINDS)
def test_roles_share_no_example(kind):
    task = kind(tasks=3, select_tasks=3, test_tasks=3)
    sets = [build(task, 0, role) for role in ROLES]
    values = np.concatenate([x.ravel() for s in sets for x in (s.train_X, s.valid_X)])
    assert len(np.unique(values)) == len(values)


def test_more_tasks_leave_the_first_as_they_are():
    few, many = build(Linear(tasks=2), 0, "search"), build(Linear(tasks=5), 0, "search")
    assert np.array_equal(few.train_X, many.train_X[:2])


def test_sizes():
    task = Linear(
        features=3, tasks=2, train=7, valid=5, select_tasks=3, select_train=11, test_tasks=4, test_valid=13, epochs=2
    )
    shapes = {role: (s.train_X.shape, s.valid_y.shape) for role in ROLES for s in [build(task, 0, role)]}
    assert shapes == {"search": ((2, 7, 3), (2, 5)), "select": ((3, 11, 3), (3, 5)), "test": ((4, 11, 3), (4, 13))}
    assert build(task, 0, "search").epochs == 2


@pytest.mark.parametrize(("validations", "length"), [(None, 6), (1, 18), (3, 6), (9, 2)])
def test_validations(validations, length):
    tasks = build(Linear(train=6, epochs=3, validations=validations), 0, "search")
    assert (tasks.epoch_length, tasks.steps) == (length, 18)


@pytest.mark.parametrize("validations", [4, 36])
def test_validations_that_do_not_fit(validations):
    with pytest.raises(SettingsError, match=f"validations={validations} does not divide the 18 training steps"):
        build(Linear(train=6, epochs=3, validations=validations), 0, "search")


def solve(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0]


def test_linear_and_affine_labels():
    for kind, bias in ((Linear, False), (Affine, True)):
        tasks = build(kind(tasks=3), 0, "search")
        for t in range(3):
            X, VX = (np.column_stack([x[t], np.ones(len(x[t]))]) for x in (tasks.train_X, tasks.valid_X))
            weights = solve(X, tasks.train_y[t])
            assert VX @ weights == pytest.approx(tasks.valid_y[t], abs=1e-12)
            assert (abs(weights[-1]) > 1e-6) == bias


def test_two_layer_labels_are_homogeneous_and_not_linear():
    tasks = build(TwoLayer(tasks=1, train=2000), 0, "search")
    X, y = tasks.train_X[0], tasks.train_y[0]
    assert np.sqrt(np.mean((X @ solve(X, y) - y) ** 2)) > 0.1
    assert 0.1 < y.std() < 20


def test_activation_abs_makes_an_even_teacher():
    tasks = build(TwoLayer(tasks=1, train=4000, activation="abs"), 0, "search")
    X, y = tasks.train_X[0], tasks.train_y[0]
    assert np.abs(solve(X, y)).max() < 0.1 * y.std()


def test_output_weights():
    def signs(output):
        labels = build(TwoLayer(tasks=40, train=50, output_weights=output), 0, "search").train_y
        return (labels >= 0).all(axis=1), (labels <= 0).all(axis=1)

    positive, negative = signs("positive")
    assert positive.all() and not negative.any()
    positive, negative = signs("one_sign")
    assert (positive ^ negative).all() and 10 < positive.sum() < 30
    positive, negative = signs("gaussian")
    assert not (positive | negative).all()


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_on_training_labels_only(kind):
    clean, noisy = (build(kind(tasks=2, train=4000, noise=noise), 0, "search") for noise in (0.0, 0.3))
    assert (clean.train_X == noisy.train_X).all() and (clean.valid_y == noisy.valid_y).all()
    assert (noisy.train_y - clean.train_y).std() == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_spread_scales_each_example(kind):
    plain, spread = (build(kind(tasks=2, train=2000, spread=spread), 0, "search") for spread in (0.0, 0.5))
    scales = spread.train_X / plain.train_X
    assert scales == pytest.approx(np.repeat(scales[:, :, :1], 4, axis=2), rel=1e-12)
    logarithms = np.log(scales[:, :, 0])
    assert abs(logarithms.mean()) < 0.05 and logarithms.std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_the_halves_of_the_labels(kind):
    numbers, classes = (build(kind(tasks=2, metric=metric), 0, "search") for metric in ("rmse", "accuracy"))
    assert classes.metric == "accuracy" and (numbers.train_X == classes.train_X).all()
    ones = classes.train_y.sum(axis=1)
    assert (ones >= 40).all() and (ones <= 50).all()  # fewer where the median itself is frequent: no hidden unit is on
    assert set(classes.valid_y.ravel()) == {0.0, 1.0}
    assert (classes.train_y[0][np.argsort(numbers.train_y[0])[:50]] == 0).all()


def test_gaussian_features():
    X = build(Linear(tasks=5, train=4000), 0, "search").train_X
    assert X.mean() == pytest.approx(0, abs=0.02)
    assert X.std() == pytest.approx(1, abs=0.02)


def test_large_seeds():
    assert build(DEFAULT_TASK, 2**63 - 1, "search").tasks == 10


def test_describe():
    assert describe(DEFAULT_TASK) == "10 linear tasks, 4 features, 100 + 100 examples"
    assert describe(TwoLayer(tasks=1, epochs=3)) == "1 two-layer task, 4 features, 100 + 100 examples, 3 epochs"
    assert (
        describe(TwoLayer(epochs=3, validations=1))
        == "10 two-layer tasks, 4 features, 100 + 100 examples, 3 epochs, 1 validation"
    )


def test_unknown_kind():
    with pytest.raises(TaskError, match="unknown kind of task: Task"):
        build(Task(), 0, "search")
