"""Tasks made of pictures: dealing out, pairs, projection, standardisation, and what cannot be."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from tasks.image_files import numbered, numbers, write_mnist

from azdsl import sums
from azdsl.config.image_tasks import HELD_OUT, Images, Projected, pairs_of
from azdsl.config.search import SettingsError
from azdsl.tasks import TaskError, build, describe
from azdsl.tasks.image_splits import sample, split_images, task_classes
from azdsl.tasks.image_tasks import projection
from azdsl.tasks.images import ImageSet, find
from azdsl.tasks.images.sets import pictures
from azdsl.tasks.splits import generator

ROLES = ("search", "select", "test")
SMALL = Projected(images="mnist", data="d", features=5, train=40, valid=10, tasks=4, select_tasks=3, test_tasks=3)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path / "cache"))


def image_set(count: int = 400, test: int = 0, classes: int = 10) -> ImageSet:
    parts = [
        pictures("s", [images], labels)
        for images, labels in (numbered(count, classes), numbered(test, classes, first=count))
        if len(labels)
    ]
    return ImageSet(*parts)


def write(folder: Path, **settings: int) -> Path:
    (folder / "d").mkdir()
    write_mnist(folder / "d", **settings)
    return folder


@pytest.mark.parametrize("test", [0, 100])
@pytest.mark.parametrize("seed", range(5))
def test_no_picture_in_two_splits(test: int, seed: int) -> None:
    images = image_set(test=test)
    pools = split_images("s", images, SMALL, seed, list(range(10)), 2)
    for number, pool in pools.items():
        held = images.test or images.train
        parts = [numbers(images.train.rows(p)) for p in (pool.train, pool.valid["search"], pool.valid["select"])]
        parts.append(numbers(held.rows(pool.valid["test"])))
        assert sum(map(len, parts)) == len(set.union(*parts)) == (400 + test) // 10
        assert {size % 10 for part in parts for size in part} == {number}, "a picture's number tells its class"
        assert [len(part) for part in parts[1:3]] == [5, 5]
        assert (min(parts[3]) >= 400) == bool(test), "the set's own test pictures are the test's, and nobody else's"


def test_pairs_held_out_are_never_searched() -> None:
    held = set(pairs_of("held_out", HELD_OUT))
    many = dataclasses.replace(SMALL, tasks=50, select_tasks=20, test_tasks=20)
    for seed in range(5):
        searched, selected, tested = (task_classes("s", image_set(), many, seed, role) for role in ROLES)
        assert set(searched) == set(combinations(range(10), 2)) - held
        assert set(selected) == set(tested) == held
        assert len(set(searched[:36])) == 36, "no pair comes again before all have come"
        assert searched[:4] == task_classes("s", image_set(), SMALL, seed, "search"), (
            "more tasks leave the first as they are"
        )
    assert task_classes("s", image_set(), many, 0, "search") != task_classes("s", image_set(), many, 1, "search")


@pytest.mark.parametrize(
    ("settings", "searched", "judged"),
    [
        ({"pairs": "0-1,2-3"}, {(0, 1), (2, 3)}, set(pairs_of("", HELD_OUT))),
        ({"held_out": "1-0"}, set(combinations(range(10), 2)) - {(0, 1)}, {(0, 1)}),
        ({"pairs": "3-5", "held_out": "none"}, {(3, 5)}, {(3, 5)}),
        ({"pairs": "5-3"}, {(3, 5)}, set(pairs_of("", HELD_OUT)) - {(3, 5)}),
    ],
)
def test_pairs_asked_for(settings: dict[str, str], searched: set[object], judged: set[object]) -> None:
    task = dataclasses.replace(SMALL, tasks=50, select_tasks=20, **settings)  # type: ignore[arg-type] # texts of text keys
    assert set(task_classes("s", image_set(), task, 0, "search")) == searched
    assert set(task_classes("s", image_set(), task, 0, "select")) == judged


def test_other_numbers_of_classes_hold_out_a_fifth() -> None:
    task = dataclasses.replace(SMALL, tasks=50, select_tasks=20)
    images = image_set(classes=5)
    searched, judged = (set(task_classes("s", images, task, 0, role)) for role in ("search", "select"))
    assert len(judged) == 2
    assert searched == set(combinations(range(5), 2)) - judged
    with pytest.raises(TaskError, match="held_out=none uses the pairs of the search for them"):
        task_classes("s", image_set(classes=2), task, 0, "search")


def test_shapes_balance_and_standardisation(tmp_path: Path) -> None:
    write(tmp_path, test=100)
    for role, count, valid in zip(ROLES, (4, 3, 3), (10, 10, 20), strict=True):
        tasks = build(SMALL, 0, role, tmp_path)
        assert (tasks.train_X.shape, tasks.valid_X.shape) == ((count, 40, 5), (count, valid, 5))
        assert (tasks.metric, tasks.classes) == ("accuracy", 0)
        assert (tasks.train_y.sum(axis=1) == 20).all()
        assert (tasks.valid_y.sum(axis=1) == valid // 2).all()
        assert tasks.train_X.mean(axis=1) == pytest.approx(0, abs=1e-12)
        assert tasks.train_X.std(axis=1) == pytest.approx(1)
        assert abs(tasks.valid_X.mean(axis=1)).max() > 0.01, "by the training examples' mean, not their own"
        assert len({tasks.train_X[t].tobytes() for t in range(count)}) == count


def test_everything_follows_from_the_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    first = build(SMALL, 1, "search", tmp_path)
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path / "other"))
    again, more = build(SMALL, 1, "search", tmp_path), build(dataclasses.replace(SMALL, tasks=6), 1, "search", tmp_path)
    assert first.train_X.tobytes() == again.train_X.tobytes() == more.train_X[:4].tobytes()
    assert first.valid_y.tobytes() == again.valid_y.tobytes()
    assert build(SMALL, 2, "search", tmp_path).train_X.tobytes() != first.train_X.tobytes()


def test_features_are_a_projection_of_the_pixels(tmp_path: Path) -> None:
    """Recomputed here with exact fractions, from the same draws."""
    write(tmp_path)
    images = find(SMALL, tmp_path).read()
    classes = task_classes("s", images, SMALL, 0, "search")[2]
    pools = split_images("s", images, SMALL, 0, list(range(10)), 2)
    rng = generator(0, 0, 2)
    matrix = projection(24, 5, rng)
    places, labels = sample({number: pool.train for number, pool in pools.items()}, classes, 40, rng)
    assert [classes[int(label)] for label in labels] == images.train.labels[places].tolist()
    pixels = images.train.rows(places)
    exact = np.array(
        [
            [float(sum(Fraction(float(w)) * int(x) for w, x in zip(column, row, strict=True))) for column in matrix.T]
            for row in pixels
        ]
    )
    expected = (exact - sums.mean(exact)) / sums.deviation(exact)
    tasks = build(SMALL, 0, "search", tmp_path)
    assert tasks.train_y[2].tolist() == labels.tolist()
    assert tasks.train_X[2].tolist() == expected.tolist(), "bit for bit"


def test_projecting_is_exact_in_any_order() -> None:
    """So a BLAS that adds in another order gives the same bits on another machine."""
    matrix = projection(3072, 4, np.random.default_rng(0))
    pixels = np.random.default_rng(1).integers(0, 256, (20, 3072)).astype(np.float64)
    assert (pixels @ matrix).tobytes() == (pixels[:, ::-1].copy() @ matrix[::-1].copy()).tobytes()
    assert matrix.std() == pytest.approx(1, abs=0.02)
    assert matrix.mean() == pytest.approx(0, abs=0.02)


def test_classes_of_images(tmp_path: Path) -> None:
    write(tmp_path, test=100)
    task = Images(images="mnist", data="d", train=60, valid=15, classes="7 0 3", tasks=2, select_tasks=2, test_tasks=2)
    tasks = build(task, 0, "search", tmp_path)
    assert (tasks.metric, tasks.classes, tasks.features, tasks.train_X.shape) == ("multiclass", 3, 24, (2, 60, 24))
    assert np.unique(tasks.train_y[0], return_counts=True)[1].tolist() == [20, 20, 20]
    projected = build(dataclasses.replace(task, features=12, classes=None), 0, "test", tmp_path)
    assert (projected.classes, projected.features, projected.valid_X.shape) == (10, 12, (2, 100, 12))
    with pytest.raises(TaskError, match="10 classes need at least 10 features, not 6"):
        build(dataclasses.replace(task, features=6, classes=None), 0, "search", tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"train": 8000, "valid": 1000},
            "8000 training, 1000 validation and 1000 selection examples of 2 classes .* class 0 has only 32 images",
        ),
        ({"train": 56}, "such as train=52, valid=6"),
        ({"test_valid": 17}, "17 validation examples are requested for the test, but its 2 classes have only 16"),
        ({"pairs": "0-11"}, "has no class 11; its 10 classes are 0 to 9"),
        ({"data": ""}, "mnist needs the directory"),
        ({"data": "e"}, "no such file"),
        ({"images": "openml", "data": ""}, "openml needs the name of a data set"),
    ],
)
def test_impossible(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    write(tmp_path)
    with pytest.raises(TaskError, match=message):
        build(dataclasses.replace(SMALL, **settings), 0, "search", tmp_path)  # type: ignore[arg-type] # as in the table


def test_the_sizes_that_an_error_names_fit(tmp_path: Path) -> None:
    write(tmp_path)
    assert build(dataclasses.replace(SMALL, train=52, valid=6), 0, "search", tmp_path).train_y.shape == (4, 52)


@pytest.mark.parametrize(
    ("settings", "key", "message"),
    [
        ({"images": "mnits"}, "images", "must be one of cifar10"),
        ({"pairs": "0-0"}, "pairs", "pairs of different classes"),
        ({"pairs": "0-1 1-0"}, "pairs", "twice"),
        ({"held_out": "zero-one"}, "held_out", "such as"),
        ({"pairs": "0-1", "held_out": "1-0"}, "held_out", "0-1 is both in pairs and in held_out"),
    ],
)
def test_bad_settings(settings: dict[str, str], key: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        dataclasses.replace(SMALL, **settings)  # type: ignore[arg-type] # texts of text keys
    assert caught.value.key == key
    for wrong in ("1", "1 1", "a b"):
        with pytest.raises(SettingsError, match="two or more different numbers"):
            Images(images="digits", classes=wrong)
    with pytest.raises(SettingsError, match="3 classes need at least 3 features"):
        Images(images="digits", classes="0 1 2", features=2)


def test_described() -> None:
    assert describe(SMALL) == "4 tasks of mnist (pairs of classes), 5 features, 40 + 10 examples"
    digits = Images(images="digits", train=800, valid=100, tasks=1)
    assert describe(digits) == "1 task of digits (several classes), 800 + 100 examples"
