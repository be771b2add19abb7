"""Arrays from .npz files: whatever is in the file, the answer is arrays or ``TaskError``."""

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
    """Refuse data that would fill the memory. Raises ``TaskError``."""
    if size > MAX_DATA_BYTES:
        shown = f"{size / 2**30:.1f} GiB, and at most {MAX_DATA_BYTES / 2**30:g} GiB are read"
        raise TaskError(f"{file}: too large: {shown}; keep fewer rows or columns, or make tasks in Python")


def read_arrays(file: Path, wanted: Callable[[Names], Names] = lambda names: names) -> dict[str, NDArray[Any]]:
    """The arrays in a file whose names ``wanted`` chooses. Raises ``TaskError`` and ``OSError``."""
    try:
        # Opened here: NumPy leaves a file that is no archive open.
        with file.open("rb") as stream:
            check_size(file, sum(member.file_size for member in zipfile.ZipFile(stream).infolist()))
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in wanted(stored.files)}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # NumPy gives the bytes of what does not begin as an array does
                raise TaskError(f"{file}: {name!r} in it is no array; write it with numpy.savez")
            if array.dtype.kind == "V":
                raise TaskError(
                    f"{file}: {name!r} in it is an array of records; write its columns one by one with numpy.savez"
                )
            if (
                array.size and not array.dtype.itemsize
            ):  # any number of them is no bytes in the file, and many in memory
                raise ValueError(f"{name!r} in it holds nothing but empty texts")
            if (
                array.dtype.kind == "U"
                and (array.astype(array.dtype.newbyteorder("=")).ravel().view(np.uint32) > sys.maxunicode).any()
            ):
                raise ValueError(
                    f"{name!r} in it holds characters that there are none of"
                )  # NumPy lets them pass until they are used
    except (OSError, TaskError):
        raise
    except Exception as error:  # whatever NumPy, zipfile and tokenize raise on what is no array
        reason = "arrays of Python objects are not read" if "pickle" in str(error).lower() else str(error)
        raise TaskError(f"{file}: not a readable .npz file: {reason}") from None
    return arrays
