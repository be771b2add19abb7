"""CIFAR-10 in its two standard layouts: the binary version, and the Python batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.tasks.images import pickles
from azdsl.tasks.images.sets import ImageSet, Pictures, Source, content, pictures, within
from azdsl.taskset import TaskError

CLASSES = 10
PIXELS = 3 * 32 * 32
RECORDS = 10_000
"""Pictures of a batch."""

BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"

FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
"""Where the files are, seen from the folder given: there, or where the archives unpack to."""

Batch = tuple[NDArray[np.uint8], NDArray[Any]]


def find(path: Path) -> Source:
    """CIFAR-10 in a folder: ``data_batch_1.bin`` … or ``data_batch_1`` …, and the test batch. Raises ``TaskError``."""
    for folder in (path / name for name in FOLDERS):
        for ending, read in (".bin", _binary), ("", _python):
            if (folder / (BATCHES[0] + ending)).is_file():
                files = tuple(folder / (name + ending) for name in (*BATCHES, TEST))
                for file in files:
                    if not file.is_file():
                        raise TaskError(f"{file}: no such file; CIFAR-10 has five batches and the test batch")
                return Source(f"cifar10 in {path}", files, _reader(files, read))
    if not path.is_dir():
        raise TaskError(f"{path}: no such folder")
    raise TaskError(f"{path}: has neither {BATCHES[0]}.bin nor {BATCHES[0]}: not a folder of CIFAR-10")


def _reader(files: tuple[Path, ...], read: Callable[[Path], Batch]) -> Callable[[], ImageSet]:
    *train, test = files
    return lambda: ImageSet(_joined(train, read), _joined([test], read))


def _joined(files: list[Path], read: Callable[[Path], Batch]) -> Pictures:
    batches = [read(file) for file in files]
    for file, (_, labels) in zip(files, batches, strict=True):
        within(str(file), labels, CLASSES)
    return pictures(str(files[0].parent), [pixels for pixels, _ in batches], np.concatenate([y for _, y in batches]))


def _binary(file: Path) -> Batch:
    """Records of a label byte and the pixels, mapped: what is not used is not read."""
    expected, there = RECORDS * (1 + PIXELS), file.stat().st_size
    if there != expected:
        words = "truncated" if there < expected else "too long"
        raise TaskError(f"{file}: {words}: {there} bytes, where {RECORDS} records of {1 + PIXELS} are {expected}")
    records: NDArray[np.uint8] = np.memmap(file, np.uint8, "r", shape=(RECORDS, 1 + PIXELS))
    return records[:, 1:], np.array(records[:, 0])


def _python(file: Path) -> Batch:
    """A pickled dictionary, of which only data are read."""
    try:
        batch = pickles.read(content(file))
    except pickles.UnsafePickleError as error:
        raise TaskError(f"{file}: not read, since the pickle is no plain batch of CIFAR-10: {error}") from None
    if not isinstance(batch, dict):
        raise TaskError(f"{file}: holds a {type(batch).__name__}, not the dictionary of a batch")
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, np.ndarray) or not isinstance(labels, list) or not all(type(y) is int for y in labels):
        raise TaskError(f"{file}: a batch of CIFAR-10 has an array 'data' and a list of numbers 'labels'")
    if data.shape != (RECORDS, PIXELS):
        raise TaskError(f"{file}: data of shape {data.shape}, where a batch has ({RECORDS}, {PIXELS})")
    if len(labels) != RECORDS:
        raise TaskError(f"{file}: {len(data)} images but {len(labels)} labels")
    return data, np.array(labels, np.int64)
