"""The example that makes azdsl the evaluator of OpenEvolve: alone, and called by the real package where it is installed."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest

import azdsl

EXAMPLE = Path(__file__).parents[1] / "examples" / "propose" / "openevolve"
INITIAL = EXAMPLE / "initial_program.az"
FAILING = """task linear(tasks=1)
def Setup():
  s2 = -1
  s3 = log(s2)
def Predict():
  s1 = s3
  s4 = s3 + s3
"""


@pytest.fixture(scope="module")
def evaluator():
    spec = importlib.util.spec_from_file_location("openevolve_evaluator", EXAMPLE / "evaluator.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result_of(evaluator, tmp_path, text):
    path = tmp_path / "candidate.az"
    path.write_text(text)
    return evaluator.evaluate(str(path))


def test_metrics_are_the_fitness_of_the_search(evaluator):
    result = evaluator.evaluate(str(INITIAL))
    expected = azdsl.score(INITIAL, on="search", backend="reference")
    assert result.metrics == {
        "combined_score": expected.fitness,
        "worst_task": expected.task_fitness.min(),
        "size": 6.0,
    }
    assert result.artifacts == {"task_fitness": " ".join(f"{value:.4f}" for value in expected.task_fitness)}


def test_a_failing_program_is_explained_on_the_tasks_of_the_seed(evaluator, tmp_path):
    result = result_of(evaluator, tmp_path, FAILING)
    assert result.metrics == {"combined_score": 0.0, "worst_task": 0.0, "size": 3.0}
    assert len(result.artifacts["task_fitness"].split()) == 16
    assert result.artifacts["dead_lines"].endswith("prediction:\ns4 = s3 + s3 in Predict")
    assert result.artifacts["first_fault"] == "task 0, after 0 training examples: s3 = log(s2) in Setup gives nan"


@pytest.mark.parametrize("text", ["def Predict():\n  s1 = s0 ?\n", "no program", "\0"])
def test_what_is_no_program_is_an_artifact(evaluator, tmp_path, text):
    result = result_of(evaluator, tmp_path, text)
    assert result.metrics["combined_score"] == 0.0 and result.metrics.keys() == {"combined_score", "worst_task", "size"}
    assert "error:" in result.artifacts["error"]


def test_the_package_gets_metrics_and_artifacts(evaluator, tmp_path, monkeypatch):
    package = pytest.importorskip("openevolve.evaluator", reason="openevolve is not installed")
    from openevolve.config import load_config

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    config = load_config(str(EXAMPLE / "config.yaml"))
    assert (config.language, config.file_suffix, config.diff_based_evolution) == ("az", ".az", False)
    caller = package.Evaluator(config.evaluator, str(EXAMPLE / "evaluator.py"), suffix=config.file_suffix)
    metrics = asyncio.run(caller.evaluate_program(INITIAL.read_text(), "one"))
    assert metrics == evaluator.evaluate(str(INITIAL)).metrics
    assert set(config.database.feature_dimensions) <= metrics.keys()
    assert asyncio.run(caller.evaluate_program(FAILING, "two"))["combined_score"] == 0.0
    assert caller.get_pending_artifacts("two")["first_fault"].endswith("gives nan")
    assert asyncio.run(caller.evaluate_program("no program", "three"))["combined_score"] == 0.0
    assert "error:" in caller.get_pending_artifacts("three")["error"]
