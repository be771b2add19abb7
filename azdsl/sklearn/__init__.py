"""scikit-learn estimators: programs that learn (``AZ…``) and searches for programs (``AutoMLZero…``).

scikit-learn is imported here and nowhere else in azdsl but for its data sets: ``pip install 'azdsl[sklearn]'``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  # what is new in the oldest version that will do
except ImportError as error:
    raise ImportError("azdsl.sklearn needs scikit-learn 1.6 or later: pip install 'azdsl[sklearn]'") from error

from azdsl.ops import BY_NAME, Op
from azdsl.sklearn.evolved import AutoMLZeroClassifier, AutoMLZeroRegressor, HallEntry
from azdsl.sklearn.learner import AZClassifier, AZRegressor

__all__ = ["AZClassifier", "AZRegressor", "AutoMLZeroClassifier", "AutoMLZeroRegressor", "HallEntry"]


def _op(name: str) -> Op:
    return BY_NAME[name]


def _reduce_op(op: Op) -> tuple[Callable[..., Op], tuple[str]]:
    return _op, (op.name,)


# Cloning and pickling an estimator copies its program; an op is one of the table, wherever it comes from.
copyreg.pickle(Op, _reduce_op)
