"""Tables: named columns from .npz, .csv and .parquet files and from scikit-learn."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdsl.config.tasks import BUNDLED
from azdsl.limits import MAX_COLUMNS
from azdsl.tasks.archives import MissingData, check_size, read_arrays
from azdsl.taskset import TaskError


@dataclass(frozen=True)
class Table:
    """Columns of equal length by name. Their values are validated when they are encoded. ``source`` names the table.

    ``numbers_of_rows`` are the numbers of the rows in the file, from 1, if rows were dropped.
    """

    source: str
    columns: Mapping[str, Sequence[Any]]
    numbers_of_rows: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values())))

    def column(self, name: str) -> Sequence[Any]:
        """The values of column ``name``. Raises ``TaskError``."""
        if name not in self.columns:
            close = difflib.get_close_matches(name, self.columns, 1, 0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {_listed(self.columns)}"
            raise TaskError(f"{self.source} has no column {name!r}; {hint}")
        return self.columns[name]

    def row(self, at: int) -> int:
        """The number of a row in its file, from 1, for messages."""
        return self.numbers_of_rows[at] if self.numbers_of_rows else at + 1


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")


def read(path: str, base_dir: Path | None = None) -> Table:
    """Read the table in a file. The file extension determines the format. Raises ``TaskError``."""
    readers: dict[str, Callable[[Path], Mapping[str, Sequence[Any]]]] = {
        ".npz": _read_npz,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if not path:
        raise TaskError('a file task needs a file: task file(data="data.csv")')
    file = (base_dir or Path()) / path
    if file.suffix.lower() not in readers:
        raise TaskError(f"{file}: unknown file extension {file.suffix!r}; use .npz, .csv or .parquet")
    try:
        check_size(file, file.stat().st_size)
        columns = readers[file.suffix.lower()](file)
    except FileNotFoundError:
        raise MissingData(file) from None
    except OSError as error:
        raise TaskError(f"{file}: cannot be read: {error.strerror or error}") from None
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise TaskError(f"{file}: arrays of different lengths ({shown}); each needs one value per row")
    if not columns or not all(lengths.values()):
        raise TaskError(f"{file}: contains no rows")
    return Table(str(file), columns)


def _read_npz(file: Path) -> Mapping[str, Sequence[Any]]:
    """Read columns: an array [rows] is a column of its name, an array X [rows, n] is the columns X0 … X(n-1)."""
    columns: list[tuple[str, Any]] = []
    for name, array in read_arrays(file).items():
        if array.ndim not in (1, 2) or array.shape[1:] == (0,):
            raise TaskError(f"{file}: array {name!r} has shape {array.shape}; use [rows] or [rows, columns]")
        count = array.shape[1] if array.ndim == 2 else 1
        _check_columns(file, len(columns) + count)
        columns += (
            [(f"{name}{at}", array[:, at]) for at in range(count)] if count > 1 else [(name, array.reshape(len(array)))]
        )
    _distinct(file, [name for name, _ in columns])
    return dict(columns)


def _read_csv(file: Path) -> Mapping[str, Sequence[Any]]:
    """Read columns of text, separated by commas, semicolons or tabs. The first line contains the names of the columns."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            head = text.readline()
            text.seek(0)
            lines = list(csv.reader(text, delimiter=max(",;\t", key=head.count), strict=True))
    except UnicodeDecodeError:
        raise TaskError(f"{file}: not UTF-8 text") from None
    except csv.Error as error:
        raise TaskError(f"{file}: not a readable .csv file: {error}") from None
    _check_columns(file, len(lines[0]) if lines else 0)
    names = [name.strip() for name in lines[0]] if lines else []
    if not names or "" in names or any(_is_number(name) for name in names):
        raise TaskError(f"{file}: the first line must name the columns")
    _distinct(file, names)
    rows = [row for row in lines[1:] if row]
    for at, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise TaskError(f"{file}: row {at} has {len(row)} values for {len(names)} columns")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _check_columns(file: Path, count: int) -> None:
    """Check that there are at most ``MAX_COLUMNS`` columns. Raises ``TaskError``."""
    if count > MAX_COLUMNS:
        raise TaskError(
            f"{file}: too many columns: {count:,}, the limit is {MAX_COLUMNS:,}; keep fewer, or make tasks in Python"
        )


def _distinct(file: Path, names: list[str]) -> list[str]:
    """Check that the names of columns are distinct, and return them. Raises ``TaskError``."""
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise TaskError(f"{file}: two columns are named {twice!r}")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(file: Path) -> Mapping[str, Sequence[Any]]:
    """Read columns. A nested column gets an empty list in every row, which the encoding refuses as not a number."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise TaskError(f"{file}: reading .parquet needs pyarrow: pip install 'azdsl[parquet]'") from None
    try:
        metadata = parquet.read_metadata(file)
        _check_columns(file, metadata.num_columns)
        check_size(file, _unpacked_bytes(metadata))
        leaves = [metadata.schema.column(at) for at in range(metadata.num_columns)]
        flat = {leaf.path: leaf for leaf in leaves if leaf.path == leaf.name and not leaf.max_repetition_level}
        # texts are read as dictionary codes: a page of a few bytes can repeat a long text in thousands of rows
        words = [name for name, leaf in flat.items() if leaf.physical_type == "BYTE_ARRAY"]
        with parquet.ParquetFile(file, metadata=metadata, read_dictionary=words) as opened:
            names = _distinct(file, opened.schema_arrow.names)
            table = opened.read(columns=[name for name in names if name in flat])
            return {name: _plain(table[name]) if name in flat else [[]] * table.num_rows for name in names}
    except (ArrowException, UnicodeDecodeError) as error:
        raise TaskError(f"{file}: not a readable .parquet file: {error}") from None


def _unpacked_bytes(metadata: Any) -> int:
    """Estimate the unpacked size of the columns in bytes from the metadata of row groups.

    It is the size of the pages, or the size of the values, at least eight bytes each, if that is larger.
    """
    width = sum(max(8, metadata.schema.column(at).length) for at in range(metadata.num_columns))
    # not from the metadata of columns: pyarrow ends the process when it reads a column's invalid statistics
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return sum(max(group.total_byte_size, width * group.num_rows) for group in groups)


def _plain(column: Any) -> Sequence[Any]:
    """Convert a pyarrow column to an array, or to a list if it contains texts or missing values."""
    from pyarrow import DictionaryArray

    if any(isinstance(chunk, DictionaryArray) for chunk in column.chunks):
        return [value for chunk in column.chunks for value in _shared(chunk)]
    values: Sequence[Any] = column.to_numpy() if column.null_count == 0 else column.to_pylist()
    return values


def _shared(chunk: Any) -> list[Any]:
    """Return the values of a pyarrow ``DictionaryArray``; equal values are the same object. Raises ``ArrowException`` if it is damaged."""
    chunk.validate(full=True)  # reading does not check that the codes are below the number of values
    known = chunk.dictionary.to_pylist()
    return [None if at is None else known[at] for at in chunk.indices.to_pylist()]


def bundled(name: str) -> Table:
    """Return a data set that scikit-learn bundles: its feature columns and the column ``target``. Raises ``TaskError``."""
    if name not in BUNDLED:
        raise TaskError(f"unknown data set {name!r}; scikit-learn bundles {', '.join(BUNDLED)}")
    try:
        from sklearn import datasets
    except ImportError:
        raise TaskError("scikit-learn is not installed; its data sets need it: pip install 'azdsl[sklearn]'") from None
    # by default scikit-learn standardizes diabetes over all rows, which would leak information from the test rows
    options = {"scaled": False} if name == "diabetes" else {}
    data = getattr(datasets, f"load_{name}")(**options)
    features = {str(column): data.data[:, at] for at, column in enumerate(data.feature_names)}
    return Table(f"scikit-learn's {name}", features | {"target": data.target})
