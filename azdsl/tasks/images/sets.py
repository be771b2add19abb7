"""An image set in memory or mapped from files: images as rows of bytes, with class numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.limits import MAX_CLASS_NUMBER
from azdsl.tasks.archives import MissingData, check_size
from azdsl.taskset import TaskError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pictures:
    """n images of the same size: ``blocks`` of uint8[n_k, pixels], in memory or mapped from a file; ``labels`` int64[n]."""

    blocks: tuple[Pixels, ...]
    labels: Labels

    @property
    def pixels(self) -> int:
        """The numbers in an image: pixels times colour channels."""
        return int(self.blocks[0].shape[1])

    def rows(self, places: NDArray[np.int64]) -> Pixels:
        """Return the images with the indices ``places`` [k], in this order: uint8[k, pixels]."""
        found = np.empty((len(places), self.pixels), np.uint8)
        start = 0
        for block in self.blocks:
            here = (places >= start) & (places < start + len(block))
            found[here] = block[places[here] - start]
            start += len(block)
        return found


@dataclass(frozen=True, eq=False)
class ImageSet:
    """The training images of a set and, if the set has them, its test images."""

    train: Pictures
    test: Pictures | None = None


@dataclass(frozen=True)
class Source:
    """The source of an image set: its name in messages, its files, and the function that reads it.

    ``read`` raises ``TaskError``. A source without files is identified by the digest of the images that ``read`` returns.
    """

    name: str
    files: tuple[Path, ...]
    read: Callable[[], ImageSet]


def pictures(source: str, blocks: Sequence[NDArray[Any]], labels: NDArray[Any]) -> Pictures:
    """Validate images [n_k, …] and labels [n]. Raises ``TaskError``."""
    flat = tuple(as_bytes(source, block).reshape(len(block), math.prod(block.shape[1:])) for block in blocks)
    count = sum(map(len, flat))
    if labels.ndim != 1 or labels.dtype.kind not in "iuf" or (labels != np.floor(labels)).any():
        raise TaskError(
            f"{source}: the labels (shape {labels.shape}, {labels.dtype}) are not one class number per image"
        )
    if count != len(labels):
        raise TaskError(f"{source}: {count} images but {len(labels)} labels")
    if not count or not flat[0].shape[1]:
        raise TaskError(f"{source}: contains no images")
    wrong = (labels < 0) | (labels > MAX_CLASS_NUMBER)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise TaskError(
            f"{source}: image {at + 1} has the label {labels[at]}; number the classes from 0 to at most {MAX_CLASS_NUMBER}"
        )
    return Pictures(flat, labels.astype(np.int64))


def as_bytes(source: str, block: NDArray[Any]) -> Pixels:
    """Convert pixels to uint8: integers from 0 to 255 are kept, fractions from 0 to 1 are multiplied by 255. Raises ``TaskError``."""
    if block.ndim < 2:
        raise TaskError(f"{source}: the images have the shape {block.shape}; use [images, …]")
    if block.dtype == np.uint8:
        return block
    if block.dtype.kind not in "iufb" or not block.size:
        raise TaskError(f"{source}: images of shape {block.shape} and type {block.dtype} are not pixels; use numbers")
    low, high = block.min(), block.max()
    if not (low >= 0 and high <= 255):
        raise TaskError(f"{source}: pixels from {low} to {high}; use integers from 0 to 255, or fractions from 0 to 1")
    if block.dtype.kind == "f" and (block != np.floor(block)).any():
        if high > 1:
            raise TaskError(
                f"{source}: pixels up to {high} with fractions; use integers from 0 to 255, or fractions from 0 to 1"
            )
        return np.round(block * 255.0).astype(np.uint8)
    return block.astype(np.uint8)


def within(source: str, labels: NDArray[Any], classes: int) -> None:
    """Raise ``TaskError`` for the first label outside 0 to ``classes`` - 1."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise TaskError(f"{source}: image {at + 1} has the label {labels[at]}; labels are from 0 to {classes - 1}")


def content(file: Path) -> bytes:
    """Read all bytes of a file. Raises ``TaskError``."""
    try:
        check_size(file, file.stat().st_size)
        return file.read_bytes()
    except FileNotFoundError:
        raise MissingData(file) from None
    except OSError as error:
        raise TaskError(f"{file}: cannot be read: {error.strerror or error}") from None
