"""Rows of a table to the numbers that a program takes. It needs only the standard library: exported modules contain this file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Any

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>", "?"})
"""What stands for a missing value in a text, in lower case."""

LOGICAL = {"true": 1.0, "false": 0.0}
DAY = 86400.0


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or one of the words for a missing value."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return not isinstance(value, (int, bytes)) and str(value).strip().lower() in MISSING


def number(value: Any) -> float:
    """A value as a number: NaN if it is missing, true and false are 1 and 0. Raises ``ValueError``."""
    if is_missing(value):
        return math.nan
    if isinstance(value, str):
        text = value.strip().lower()
        if text in LOGICAL:
            return LOGICAL[text]
        if "_" in text:
            raise ValueError(value)
        return float(text)
    if isinstance(value, complex) or type(value).__name__.startswith("complex"):
        raise ValueError(value)
    try:
        return float(value)
    except (TypeError, OverflowError):
        raise ValueError(value) from None


def days(value: Any) -> float:
    """A date or time as days since 1970-01-01, NaN if it is missing; texts are ISO 8601. Raises ``ValueError``.

    A time with an offset counts in UTC; one without is taken as UTC.
    """
    if is_missing(value):
        return math.nan
    if isinstance(value, date):
        parsed = value
    else:
        # NumPy writes nanoseconds, of which Python reads six digits
        text = str(value).strip()
        head, dot, tail = text.partition(".")
        parsed = datetime.fromisoformat(head + dot + tail[:6] if dot and tail.isdigit() else text)
    if not isinstance(parsed, datetime):
        return float(parsed.toordinal() - date(1970, 1, 1).toordinal())
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)  # noqa: UP017 - exported modules run on older Pythons
    start = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - as above
    return (aware - start).total_seconds() / DAY


def category(value: Any) -> str:
    """The name of a category: 3, 3.0 and "3" are the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def encode_value(column: Mapping[str, Any], value: Any) -> list[float]:
    """The features of one value of a column, before missing values are filled and features scaled. Raises ``ValueError``."""
    if column["kind"] == "number":
        return [number(value)]
    if column["kind"] == "date":
        return [days(value)]
    known: Sequence[str] = column["categories"]
    missing, name = is_missing(value), category(value)
    if column["kind"] == "one_hot":
        return [math.nan if missing else float(name == one) for one in known]
    if missing:
        return [math.nan]
    if name not in known:
        raise ValueError(value)
    return [float(known.index(name))]


def scaled(encoding: Mapping[str, Any], features: Sequence[float]) -> list[float]:
    """The features with missing ones filled and scaled, padded with zeros to the encoding's number of features."""
    result = []
    for value, fill, center, scale in zip(
        features, encoding["fill"], encoding["center"], encoding["scale"], strict=True
    ):
        known = fill if math.isnan(value) and fill is not None else value
        result.append(0.0 if scale is None else (known - center) / scale + 0.0)  # + 0.0: no negative zeros
    return result + [0.0] * (encoding["features"] - len(result))


def encode_rows(encoding: Mapping[str, Any], rows: Iterable[Sequence[Any]]) -> list[list[float]]:
    """The features of rows, each with a value for every column in order. Raises ``ValueError`` that names row, column and value."""
    columns, result = encoding["columns"], []
    for at, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise ValueError(f"row {at} has {len(row)} values for {len(columns)} columns")
        features: list[float] = []
        for column, value in zip(columns, row, strict=True):
            try:
                found = encode_value(column, value)
            except ValueError:
                wanted = {"number": "a number", "date": "an ISO 8601 date"}.get(column["kind"], "a known category")
                raise ValueError(
                    f"column {column['name']!r} is {str(value)[:40]!r} in row {at}, not {wanted}"
                ) from None
            fills = encoding["fill"][len(features) : len(features) + len(found)]
            if any(math.isnan(one) and fill is None for one, fill in zip(found, fills, strict=True)):
                raise ValueError(
                    f"column {column['name']!r} is missing in row {at}; fill it, or train with missing=mean or missing=median"
                )
            if any(math.isinf(one) for one in found):
                raise ValueError(f"column {column['name']!r} is {value} in row {at}: values must be finite")
            features += found
        result.append(scaled(encoding, features))
    return result


def rows_of(encoding: Mapping[str, Any], data: Any) -> list[Sequence[Any]]:
    """The rows of a list of rows or dicts, a dict of columns, or a data frame: values of the encoding's columns in order."""
    names = [column["name"] for column in encoding["columns"]]
    if isinstance(data, Mapping) or hasattr(data, "columns"):
        missing = [name for name in names if name not in (data if isinstance(data, Mapping) else list(data.columns))]
        if missing:
            raise ValueError(f"the data have no column {missing[0]!r}; they need {', '.join(names)}")
        return list(zip(*(list(data[name]) for name in names), strict=True))
    rows = list(data)
    for at, row in enumerate(rows, 1):
        if isinstance(row, Mapping):
            absent = [name for name in names if name not in row]
            if absent:
                raise ValueError(f"row {at} has no {absent[0]!r}; rows need {', '.join(names)}")
    return [[row[name] for name in names] if isinstance(row, Mapping) else row for row in rows]


def decode(encoding: Mapping[str, Any], metric: str, output: Any) -> Any:
    """The prediction for one output of a program: a number in the target's unit, or a class as the target column writes it."""
    if metric == "rmse":
        return output * encoding["target_scale"] + encoding["target_center"]
    if metric == "accuracy":
        at = int(output > 0.5)
    else:
        probabilities = list(output)
        at = max(range(len(probabilities)), key=probabilities.__getitem__)
    return encoding["labels"][at] if encoding["labels"] else at
