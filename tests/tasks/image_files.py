"""Image sets written for tests: small, with pictures that tell where they came from."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def numbered(
    count: int, classes: int = 10, pixels: int = 24, first: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pictures [count, 4, 6] whose first four bytes are their number, the others noise about their class; labels."""
    draw = np.random.default_rng(first + count)
    labels = np.arange(count) % classes
    images = np.clip(draw.normal(100 + 10 * labels[:, None], 20, (count, pixels)), 0, 255).astype(np.uint8)
    images[:, :4] = (np.arange(first, first + count, dtype=">u4")[:, None]).view(np.uint8)
    return images.reshape(count, 4, pixels // 4), labels.astype(np.uint8)


def numbers(pixels: NDArray[np.uint8]) -> set[int]:
    """The pictures' numbers."""
    return set(np.ascontiguousarray(pixels[:, :4]).view(">u4")[:, 0].tolist())


def idx(array: NDArray[np.uint8]) -> bytes:
    """An IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


def write_mnist(folder: Path, count: int = 400, test: int = 0, packed: bool = False) -> None:
    """MNIST's files: ``train-…``, and ``t10k-…`` when there are test pictures."""
    for name, size, first in (("train", count, 0), ("t10k", test, count)):
        if size:
            images, labels = numbered(size, first=first)
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                data = idx(array)
                file = folder / f"{name}-{kind}-ubyte{'.gz' if packed else ''}"
                file.write_bytes(gzip.compress(data) if packed else data)
