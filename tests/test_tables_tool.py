"""The suite of tables: its catalog, and the report of its runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import table_catalog  # tools, found by the path above
import tables

from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet


def record(mean, error, better):
    gain = {"mean": mean, "error": error, "low": mean - 2 * error, "high": mean + 2 * error}
    scores = {key: {"fitness": 0.5, "units": 4.0} for key in ("seed", "chosen", "linear", "boosting")}
    return {
        "start": "seed",
        "scores": scores,
        "sizes": {"seed": 8, "chosen": 7},
        "differences": {"chosen-seed": gain, "chosen-linear": gain},
        "better": better,
        "candidates": 1000,
        "cpu_seconds": 2.0,
    }


def test_a_table_is_as_good_as_the_linear_model_within_one_standard_error():
    entry = table_catalog.CATALOG[0]
    close = tables.summary(entry, [record(-0.004, 0.01, False), record(-0.006, 0.01, False)])
    assert close["differences"]["chosen-linear"] == pytest.approx({"mean": -0.005, "error": 0.01 / 2**0.5})
    assert close["as_good_as_linear"] and not close["worse_than_seed"]
    worse = tables.summary(entry, [record(-0.03, 0.01, False), record(0.04, 0.01, True), record(-0.03, 0.01, False)])
    assert not worse["as_good_as_linear"]
    assert (worse["worse_than_seed"], worse["better_than_seed"], worse["runs"]) == (2, 1, 3)
    text = "\n".join(tables.report([close, worse]))
    assert "on 1 of 2 tables; significantly worse than the seed in 2 runs; significantly better in 1" in text


def test_each_half_of_the_catalog_has_every_metric():
    for half in ("development", "confirmation"):
        metrics = [entry.metric for entry in table_catalog.CATALOG if entry.half == half]
        assert len(metrics) == 8 and set(metrics) == set(tables.PROGRAMS)


@pytest.mark.parametrize("metric", ["rmse", "accuracy", "multiclass"])
def test_models_and_seed_programs_learn_a_linear_rule(metric):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(2, 300, 3))
    y = X @ [1.0, -1.0, 0.5]
    labels = {"rmse": y, "accuracy": (y > 0).astype(float), "multiclass": np.digitize(y, [-0.5, 0.5]).astype(float)}[
        metric
    ]
    X[1], labels[1] = X[0], labels[0]
    tasks = TaskSet.from_arrays(X[:, :200], labels[:, :200], X[:, 200:], labels[:, 200:], metric, 2000, 10)
    models = tables.scikit_learn(tasks)
    assert min(models["linear"]) > 0.9 and min(models["boosting"]) > 0.7
    spec = load_experiment(tables.ROOT / "examples" / "tables" / f"{tables.PROGRAMS[metric]}.az")
    found = tables.scoring.score([spec.program], spec, tasks, "test", "jit").task_fitness[0]
    assert (found > np.array(models["linear"]) - 0.2).all()


def test_runs_with_other_settings_are_not_mixed(tmp_path):
    settings = {
        "out": tmp_path,
        "seconds": 60.0,
        "workers": 2,
        "evolve": "",
        "programs": tables.ROOT / "examples" / "tables",
    }
    tables.check_settings(argparse.Namespace(**settings))
    tables.check_settings(argparse.Namespace(**settings))
    for name, other in {"seconds": 20.0, "evolve": "--epochs 5", "workers": 1}.items():
        with pytest.raises(SystemExit, match=f"its runs have --{name} {settings[name]!r}; use the same"):
            tables.check_settings(argparse.Namespace(**settings | {name: other}))
