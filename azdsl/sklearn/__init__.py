"""scikit-learn estimators that learn with a program (``AZ…``) or search for one (``AutoMLZero…``).

Apart from scikit-learn's data sets, only this package imports scikit-learn: ``pip install 'azdsl[sklearn]'``.
"""

from __future__ import annotations

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  # new in the oldest supported version
except ImportError as error:
    raise ImportError("azdsl.sklearn needs scikit-learn 1.6 or later: pip install 'azdsl[sklearn]'") from error

from azdsl.sklearn.evolved import AutoMLZeroClassifier, AutoMLZeroRegressor, HallEntry
from azdsl.sklearn.learner import AZClassifier, AZRegressor

__all__ = ["AZClassifier", "AZRegressor", "AutoMLZeroClassifier", "AutoMLZeroRegressor", "HallEntry"]
