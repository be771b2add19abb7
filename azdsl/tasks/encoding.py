"""How the columns of a table become features: found from the task's keys, fitted on training rows, and carried along."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl import sums
from azdsl.config.tasks import FileTask
from azdsl.limits import MAX_DATA_VALUE
from azdsl.tasks.row_encoding import category, days, encode_rows, encode_value, is_missing, number
from azdsl.tasks.scaling import scaling
from azdsl.tasks.tables import Table
from azdsl.taskset import TaskError

Array = NDArray[np.float64]

MOST_CATEGORIES = 50
"""The most categories of a text column that the task does not name in ``categories``."""
SHOWN = 20
"""The most problems of a table that one message lists."""


@dataclass(frozen=True)
class Column:
    """A column and what becomes of it: ``kind`` is number, date, one_hot or ordinal; the last two have ``categories``."""

    name: str
    kind: str = "number"
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Features that the column becomes."""
        return len(self.categories) if self.kind == "one_hot" else 1


@dataclass(frozen=True)
class Encoding:
    """Columns, and for each feature what fills a missing value (None: an error), its mean and its deviation.

    A deviation of None makes the feature 0. ``features`` is F, with the zeros that pad it. The target is divided by
    ``target_scale`` after ``target_center`` is subtracted; ``labels`` are its class labels where they are text.
    """

    columns: tuple[Column, ...]
    fill: tuple[float | None, ...]
    center: tuple[float, ...]
    scale: tuple[float | None, ...]
    features: int
    target: str
    labels: tuple[str, ...] = ()
    target_center: float = 0.0
    target_scale: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON and for an exported module."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Encoding:
        """The encoding that ``to_json`` described."""
        columns = tuple(Column(c["name"], c["kind"], tuple(c["categories"])) for c in stored["columns"])
        lists = {name: tuple(stored[name]) for name in ("fill", "center", "scale", "labels")}
        return cls(**(stored | lists | {"columns": columns}))

    def encode(self, table: Table) -> Array:
        """The features [rows, F] of a table, by column names. Raises ``TaskError``."""
        columns = [table.column(column.name) for column in self.columns]
        try:
            rows = encode_rows(self.to_json(), zip(*columns, strict=True))
        except ValueError as error:
            raise TaskError(f"{table.source}: {error}") from None
        return np.array(rows, np.float64).reshape(len(rows), self.features)


@dataclass(frozen=True, eq=False)
class Raw:
    """Encoded columns of a table's rows before anything is fitted: X [rows, n] with NaN where a value is missing, y [rows]."""

    table: Table
    columns: tuple[Column, ...]
    X: Array
    y: Array
    labels: tuple[str, ...]

    def fit(self, train: NDArray[np.int64], task: FileTask) -> Encoding:
        """Compute means, deviations and the values for missing entries from the rows ``train``."""
        X, y = self.X[train], self.y[train]
        fill: list[float | None] = [None] * X.shape[1]
        if task.missing in ("mean", "median"):
            kinds = [column.kind for column in self.columns for _ in range(column.width)]
            fill = [0.0 if kind == "one_hot" else _middle(X[:, at], task.missing) for at, kind in enumerate(kinds)]
        X = self.filled(fill)[train]
        count = X.shape[1]
        center, scale = scaling(X) if task.standardize else (np.zeros(count), np.ones(count))
        regression = task.standardize and not task.metric_definition.classifies
        middle, spread = scaling(y) if regression else (0.0, 1.0)
        return Encoding(
            self.columns,
            tuple(fill),
            tuple(map(float, center)),
            tuple(float(one) if math.isfinite(one) else None for one in scale),
            count,
            task.target_column,
            self.labels,
            float(middle),
            float(spread) if np.isfinite(spread) else 1.0,
        )

    def filled(self, fill: Sequence[float | None]) -> Array:
        """X with missing values filled; without any it is X itself."""
        gaps = np.isnan(self.X)
        if not gaps.any():
            return self.X
        return np.where(gaps, np.array([math.nan if one is None else one for one in fill]), self.X)

    def features(self, encoding: Encoding) -> Array:
        """The features [rows, n], equal to ``Encoding.encode`` to the last bit, without the zeros that pad."""
        scale = np.array([math.inf if one is None else one for one in encoding.scale])
        features: Array = (self.filled(encoding.fill) - np.array(encoding.center)) / scale + 0.0  # no negative zeros
        return features

    def targets(self, encoding: Encoding) -> Array:
        """The labels [rows] as the program learns them."""
        targets: Array = (self.y - encoding.target_center) / encoding.target_scale
        return targets


def _middle(values: Array, how: str) -> float:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    return float(sums.mean(known) if how == "mean" else np.median(known))


def raw(table: Table, task: FileTask) -> Raw:
    """The columns of a table as the task's keys say. Raises ``TaskError`` with every problem of the table."""
    names = _names(table, task)
    categories, dates = _listed(task.categories), _listed(task.dates)
    for key, listed in (("categories", categories), ("dates", dates)):
        for name in listed:
            if name not in names:
                table.column(name)
                raise TaskError(f"{table.source}: {key} names {name!r}, which is not in columns")
    kept = table
    if task.missing == "drop":
        used = [table.column(name) for name in [*names, task.target_column]]
        rows = [at for at, row in enumerate(zip(*used, strict=True)) if not any(map(is_missing, row))]
        if not rows:
            raise TaskError(f"{table.source}: every row has a missing value; use missing=mean, or leave columns out")
        if len(rows) < table.rows:
            pick: dict[str, Sequence[Any]] = {
                name: [table.columns[name][at] for at in rows] for name in [*names, task.target_column]
            }
            kept = replace(table, columns=pick, numbers_of_rows=tuple(at + 1 for at in rows))
    columns: list[Column] = []
    pieces: list[Array] = []
    problems: list[str] = []
    bad: list[str] = []
    for name in names:
        column = _column(kept, name, task, name in categories, name in dates)
        found: list[str] = []
        if isinstance(column, str):
            found = [column]
        else:
            values = _values(kept, column, task, found)
            columns.append(column)
            pieces.append(values)
        problems += found
        bad += [name] if found else []
    y, labels = _target(kept, task, problems)
    if problems:
        raise TaskError(_message(table, problems, [name for name in names if name not in bad] if bad else []))
    return Raw(kept, tuple(columns), np.concatenate(pieces, axis=1), y, labels)


def _message(table: Table, problems: list[str], good: list[str]) -> str:
    if len(problems) == 1:
        text = f"{table.source}: {problems[0]}"
    else:
        shown = problems[:SHOWN] + ([f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else [])
        text = f"{table.source}: {len(problems)} problems:\n" + "\n".join(f"  {line}" for line in shown)
    if good and not any("," in name or '"' in name for name in good):
        text += f'\nThe other columns alone: columns="{",".join(good)}"'
    return text


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _names(table: Table, task: FileTask) -> list[str]:
    """The columns to predict from."""
    table.column(task.target_column)
    names = (
        [name for name in table.columns if name != task.target_column]
        if task.columns is None
        else _listed(task.columns)
    )
    if task.target_column in names:
        raise TaskError(f"{table.source}: the target {task.target_column!r} is also in columns; remove it there")
    if not names:
        raise TaskError(
            f"{table.source}: no column remains to predict {task.target_column!r} from; add some to columns=…"
        )
    for name in names:
        table.column(name)
    return names


def _column(table: Table, name: str, task: FileTask, as_category: bool, as_date: bool) -> Column | str:
    """Determine the encoding of a column. Returns the reason as text if it has none."""
    values = table.column(name)
    if as_date:
        return Column(name, "date")
    if not as_category:
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            return Column(name)
        texts = [value for value in values if isinstance(value, str) and not is_missing(value)]
        known = sum(not is_missing(value) for value in values)
        strange = sum(not _readable(value) for value in texts)
        # a column of numbers with a few texts in it has mistakes, and no categories
        if len(texts) < known or 2 * strange <= len(texts):
            return Column(name)
        if task.categorical == "error":
            row = next(at for at, value in enumerate(values) if not _readable(value))
            return (
                f"column {name!r} holds text ({str(values[row])[:40]!r} in row {table.row(row)}); "
                "leave it out with columns=… or turn it into numbers"
            )
        if all(_dated(value) for value in values):
            return (
                f"column {name!r} holds dates, such as {str(values[0])[:40]!r}; use dates={name!r} for days since 1970, "
                f"or categories={name!r}"
            )
    found = sorted({category(value) for value in values if not is_missing(value)})
    if len(found) > MOST_CATEGORIES and not as_category:
        return (
            f"column {name!r} holds text with {len(found)} different values, such as {found[0][:40]!r}; leave it out with columns=…, "
            f"or if they are dates use dates={name!r}"
        )
    if not found:
        return Column(name)
    return Column(name, "ordinal" if task.categorical == "ordinal" else "one_hot", tuple(found))


def _dated(value: Any) -> bool:
    try:
        days(value)
    except ValueError:
        return False
    return True


def _readable(value: Any) -> bool:
    try:
        number(value)
    except ValueError:
        return False
    return True


def _values(table: Table, column: Column, task: FileTask, problems: list[str]) -> Array:
    """The features [rows, width] of a column; what is wrong goes to ``problems``, where the value is then NaN."""
    values = table.column(column.name)
    if column.kind == "number" and isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        found = values.astype(np.float64)[:, None]
    else:
        described, rows = asdict(column), []
        for at, value in enumerate(values):
            try:
                rows.append(encode_value(described, value))
            except ValueError:
                problems.append(_unreadable(table, column, at, value))
                rows.append([0.0] * column.width)
        found = np.array(rows, np.float64).reshape(len(rows), column.width)
    first = found[:, 0]
    name = column.name
    if task.missing == "error":
        problems += [
            f"column {name!r} is missing in row {table.row(int(at))}; remove or fill such rows first, or use missing=mean, median or drop"
            for at in np.flatnonzero(np.isnan(first))
        ]
    problems += [
        f"column {name!r} is {first[at]} in row {table.row(int(at))}; remove or fill such rows first"
        for at in np.flatnonzero(np.isinf(first))
    ]
    problems += [
        f"column {name!r} is {first[at]:g} in row {table.row(int(at))}: too large to compute with"
        for at in np.flatnonzero((abs(first) > MAX_DATA_VALUE) & np.isfinite(first))
    ]
    return found


def _unreadable(table: Table, column: Column, at: int, value: Any) -> str:
    what = "text" if isinstance(value, str) else type(value).__name__
    if column.kind == "date":
        advice = "write dates as 2026-11-27, or leave it out of dates=…"
    elif isinstance(value, str) and _readable(value.replace(",", ".")):
        advice = "write numbers with a decimal point"
    elif _dated(value):
        advice = f"use dates={column.name!r} for days since 1970"
    else:
        advice = "leave it out with columns=… or turn it into numbers"
    return f"column {column.name!r} holds {what} ({str(value)[:40]!r} in row {table.row(at)}); {advice}"


def _target(table: Table, task: FileTask, problems: list[str]) -> tuple[Array, tuple[str, ...]]:
    """The labels [rows], and the class labels where they are text."""
    values = table.column(task.target_column)
    plain = replace(task, missing="error")
    if not task.metric_definition.classifies or all(_readable(value) for value in values):
        return _values(table, Column(task.target_column), plain, problems)[:, 0], ()
    labels = tuple(sorted({category(value) for value in values if not is_missing(value)}))
    if not task.metric_definition.vector and len(labels) != 2:
        shown = ", ".join(labels[:5])
        problems.append(
            f"{task.target_column!r} has {len(labels)} classes ({shown}); accuracy needs two: use metric=multiclass"
        )
    return _values(table, Column(task.target_column, "ordinal", labels), plain, problems)[:, 0], labels
