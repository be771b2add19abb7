"""scikit-learn estimators: programs that learn (``AZ…``) and searches for programs (``AutoMLZero…``).

scikit-learn is imported here and nowhere else in azdsl but for its data sets: ``pip install 'azdsl[sklearn]'``.
"""

from __future__ import annotations

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  # what is new in the oldest version that will do
except ImportError as error:
    raise ImportError("azdsl.sklearn needs scikit-learn 1.6 or later: pip install 'azdsl[sklearn]'") from error

from azdsl.sklearn.evolved import AutoMLZeroClassifier, AutoMLZeroRegressor, HallEntry
from azdsl.sklearn.learner import AZClassifier, AZRegressor

__all__ = ["AZClassifier", "AZRegressor", "AutoMLZeroClassifier", "AutoMLZeroRegressor", "HallEntry"]
