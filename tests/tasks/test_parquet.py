"""Tables in Parquet files."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from azdsl.config.tasks import FileTask
from azdsl.tasks import TaskError, build
from azdsl.tasks.tables import read


def test_parquet_gaps_and_text(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"a": [1.0, None] * 10, "t": ["x"] * 20, "n": list(range(20)), "y": np.arange(20.0)}
    parquet.write_table(pa.table(columns), tmp_path / "d.parquet")
    with pytest.raises(TaskError, match="column 'a' is missing in row 2"):
        build(FileTask(data="d.parquet"), 0, "search", tmp_path)
    with pytest.raises(TaskError, match="column 't' holds text"):
        build(FileTask(data="d.parquet", columns="n,t", categorical="error"), 0, "search", tmp_path)
    assert build(FileTask(data="d.parquet", columns="n"), 0, "search", tmp_path).features == 1


def varint(number):
    """A number of at least 0 as Thrift's compact protocol writes it in Parquet's metadata."""
    number, found = 2 * number, []
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes([*found, number])


def test_parquet_that_claims_more_rows_than_fit_the_memory(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file, rows = tmp_path / "d.parquet", 1003
    parquet.write_table(pa.table({"y": np.zeros(rows)}), file)
    content = file.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    claimed = footer.replace(varint(rows), varint(600_000_000))
    file.write_bytes(content[: -8 - size] + claimed + len(claimed).to_bytes(4, "little") + b"PAR1")
    assert parquet.read_metadata(file).num_rows == 600_000_000
    with pytest.raises(TaskError, match=r"too large: 4\.5 GiB, the limit is 4 GiB"):
        build(FileTask(data="d.parquet"), 0, "search", tmp_path)


def test_parquet_words_that_are_repeated_take_no_more_memory(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows, word = 10_000, "x" * 1_000_000
    words = pa.DictionaryArray.from_arrays(pa.array([0, None] * (rows // 2), pa.int32()), pa.array([word]))
    table = pa.table({"t": words, "n": np.arange(float(rows)), "y": np.arange(float(rows))})
    parquet.write_table(table, tmp_path / "d.parquet", store_schema=False)
    columns = read("d.parquet", tmp_path).columns
    assert columns["t"][0] == word and columns["t"][1] is None and len(columns["t"]) == rows
    assert len({id(value) for value in columns["t"]}) == 2


def test_parquet_columns_that_are_nested_or_named_twice(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    numbers = np.arange(20.0)
    table = pa.table({"l": [[1, 2]] * 20, "s": [{"n": 1}] * 20, "n": numbers, "y": numbers})
    parquet.write_table(table, tmp_path / "d.parquet")
    assert build(FileTask(data="d.parquet", columns="n"), 0, "search", tmp_path).features == 1
    for name in "ls":
        with pytest.raises(TaskError, match=f"column {name!r} holds list"):
            build(FileTask(data="d.parquet", columns=name), 0, "search", tmp_path)
    parquet.write_table(pa.table([numbers, numbers], names=["y", "y"]), tmp_path / "d.parquet")
    with pytest.raises(TaskError, match="two columns are named 'y'"):
        build(FileTask(data="d.parquet"), 0, "search", tmp_path)


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "d.parquet").write_bytes(b"")
    with pytest.raises(TaskError, match=r"pip install 'azdsl\[parquet\]'"):
        build(FileTask(data="d.parquet"), 0, "search", tmp_path)
