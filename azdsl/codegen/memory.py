"""Memory for compiled code, aligned for vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64
"""Bytes of a cache line and of the widest vector. Arrays start and end on cache lines, so that no line is written by two threads:
it would move between their cores at every write.
"""


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike, boundary: int = ALIGNMENT) -> NDArray[Any]:
    """A zeroed array from a multiple of ``boundary`` bytes on, on cache lines that no other array uses."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize if isinstance(shape, tuple) else shape * kind.itemsize
    raw = np.zeros(-(-size // boundary) * boundary + boundary, np.uint8)
    start = -raw.ctypes.data % boundary
    return raw[start : start + size].view(kind).reshape(shape)
