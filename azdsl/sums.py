"""Sums over rows in one order of additions, so that every machine and every version of NumPy gives the same bits.

NumPy's own sums add in an order that depends on the layout of the array, and matrix products in one that depends on the processor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def total(values: ArrayLike) -> Any:
    """The sum over the first axis, at least one row: the second half of the rows is added to the first until one row is left.

    Of an odd number of rows, the first half has one more. The error grows with the logarithm of the number of rows.
    """
    rows: Array = np.asarray(values, np.float64)
    while len(rows) > 1:
        count = len(rows) // 2
        folded = rows[: len(rows) - count].copy()
        folded[:count] += rows[len(rows) - count :]
        rows = folded
    return rows[0]


def mean(values: ArrayLike) -> Any:
    """The mean over the first axis."""
    rows: Array = np.asarray(values, np.float64)
    return total(rows) / len(rows)


def deviation(values: ArrayLike, lost: int = 0) -> Any:
    """The standard deviation over the first axis; the squares are divided by the number of rows minus ``lost``."""
    rows: Array = np.asarray(values, np.float64)
    from_mean = rows - mean(rows)
    from_mean *= from_mean
    return np.sqrt(total(from_mean) / (len(rows) - lost))
