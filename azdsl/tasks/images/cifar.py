"""CIFAR-10 in its two standard layouts: the binary version, and the Python batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.tasks.archives import MissingData
from azdsl.tasks.images import pickles
from azdsl.tasks.images.sets import ImageSet, Pictures, Source, content, pictures, within
from azdsl.taskset import TaskError

CLASSES = 10
PIXELS = 3 * 32 * 32
RECORDS = 10_000
"""Images in a batch."""

BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"

FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
"""Subdirectories in which the files may be: none, or those in the downloaded archives."""

Batch = tuple[NDArray[np.uint8], NDArray[Any]]


def find(path: Path) -> Source:
    """Find CIFAR-10 in a directory: ``data_batch_1.bin`` … or ``data_batch_1`` …, and the test batch. Raises ``TaskError``."""
    for folder in (path / name for name in FOLDERS):
        for ending, read in (".bin", _binary), ("", _python):
            if (folder / (BATCHES[0] + ending)).is_file():
                files = tuple(folder / (name + ending) for name in (*BATCHES, TEST))
                for file in files:
                    if not file.is_file():
                        reason = "no such file; CIFAR-10 consists of five batches and a test batch"
                        raise MissingData(file, reason)
                return Source(f"cifar10 in {path}", files, _reader(files, read))
    if not path.is_dir():
        raise MissingData(path, "no such directory")
    raise TaskError(
        f"{path}: contains neither {BATCHES[0]}.bin nor {BATCHES[0]}; give the directory with the batches of CIFAR-10"
    )


def _reader(files: tuple[Path, ...], read: Callable[[Path], Batch]) -> Callable[[], ImageSet]:
    *train, test = files
    return lambda: ImageSet(_joined(train, read), _joined([test], read))


def _joined(files: list[Path], read: Callable[[Path], Batch]) -> Pictures:
    batches = [read(file) for file in files]
    for file, (_, labels) in zip(files, batches, strict=True):
        within(str(file), labels, CLASSES)
    return pictures(str(files[0].parent), [pixels for pixels, _ in batches], np.concatenate([y for _, y in batches]))


def _binary(file: Path) -> Batch:
    """Map a file of records of one label byte and the pixels into memory. Only the images that are used are read."""
    expected, size = RECORDS * (1 + PIXELS), file.stat().st_size
    if size != expected:
        words = "truncated" if size < expected else "too long"
        raise TaskError(
            f"{file}: {words}: {size} bytes, but {RECORDS} records of {1 + PIXELS} bytes are {expected} bytes"
        )
    records: NDArray[np.uint8] = np.memmap(file, np.uint8, "r", shape=(RECORDS, 1 + PIXELS))
    return records[:, 1:], np.array(records[:, 0])


def _python(file: Path) -> Batch:
    """Read a pickled dictionary, without running code from the pickle."""
    try:
        batch = pickles.read(content(file))
    except pickles.UnsafePickleError as error:
        raise TaskError(f"{file}: not a batch of CIFAR-10: {error}") from None
    if not isinstance(batch, dict):
        raise TaskError(f"{file}: not a batch of CIFAR-10: its content has the type {type(batch).__name__}, not dict")
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, np.ndarray) or not isinstance(labels, list) or not all(type(y) is int for y in labels):
        raise TaskError(
            f"{file}: not a batch of CIFAR-10, which has an array 'data' and a list of class numbers 'labels'"
        )
    if data.shape != (RECORDS, PIXELS):
        raise TaskError(f"{file}: the data have the shape {data.shape}; a batch has ({RECORDS}, {PIXELS})")
    if len(labels) != RECORDS:
        raise TaskError(f"{file}: {len(data)} images but {len(labels)} labels")
    return data, np.array(labels, np.int64)
