"""Mean and deviation for the scaling of features and targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from azdsl import sums
from azdsl.limits import MAX_DATA_VALUE

Array = NDArray[np.float64]


def scaling(values: Array) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of each column over the rows.

    The deviation of a constant column is infinite, so that scaling makes the column 0. The same applies to a deviation below
    1 / ``MAX_DATA_VALUE``, because dividing by it could overflow.
    """
    deviation = sums.deviation(values)
    same = (values == values[0]).all(axis=0) | (deviation < 1.0 / MAX_DATA_VALUE)
    return sums.mean(values), np.where(same, np.inf, deviation)
