"""scikit-learn's own checks of all four estimators."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import parametrize_with_checks

from azdsl.sklearn import AutoMLZeroClassifier, AutoMLZeroRegressor, AZClassifier, AZRegressor

# The checks are not about warnings.
pytestmark = pytest.mark.filterwarnings("ignore")

SMALL: dict[str, Any] = {"population": 20, "tournament": 3, "max_evals": 60, "tasks": 2, "islands": 1, "epochs": 3}


@parametrize_with_checks([AZRegressor(), AZClassifier()])
def test_given_programs(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([AutoMLZeroRegressor(**SMALL), AutoMLZeroClassifier(**SMALL)])
def test_evolved_programs(estimator: Any, check: Any) -> None:
    check(estimator)
