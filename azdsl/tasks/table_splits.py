"""Task sets from the rows of a table: columns are selected, rows assigned to splits, features scaled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.config.task import Sizes, Split
from azdsl.config.tasks import FileTask
from azdsl.limits import MAX_FEATURES
from azdsl.tasks.encoding import Raw, raw
from azdsl.tasks.splits import SPLIT_STREAM, STREAMS, first_given, generator
from azdsl.tasks.tables import Table
from azdsl.taskset import TaskError, TaskSet

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

VALID_SHARE = 0.25
"""The share of the search rows that validate a search task by default."""

LEAST_ROWS = 10
"""The fewest rows that are split in three."""


def split_table(table: Table, task: FileTask, seed: int, split: Split) -> TaskSet:
    """The tasks of ``split`` from a table. No row validates in two splits. Raises ``TaskError``."""
    examples = _examples(table, task)
    y = examples.y
    rows, sizes = split_rows(len(y), task.select, task.test, seed), task.sizes(split)
    halves = split != "search" and sizes.tasks > 1 and sizes.valid is None and len(rows[split]) > 1
    streams = [divmod(t, 2) if halves else (t, None) for t in range(sizes.tasks)]
    chosen = [_sample(rows, split, sizes, generator(seed, STREAMS[split], t), table, half) for t, half in streams]
    regression = not task.metric_definition.classifies
    pieces: list[tuple[Array, Array, Array, Array]] = []
    scales, centers = [], []
    for train, valid in chosen:
        encoding = examples.fit(train, task)
        scaled, target = examples.features(encoding), examples.targets(encoding)
        pieces.append((scaled[train], target[train], scaled[valid], target[valid]))
        scales.append(encoding.target_scale)
        centers.append(encoding.target_center)
    classes = int(y.max()) + 1 if task.metric_definition.vector else None
    train_X, train_y, valid_X, valid_y = (np.stack(arrays) for arrays in zip(*pieces, strict=True))
    train_X, valid_X = (_padded(array, task.features, classes, table) for array in (train_X, valid_X))
    length = task.epoch_length(train_X.shape[1])
    tasks = TaskSet.from_arrays(
        train_X, train_y, valid_X, valid_y, task.metric_definition.name, length, task.epochs, classes
    )
    shared = None if split == "search" or sizes.tasks == 1 else len(rows[split])
    labels: dict[str, Any] = (
        {"target_scale": np.array(scales), "target_center": np.array(centers)} if regression else {}
    )
    return replace(tasks, valid_rows=shared, halves=halves, class_labels=encoding.labels, **labels)


def _examples(table: Table, task: FileTask) -> Raw:
    """The rows of a table, validated."""
    examples = raw(table, task)
    y, metric = examples.y, task.metric_definition
    if len(y) < LEAST_ROWS:
        raise TaskError(f"{table.source}: {len(y)} rows are too few; a table needs at least {LEAST_ROWS}")
    if (y == y[0]).all():
        raise TaskError(
            f"{table.source}: the target {task.target_column!r} is {y[0]:g} in every row; choose a column that varies"
        )
    if metric.classifies and y.max() >= MAX_FEATURES:
        row = int(np.argmax(y))
        raise TaskError(
            f"{table.source}: {task.target_column!r} is {y[row]:.15g} in row {examples.table.row(row)}, "
            f"but {metric.name} has at most {MAX_FEATURES} classes, numbered from 0; renumber them"
        )
    if examples.X.shape[1] > MAX_FEATURES:
        raise TaskError(
            f"{table.source}: {examples.X.shape[1]:,} columns to predict from are more than {MAX_FEATURES} features; choose some with columns=…"
        )
    if metric.classifies and (y != np.floor(y)).any():
        row = int(np.argmax(y != np.floor(y)))
        raise TaskError(
            f"{table.source}: {metric.name} needs class numbers 0, 1, …, but {task.target_column!r} is {y[row]:g} in row {examples.table.row(row)}"
        )
    return examples


def split_rows(rows: int, select: float, test: float, seed: int) -> dict[Split, Rows]:
    """Row numbers of each split, at least one each: a random partition that depends on ``seed`` alone."""
    order = generator(seed, SPLIT_STREAM).permutation(rows)
    tested, selected = (max(1, round(share * rows)) for share in (test, select))
    found = {"test": order[:tested], "select": order[tested : tested + selected], "search": order[tested + selected :]}
    return {split: found[split] for split in STREAMS}


def _sample(
    rows: dict[Split, Rows], split: Split, sizes: Sizes, rng: np.random.Generator, table: Table, half: int | None
) -> tuple[Rows, Rows]:
    """The training rows of one task, in a random order, and its validation rows: all, or half number ``half``. Raises ``TaskError``."""
    if split == "search":
        return _sample_search(rng.permutation(rows["search"]), sizes, table)
    train_rows = rows["search"] if split == "select" else np.concatenate([rows["search"], rows["select"]])
    for asked, available in ((sizes.train, train_rows), (sizes.valid, rows[split])):
        if asked is not None and asked > len(available):
            raise TaskError(f"{table.source}: {asked} rows are requested, but only {len(available)} are available")
    train, valid = rng.permutation(train_rows)[: sizes.train], rng.permutation(rows[split])
    if half is None:
        return train, valid[: sizes.valid]
    # Two tasks validate on two halves of the rows, so that their fitness shows how much it depends on the rows.
    count = len(valid) // 2
    return train, valid[half * count : (half + 1) * count]


def _sample_search(order: Rows, sizes: Sizes, table: Table) -> tuple[Rows, Rows]:
    """Training and validation rows of a search task: the first rows validate, the next train."""
    default = max(1, round(VALID_SHARE * len(order)))
    valid = first_given(sizes.valid, min(default, len(order) - (sizes.train or 1))) or 0
    train = first_given(sizes.train, len(order) - valid) or 0
    if train < 1 or valid < 1 or train + valid > len(order):
        raise TaskError(
            f"{table.source}: {max(train, 1)} training and {max(valid, 1)} validation rows are requested, "
            f"but the search has only {len(order)} rows; make train or valid smaller"
        )
    return order[valid : valid + train], order[:valid]


def _padded(X: Array, features: int | None, classes: int | None, table: Table) -> Array:
    """X [T, N, n] padded with zeros to ``features``, by default to the larger of n and the number of classes."""
    count = X.shape[2]
    if features is not None and features < max(count, classes or 0):
        least = f"{count} columns" + (f" and {classes} classes" if classes else "")
        raise TaskError(f"{table.source}: features={features} is too few for {least}")
    wanted = features or max(count, classes or 0)
    return np.concatenate([X, np.zeros((*X.shape[:2], wanted - count))], axis=2)
