"""Reader of IDX, the format of MNIST and Fashion-MNIST: big-endian sizes, then bytes; plain or compressed by gzip."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from azdsl.limits import MAX_DATA_BYTES
from azdsl.tasks.archives import MissingData, check_size
from azdsl.tasks.images.sets import ImageSet, Pictures, Source, content, pictures, within
from azdsl.taskset import TaskError

CLASSES = 10

IMAGES_MAGIC, LABELS_MAGIC = 0x00000803, 0x00000801
"""Magic numbers: unsigned bytes in three dimensions, and in one."""

_WHAT = {IMAGES_MAGIC: "an images file", LABELS_MAGIC: "a labels file"}
_GZIP = b"\x1f\x8b"


def find(name: str, path: Path) -> Source:
    """Find MNIST or Fashion-MNIST in a directory, or in an images file (without test images). Raises ``TaskError``."""
    if not path.exists():
        raise MissingData(path, "no such file or directory")
    if path.is_dir():
        train, test = _in_folder(path)
    else:
        train, test = path, None
    files = [file for images in (train, test) if images for file in (images, labels_of(images))]
    for file in files:
        if not file.is_file():
            raise MissingData(file)
    return Source(f"{name} in {path}", tuple(files), lambda: ImageSet(_pair(train), _pair(test) if test else None))


def labels_of(images: Path) -> Path:
    """Return the path of the labels file that belongs to an images file. Raises ``TaskError``."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    if name == images.name:
        raise TaskError(f"{images}: not the name of an images file; use a name such as train-images-idx3-ubyte.gz")
    return images.with_name(name)


def _in_folder(folder: Path) -> tuple[Path, Path | None]:
    """Find the images file of the training set and that of the test set; a plain file has precedence over a .gz file."""
    found = {file.name.removesuffix(".gz"): file for file in sorted(folder.glob("*images*idx3*"), reverse=True)}
    test = next((file for name, file in found.items() if name.startswith(("t10k", "test"))), None)
    train = [file for file in found.values() if file != test]
    standard = [file for file in train if file.name.startswith("train")]
    chosen = standard or train
    if len(chosen) == 1:
        return chosen[0], test if standard else None
    if not chosen:
        raise TaskError(f"{folder}: contains no images file in IDX format, such as train-images-idx3-ubyte.gz")
    names = ", ".join(sorted(file.name for file in chosen))
    raise TaskError(f"{folder}: contains several images files ({names}); give the path of one")


def _pair(images: Path) -> Pictures:
    """Read an images file and its labels file."""
    pixels, labels = read(images, IMAGES_MAGIC), read(labels_of(images), LABELS_MAGIC)
    if len(pixels) != len(labels):
        raise TaskError(f"{images}: {len(pixels)} images, but {labels_of(images)} has {len(labels)} labels")
    within(str(labels_of(images)), labels, CLASSES)
    return pictures(str(images), [pixels], labels)


def read(file: Path, magic: int) -> NDArray[np.uint8]:
    """Read the array in an IDX file of bytes. Raises ``TaskError``."""
    data = _unpacked(file, content(file))
    dimensions = magic & 0xFF
    if len(data) < 4 + 4 * dimensions:
        raise TaskError(f"{file}: truncated: {len(data)} bytes, which is less than the header of an IDX file")
    found = int.from_bytes(data[:4], "big")
    if found != magic:
        raise TaskError(
            f"{file}: {_WHAT.get(found, 'not an IDX file of bytes')} (magic number {found:#010x}); "
            f"expected {_WHAT[magic]} ({magic:#010x})"
        )
    shape = tuple(int.from_bytes(data[4 + 4 * at : 8 + 4 * at], "big") for at in range(dimensions))
    expected, size = math.prod(shape), len(data) - 4 - 4 * dimensions
    if size != expected:
        words = "truncated" if size < expected else "too long"
        sizes = " × ".join(map(str, shape))
        raise TaskError(f"{file}: {words}: {size} bytes after the header, which states {sizes} = {expected} bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _unpacked(file: Path, data: bytes) -> bytes:
    """Decompress the content of a file if it is compressed."""
    if not data.startswith(_GZIP):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(MAX_DATA_BYTES + 1)
        check_size(file, len(unpacked))
        return unpacked
    except (OSError, EOFError, zlib.error) as error:
        raise TaskError(f"{file}: damaged gzip file: {error}") from None
