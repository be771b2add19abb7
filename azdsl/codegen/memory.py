"""Memory for compiled code: aligned for vectors, and shared with no other thread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64
"""Arrays start at multiples of this many bytes, a cache line and the widest vector, and have them to themselves.

What two threads write in one line moves between their cores at every write.
"""


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike, boundary: int = ALIGNMENT) -> NDArray[Any]:
    """A zeroed array on cache lines of its own, from a multiple of ``boundary`` on: whole cache lines."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize if isinstance(shape, tuple) else shape * kind.itemsize
    raw = np.zeros(-(-size // boundary) * boundary + boundary, np.uint8)
    start = -raw.ctypes.data % boundary
    return raw[start : start + size].view(kind).reshape(shape)
