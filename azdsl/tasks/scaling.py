"""Features and targets scaled by their training examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from azdsl.limits import MAX_DATA_VALUE

Array = NDArray[np.float64]


def scaling(values: Array) -> tuple[Array, Array]:
    """Mean and deviation over the rows; infinite deviation where all are equal, so that such a column becomes 0.

    Deviations whose squares come to nothing are none either: what they divide would be infinite.
    """
    deviation = values.std(axis=0)
    same = (values == values[0]).all(axis=0) | (deviation < 1.0 / MAX_DATA_VALUE)
    return values.mean(axis=0), np.where(same, np.inf, deviation)
