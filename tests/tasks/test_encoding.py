"""The encoding of tables: the same bits wherever rows are encoded, and every problem in one message."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdsl.config.tasks import FileTask
from azdsl.export.library import python_module
from azdsl.tasks.encoding import Encoding, raw
from azdsl.tasks.row_encoding import category, days, decode, encode_rows, number, rows_of
from azdsl.tasks.table_splits import split_table
from azdsl.tasks.tables import Table
from azdsl.tasks.training import training
from azdsl.taskset import TaskError

WORDS = st.sampled_from(["red", "green", 'a "b"', "x,y", " ä "])
NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53).map(str), st.floats(-1e9, 1e9).map(repr), st.sampled_from(["", "NA", "True"])
)
DATES = st.one_of(st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(str), st.just(""))


@st.composite
def tables(draw: Any) -> Table:
    rows = draw(st.integers(10, 30))

    def column(values: Any) -> list[str]:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    columns = {"size in m": column(NUMBERS), "colour": column(WORDS), "built": column(DATES)}
    return Table("t.csv", columns | {"y": [str(at * 1.5) for at in range(rows)]})


def test_messages_number_the_rows_of_the_file_after_rows_are_dropped() -> None:
    values = [""] + [str(at % 3) for at in range(20)]
    table = Table("t.csv", {"a": values, "y": ["0"] * 5 + ["0.5"] + ["1"] * 15})
    for metric, label in (("multiclass", "0.5"), ("multiclass", "1e6")):
        columns = {**table.columns, "y": [label if value == "0.5" else value for value in table.columns["y"]]}
        task = FileTask(data="t.csv", metric=metric, missing="drop")
        with pytest.raises(TaskError, match="in row 6"):
            split_table(Table("t.csv", columns), task, 0, "search")


@given(tables(), st.sampled_from(["mean", "median"]), st.sampled_from(["one_hot", "ordinal"]), st.booleans())
def test_the_same_bits_everywhere(table: Table, missing: str, categorical: str, standardize: bool) -> None:
    """Task sets, training, stored encodings and exported modules agree on generated tables."""
    task = FileTask(data="t.csv", missing=missing, categorical=categorical, standardize=standardize, dates="built")
    found = training(table, task, None)
    assert Encoding.from_json(json.loads(json.dumps(found.encoding.to_json()))) == found.encoding
    assert found.encoding.encode(table).tobytes() == found.X.tobytes()
    tasks = split_table(table, task, 0, "test")
    examples = raw(table, task)
    assert examples.X.shape[1] == tasks.features == found.encoding.features
    module: dict[str, Any] = {}
    text = python_module._table_model(found.encoding.to_json())
    exec(compile(text, "module", "exec"), module)
    dicts = [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]
    frame = type("Frame", (), {"columns": list(table.columns), "__getitem__": lambda _, name: table.columns[name]})()
    for data in (dicts, frame, dict(table.columns)):
        rows = module["encode_rows"](module["ENCODING"], module["rows_of"](module["ENCODING"], data))
        assert np.array(rows).tobytes() == found.X.tobytes()
    assert not (np.signbit(found.X) & (found.X == 0)).any()


@given(tables())
def test_only_training_rows_are_fitted(table: Table) -> None:
    """What a validation row holds does not change the training examples."""
    task = FileTask(data="t.csv", missing="mean", dates="built", tasks=1)
    before = split_table(table, task, 3, "search")
    used = {value.tobytes() for value in before.train_y}
    examples = raw(table, task)
    first = examples.fit(np.arange(5), task)
    changed = {**table.columns, "size in m": [*table.columns["size in m"][:5], *(["7"] * (table.rows - 5))]}
    assert raw(Table("t.csv", changed), task).fit(np.arange(5), task) == first
    assert len(used) == 1


def test_class_labels_of_text_come_back() -> None:
    labels = ["yes", "no"] * 10
    table = Table("t.csv", {"x": [str(at) for at in range(20)], "y": labels})
    found = training(table, FileTask(data="t.csv", metric="accuracy"), None)
    assert found.encoding.labels == ("no", "yes")
    assert [decode(found.encoding.to_json(), "accuracy", label) for label in found.y] == labels


@pytest.mark.parametrize("categorical", ["one_hot", "ordinal"])
def test_unseen_categories(categorical: str) -> None:
    table = Table("t.csv", {"x": ["a", "b"] * 10, "y": [str(at) for at in range(20)]})
    encoding = training(table, FileTask(data="t.csv", categorical=categorical, standardize=False), None).encoding
    new = Table("new.csv", {"x": ["c"]})
    if categorical == "one_hot":
        assert encoding.encode(new).tolist() == [[0.0, 0.0]]
    else:
        with pytest.raises(TaskError, match=r"new\.csv: column 'x' is 'c' in row 1, not a known category"):
            encoding.encode(new)


def test_rows_with_missing_values_are_dropped() -> None:
    table = Table("t.csv", {"x": ["1", "", *map(str, range(18))], "y": [str(at) for at in range(19)] + [""]})
    found = training(table, FileTask(data="t.csv", missing="drop", standardize=False), None)
    assert len(found.y) == 18
    assert 1.0 not in found.y.tolist()


def test_all_problems_at_once() -> None:
    columns = {
        "good": [str(at) for at in range(20)],
        "comma": ["1,5", *["1.5"] * 19],
        "gap": [*["1"] * 19, ""],
        "name": [f"person {at % 60}" for at in range(20)],
        "big": ["1e200", *["1"] * 19],
        "y": [str(at) for at in range(20)],
    }
    with pytest.raises(TaskError) as caught:
        raw(Table("t.csv", columns), FileTask(data="t.csv"))
    text = str(caught.value)
    assert "3 problems" in text
    assert "column 'comma' holds text ('1,5' in row 1); write numbers with a decimal point" in text
    assert "column 'gap' is missing in row 20" in text
    assert "column 'big' is 1e+200 in row 1" in text
    assert text.endswith('columns="good,name"')


def test_many_problems_are_cut() -> None:
    columns = {"x": [""] * 100 + ["1"] * 100, "y": list(map(str, range(200)))}
    with pytest.raises(TaskError, match="and 80 more"):
        raw(Table("t.csv", columns), FileTask(data="t.csv"))


def test_too_many_categories() -> None:
    columns = {"id": [f"p{at}" for at in range(60)], "y": list(map(str, range(60)))}
    with pytest.raises(TaskError, match="60 different values"):
        raw(Table("t.csv", columns), FileTask(data="t.csv"))


def test_values() -> None:
    assert days("1969-12-31") == -1.0
    assert days("1970-01-01T12:00") == 0.5
    assert days(np.datetime64("1970-01-02T00:00:00.000000000")) == 1.0
    assert days(date(1970, 1, 1) + timedelta(40)) == 40.0
    assert math.isnan(number(None))
    assert number("true") == 1.0
    assert number(np.float32(0.5)) == 0.5
    assert category(3.0) == category("3") == category(3) == "3"
    for text in ("1_000", "1,5", "x"):
        with pytest.raises(ValueError):
            number(text)


@pytest.mark.parametrize("data", [[["1", "2"]], [{"b": 1}], {"b": [1]}, SimpleNamespace(columns=["b"])])
def test_rows_without_the_columns(data: Any) -> None:
    table = Table("t.csv", {"x": ["1", "2"] * 10, "y": [str(at) for at in range(20)]})
    encoding = training(table, FileTask(data="t.csv"), None).encoding.to_json()
    with pytest.raises(ValueError, match=r"column|has no"):
        encode_rows(encoding, rows_of(encoding, data))


def test_dates_are_numbers_by_choice() -> None:
    columns = {"sold": ["2020-01-01", "2021-05-05"] * 10, "y": [str(at) for at in range(20)]}
    table = Table("t.csv", columns)
    with pytest.raises(TaskError, match=r"column 'sold' holds dates, such as '2020-01-01'; use dates='sold'"):
        raw(table, FileTask(data="t.csv"))
    assert raw(table, FileTask(data="t.csv", dates="sold")).X[0, 0] == 18262.0
    assert raw(table, FileTask(data="t.csv", categories="sold")).X.shape == (20, 2)
    objects = Table("t.parquet", {"sold": [date(2020, 1, 1)] * 20, "y": list(range(20))})
    with pytest.raises(TaskError, match="use dates='sold'"):
        raw(objects, FileTask(data="t.csv"))


def test_complex_numbers_are_no_numbers() -> None:
    for kind in (complex, np.complex64, np.complex128):
        with pytest.raises(ValueError):
            number(kind(1))
