"""From a table's rows to task sets: columns chosen, rows dealt out to the roles, features scaled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from azdsl.config.tasks import FileTask
from azdsl.limits import MAX_FEATURES
from azdsl.tasks.scaling import scaling
from azdsl.tasks.splits import SPLIT_STREAM, STREAMS, Role, first_given, generator
from azdsl.tasks.tables import Table
from azdsl.taskset import TaskError, TaskSet

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

VALID_SHARE = 0.25
"""The share of the search rows that a search task validates on when ``valid`` is not given."""

LEAST_ROWS = 10
"""Fewer rows than this are not worth splitting in three."""


def split(table: Table, task: FileTask, seed: int, role: Role) -> TaskSet:
    """The tasks of ``role`` from a table's rows. No row validates in two roles. Raises ``TaskError``."""
    X, y = _examples(table, task)
    parts = deal(len(y), task.select, task.test, seed)
    chosen = [_choose(task, parts, role, generator(seed, STREAMS[role], t), table) for t in range(_tasks(task, role))]
    regression = task.metric == "rmse"
    pieces: list[tuple[Array, Array, Array, Array]] = []
    scales = []
    for train, valid in chosen:
        center, scale = scaling(X[train]) if task.standardize else (0.0, 1.0)
        middle, spread = scaling(y[train]) if task.standardize and regression else (0.0, 1.0)
        spread = spread if np.isfinite(spread) else 1.0
        scaled, target = (X - center) / scale + 0.0, (y - middle) / spread  # + 0.0: no negative zeros
        pieces.append((scaled[train], target[train], scaled[valid], target[valid]))
        scales.append(float(spread))
    classes = int(y.max()) + 1 if task.metric == "multiclass" else None
    train_X, train_y, valid_X, valid_y = (np.stack(arrays) for arrays in zip(*pieces, strict=True))
    train_X, valid_X = (_padded(array, task.features, classes, table) for array in (train_X, valid_X))
    length = task.epoch_length(train_X.shape[1])
    tasks = TaskSet.from_arrays(train_X, train_y, valid_X, valid_y, task.metric, length, task.epochs, classes)
    return replace(tasks, target_scale=np.array(scales)) if regression else tasks


def _examples(table: Table, task: FileTask) -> tuple[Array, Array]:
    """Features [rows, F] and labels [rows], checked."""
    y = table.numbers(task.target)
    if task.columns is None:
        names = [name for name in table.columns if name != task.target]
    else:
        names = [name.strip() for name in task.columns.split(",") if name.strip()]
    if task.target in names:
        raise TaskError(f"{table.source}: the target {task.target!r} is among the columns to predict it from")
    if not names:
        raise TaskError(f"{table.source}: no column is left to predict {task.target!r} from")
    if len(y) < LEAST_ROWS:
        raise TaskError(f"{table.source}: {len(y)} rows are too few; it needs at least {LEAST_ROWS}")
    if (y == y[0]).all():
        raise TaskError(
            f"{table.source}: the target {task.target!r} is {y[0]:g} in every row: there is nothing to learn"
        )
    if task.metric != "rmse" and y.max() >= MAX_FEATURES:
        row = int(np.argmax(y))
        raise TaskError(
            f"{table.source}: {task.target!r} is {y[row]:.15g} in row {row + 1}, but {task.metric} has at most {MAX_FEATURES} classes, "
            "numbered from 0; number them anew"
        )
    if len(names) > MAX_FEATURES:
        raise TaskError(
            f"{table.source}: {len(names):,} columns to predict from, but at most {MAX_FEATURES} features; choose some with columns=…"
        )
    if task.metric != "rmse" and (y != np.floor(y)).any():
        row = int(np.argmax(y != np.floor(y)))
        raise TaskError(
            f"{table.source}: {task.metric} needs class numbers, but {task.target!r} is {y[row]:g} in row {row + 1}"
        )
    return np.stack([table.numbers(name) for name in names], axis=1), y


def deal(rows: int, select: float, test: float, seed: int) -> dict[Role, Rows]:
    """Row numbers of each role, at least one each: a random partition that depends on ``seed`` alone."""
    order = generator(seed, SPLIT_STREAM).permutation(rows)
    tested, selected = (max(1, round(share * rows)) for share in (test, select))
    kept = {"test": order[:tested], "select": order[tested : tested + selected], "search": order[tested + selected :]}
    return {role: kept[role] for role in STREAMS}


def _tasks(task: FileTask, role: Role) -> int:
    return {"search": task.tasks, "select": task.select_tasks, "test": task.test_tasks}[role]


def _choose(
    task: FileTask, parts: dict[Role, Rows], role: Role, rng: np.random.Generator, table: Table
) -> tuple[Rows, Rows]:
    """One task's training rows, in a random order, and its validation rows."""
    if role == "search":
        order = rng.permutation(parts["search"])
        default = max(1, round(VALID_SHARE * len(order)))
        valid = first_given(task.valid, min(default, len(order) - (task.train or 1)))
        train = first_given(task.train, len(order) - (valid or 0))
        return _take(order, train, valid, table)
    if role == "select":
        return _sample(rng, parts["search"], parts["select"], task.select_train, task.select_valid, table)
    train_rows = np.concatenate([parts["search"], parts["select"]])
    return _sample(rng, train_rows, parts["test"], task.test_train, task.test_valid, table)


def _take(order: Rows, train: int | None, valid: int | None, table: Table) -> tuple[Rows, Rows]:
    """The first rows for validation, the next for training."""
    train, valid = train or 0, valid or 0
    if train < 1 or valid < 1 or train + valid > len(order):
        asked = f"{max(train, 1)} training and {max(valid, 1)} validation rows"
        raise TaskError(
            f"{table.source}: {asked} are asked for, but the search has {len(order)} rows; make train or valid smaller"
        )
    return order[valid : valid + train], order[:valid]


def _sample(
    rng: np.random.Generator, train_rows: Rows, valid_rows: Rows, train: int | None, valid: int | None, table: Table
) -> tuple[Rows, Rows]:
    """Training and validation rows in a random order, as many as asked for."""
    for asked, rows in ((train, train_rows), (valid, valid_rows)):
        if asked is not None and asked > len(rows):
            raise TaskError(f"{table.source}: {asked} rows are asked for, but there are {len(rows)} to choose from")
    return rng.permutation(train_rows)[:train], rng.permutation(valid_rows)[:valid]


def _padded(X: Array, features: int | None, classes: int | None, table: Table) -> Array:
    """X [T, N, n] with zeros added to ``features``, and to as many as there are classes."""
    count = X.shape[2]
    if features is not None and features < max(count, classes or 0):
        least = f"{count} columns" + (f" and {classes} classes" if classes else "")
        raise TaskError(f"{table.source}: features={features} is too few for {least}")
    wanted = features or max(count, classes or 0)
    return np.concatenate([X, np.zeros((*X.shape[:2], wanted - count))], axis=2)
