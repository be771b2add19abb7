"""An image set in memory or on disk: pictures as rows of bytes with class numbers, in parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.limits import MAX_CLASS_NUMBER
from azdsl.tasks.archives import check_size
from azdsl.taskset import TaskError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pictures:
    """n pictures of the same size: ``blocks`` of uint8[n_k, pixels], perhaps mapped from a file, ``labels`` int64[n]."""

    blocks: tuple[Pixels, ...]
    labels: Labels

    @property
    def pixels(self) -> int:
        """Numbers in a picture, all colours together."""
        return int(self.blocks[0].shape[1])

    def rows(self, places: NDArray[np.int64]) -> Pixels:
        """The pictures at ``places`` [k], in that order: uint8[k, pixels]."""
        found = np.empty((len(places), self.pixels), np.uint8)
        start = 0
        for block in self.blocks:
            here = (places >= start) & (places < start + len(block))
            found[here] = block[places[here] - start]
            start += len(block)
        return found


@dataclass(frozen=True, eq=False)
class ImageSet:
    """All pictures of a set: those to train on, and those that the set keeps for the final test, if it does."""

    train: Pictures
    test: Pictures | None = None


@dataclass(frozen=True)
class Source:
    """Where an image set comes from: a name for messages, the files read, and how to read them.

    ``read`` raises ``TaskError``. Without files the digest is that of what it returns.
    """

    name: str
    files: tuple[Path, ...]
    read: Callable[[], ImageSet]


def pictures(source: str, blocks: Sequence[NDArray[Any]], labels: NDArray[Any]) -> Pictures:
    """Check pictures [n_k, …] and labels [n]. Raises ``TaskError``."""
    flat = tuple(as_bytes(source, block).reshape(len(block), math.prod(block.shape[1:])) for block in blocks)
    count = sum(map(len, flat))
    if labels.ndim != 1 or labels.dtype.kind not in "iuf" or (labels != np.floor(labels)).any():
        raise TaskError(
            f"{source}: the labels (shape {labels.shape}, {labels.dtype}) are not one class number a picture"
        )
    if count != len(labels):
        raise TaskError(f"{source}: {count} images but {len(labels)} labels")
    if not count or not flat[0].shape[1]:
        raise TaskError(f"{source}: holds no pictures")
    wrong = (labels < 0) | (labels > MAX_CLASS_NUMBER)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise TaskError(
            f"{source}: picture {at + 1} has the label {labels[at]}; class numbers are 0 to {MAX_CLASS_NUMBER}; number them anew"
        )
    return Pictures(flat, labels.astype(np.int64))


def as_bytes(source: str, block: NDArray[Any]) -> Pixels:
    """Pixels as uint8: whole numbers 0 to 255 as they are, fractions 0 to 1 in 255 steps. Raises ``TaskError``."""
    if block.ndim < 2:
        raise TaskError(f"{source}: images of shape {block.shape}; use [images, …]")
    if block.dtype == np.uint8:
        return block
    if block.dtype.kind not in "iufb" or not block.size:
        raise TaskError(f"{source}: images of {block.dtype} and shape {block.shape} are not pixels")
    low, high = block.min(), block.max()
    if not (low >= 0 and high <= 255):
        raise TaskError(f"{source}: pixels from {low} to {high}; use whole numbers 0 to 255, or fractions 0 to 1")
    if block.dtype.kind == "f" and (block != np.floor(block)).any():
        if high > 1:
            raise TaskError(
                f"{source}: pixels up to {high} with fractions; use whole numbers 0 to 255, or fractions 0 to 1"
            )
        return np.round(block * 255.0).astype(np.uint8)
    return block.astype(np.uint8)


def within(source: str, labels: NDArray[Any], classes: int) -> None:
    """Raise ``TaskError`` for the first label that a format's classes do not have."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise TaskError(f"{source}: picture {at + 1} has the label {labels[at]}, but labels are 0 to {classes - 1}")


def content(file: Path) -> bytes:
    """All bytes of a file. Raises ``TaskError``."""
    try:
        check_size(file, file.stat().st_size)
        return file.read_bytes()
    except FileNotFoundError:
        raise TaskError(f"{file}: no such file") from None
    except OSError as error:
        raise TaskError(f"{file}: cannot be read: {error.strerror or error}") from None
