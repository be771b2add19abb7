"""scikit-learn's bundled data sets."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from azdsl.config.search import SettingsError
from azdsl.config.tasks import BUNDLED, SklearnTask
from azdsl.tasks import TaskError, build, describe

SHAPES = {"diabetes": (10, 0), "breast_cancer": (30, 0), "digits": (64, 10), "iris": (4, 3), "wine": (13, 3)}


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("role", ["search", "select", "test"])
def test_bundled(name, role):
    pytest.importorskip("sklearn")
    tasks = build(SklearnTask(data=name, tasks=3), 0, role)
    assert tasks.metric == BUNDLED[name]
    assert (tasks.features, tasks.classes) == SHAPES[name]
    assert tasks.tasks == {"search": 3, "select": 10, "test": 20}[role]


def test_diabetes_scores_in_target_units():
    pytest.importorskip("sklearn")
    tasks = build(SklearnTask(data="diabetes", test_tasks=1), 0, "test")
    X, y, VX, Vy = tasks.train_X[0], tasks.train_y[0], tasks.valid_X[0], tasks.valid_y[0]
    error = np.sqrt(np.mean((VX @ np.linalg.lstsq(X, y, rcond=None)[0] - Vy) ** 2)) * tasks.target_scale[0]
    assert 45 < error < 62
    assert error < 0.8 * tasks.mean_rmse()[0]


def test_needs_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(TaskError, match=r"pip install 'azdsl\[sklearn\]'"):
        build(SklearnTask(data="iris"), 0, "search")


def test_metric_and_name():
    assert SklearnTask(data="iris").metric_definition.name == "multiclass"
    assert SklearnTask(data="iris", metric="rmse").metric_definition.name == "rmse"
    with pytest.raises(SettingsError, match="data must be one of diabetes"):
        SklearnTask(data="boston")
    with pytest.raises(TaskError, match="unknown data set ''"):
        build(SklearnTask(), 0, "search")


def test_describe():
    shown = "10 splits of scikit-learn's diabetes, target target, rmse, 10 epochs, 1 validation"
    assert describe(SklearnTask(data="diabetes")) == shown
