"""Tables as they are, for estimators: text, categories and missing values become features as a ``task file`` encodes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from azdsl.config.tasks import FileTask
from azdsl.tasks.encoding import Encoding, raw
from azdsl.tasks.row_encoding import is_missing
from azdsl.tasks.tables import Table

CATEGORICAL = ("one_hot", "ordinal", "error")
MISSING = ("error", "mean", "median")
"""Allowed encodings of text, and treatments of missing values."""

_SOURCE, _TARGET = "X", " target"
"""The names of the table and of its target in messages; a name of a column never begins with a space."""


def encoding_task(known: FileTask | None, categorical: str | None, missing: str | None) -> FileTask | None:
    """The task whose keys say how X is encoded: those of ``known``, the seed program's table, and the parameters given.

    None if X must be numbers. Raises ``ValueError``.
    """
    for name, value, allowed in (("categorical", categorical, CATEGORICAL), ("missing", missing, MISSING)):
        if value is not None and value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, or None, not {value!r}")
    if known is None and categorical is None and missing is None:
        return None
    task = known or FileTask(categorical="error")
    task = replace(task, categorical=categorical or task.categorical, missing=missing or task.missing)
    if task.missing == "drop":
        raise ValueError(
            "missing=drop of the program's task leaves out rows, which an estimator cannot: set missing='mean'"
        )
    keys = {name: getattr(task, name) for name in ("categorical", "categories", "dates", "missing")}
    return FileTask(target_column=_TARGET, standardize=False, **keys)


def fit_encoding(X: Any, task: FileTask) -> Encoding:
    """Determine the encoding of X from its rows. Raises ``TaskError`` with every problem of X."""
    columns = columns_of(X)
    rows = len(next(iter(columns.values())))
    dates = [name for name, values in columns.items() if _are_dates(values)]
    known = [task.dates] if task.dates else []
    task = replace(task, dates=", ".join([*known, *dates]) or None)
    return raw(Table(_SOURCE, {**columns, _TARGET: [0.0] * rows}), task).fit(np.arange(rows), task)


def encode(X: Any, encoding: Encoding) -> NDArray[np.float64]:
    """The features [n, F] of the rows of X. Raises ``TaskError`` that names row, column and value."""
    return encoding.encode(Table(_SOURCE, columns_of(X)))


def columns_of(X: Any) -> Mapping[str, Sequence[Any]]:
    """The columns of a data frame or an array [n, F], by name; those of an array are ``x0``, ``x1``, …. Raises ``ValueError``."""
    if hasattr(X, "columns"):
        return {str(name): _values(X[name]) for name in X.columns}
    array = check_array(X, dtype=None, ensure_all_finite=False)
    return {f"x{at}": _values(array[:, at]) for at in range(array.shape[1])}


def _are_dates(values: Sequence[Any]) -> bool:
    """Whether a column has dates or times; a data frame has times with a time zone as objects."""
    if isinstance(values, np.ndarray):
        return values.dtype.kind == "M"
    known = [value for value in values if not is_missing(value)]
    return bool(known) and all(isinstance(value, date | np.datetime64) for value in known)


def _values(column: Any) -> Sequence[Any]:
    """The values of a column: an array of numbers or dates, else a list."""
    array = np.asarray(column)
    found: Any = array if array.dtype.kind in "fiubM" else list(column)
    return cast(Sequence[Any], found)
