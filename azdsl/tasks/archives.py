"""Reader of arrays in .npz files. Invalid content of any kind raises ``TaskError``."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.errors import MissingFile
from azdsl.limits import MAX_DATA_BYTES
from azdsl.taskset import TaskError

Names = Sequence[str]


class MissingData(MissingFile, TaskError):
    """Data that do not exist: a ``TaskError`` that is also a ``FileNotFoundError``."""


def check_size(file: Path, size: int) -> None:
    """Check that data have at most ``MAX_DATA_BYTES``. Raises ``TaskError``."""
    if size > MAX_DATA_BYTES:
        shown = f"{size / 2**30:.1f} GiB, the limit is {MAX_DATA_BYTES / 2**30:g} GiB"
        raise TaskError(f"{file}: too large: {shown}; keep fewer rows or columns, or make tasks in Python")


def read_arrays(file: Path, wanted: Callable[[Names], Names] = lambda names: names) -> dict[str, NDArray[Any]]:
    """Read the arrays of a file that ``wanted`` selects from their names. Raises ``TaskError`` and ``OSError``."""
    try:
        # opened here, because NumPy does not close a file that is not an archive
        with file.open("rb") as stream:
            check_size(file, sum(member.file_size for member in zipfile.ZipFile(stream).infolist()))
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in wanted(stored.files)}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # NumPy returns the bytes of a member that is not an array
                raise TaskError(f"{file}: {name!r} is not an array; write it with numpy.savez")
            if array.dtype.kind == "V":
                raise TaskError(
                    f"{file}: {name!r} is an array of records; write its columns as single arrays with numpy.savez"
                )
            # empty texts need no bytes in the file, so that a small file could fill the memory
            if array.size and not array.dtype.itemsize:
                raise ValueError(f"{name!r} contains only empty texts")
            if (
                array.dtype.kind == "U"
                and (array.astype(array.dtype.newbyteorder("=")).ravel().view(np.uint32) > sys.maxunicode).any()
            ):
                raise ValueError(f"{name!r} contains invalid characters")  # NumPy fails only when they are used
    except (OSError, TaskError):
        raise
    except Exception as error:  # NumPy, zipfile and tokenize raise errors of many types for invalid files
        reason = "arrays of Python objects are not read" if "pickle" in str(error).lower() else str(error)
        raise TaskError(f"{file}: not a readable .npz file: {reason}") from None
    return arrays
