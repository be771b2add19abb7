"""Explanations: text, roles, and the effect of a line on the fitness."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from strategies import random_program, random_tasks

from azdsl.api import evaluate
from azdsl.cli import main
from azdsl.config.experiment import Experiment
from azdsl.export.readable.explain import explain, without
from azdsl.export.readable.statements import readable
from azdsl.paired import difference
from azdsl.scoring import score
from azdsl.syntax import load, parse, parse_experiment
from azdsl.tasks import build

EXAMPLES = Path(__file__).parents[2] / "examples"


def scorer(tasks, seeds=2):
    def scores(programs):
        return score(programs, Experiment(), tasks, "test", draws=seeds)

    return scores


@pytest.mark.parametrize("name", ["figure5", "network"])
def test_the_networks_are_explained(name):
    tasks = random_tasks(np.random.default_rng(0), features=4, tasks=4, metric="rmse")
    found = explain(load(EXAMPLES / f"{name}.az"), scorer(tasks), tasks)
    roles = {line.role for line in found.lines}
    assert {
        "hidden_weights",
        "output_weights",
        "learning_rate",
        "error",
        "hidden_gradient",
        "hidden",
        "relu_gradient",
    } <= roles
    words = " ".join(line.words for line in found.lines)
    for phrase in (
        "ReLU of pre_activation",
        "derivative of ReLU",
        "Scales the update from the error",
        "Updates output_weights",
    ):
        assert phrase in words


def test_every_line_of_a_linear_model_is_needed(capsys):
    assert main(["explain", str(EXAMPLES / "linear.az"), "--json", "--tasks", "10", "--seeds", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fitness"] > 0.5 and found["tasks"] == 10
    costs = {line["text"].split(" = ")[0]: line["cost"] for line in found["lines"]}
    assert costs.keys() == {"learning_rate", "prediction", "error", "weights"}
    assert all(cost > 0.1 for cost in costs.values())


def test_text_has_every_line(capsys):
    assert main(["explain", str(EXAMPLES / "affine.az"), "--tasks", "3", "--seeds", "1"]) == 0
    out = capsys.readouterr().out
    assert "weights = weights + step * features" in out and "±" in out and "Computes the prediction." in out


def test_the_fitness_is_that_of_the_program_itself():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        tasks = random_tasks(rng, features=3, tasks=3)
        program = random_program(rng, metric=tasks.metric_definition)
        found = explain(program, scorer(tasks, 1), tasks)
        task_fitness = evaluate(program, tasks, "vm").task_fitness.tolist()
        assert found.fitness == sum(task_fitness) / len(task_fitness)
        assert len(found.lines) == sum(map(len, readable(program, tasks.metric_definition).functions))


def test_a_useless_line_costs_nothing():
    predict = "def Predict():\n  s2 = dot(v0, v1)\n  s3 = norm(v0)\n  s3 = s3 - s3\n  s1 = s2 + s3\n"
    learn = "def Learn():\n  s3 = s0 - s1\n  v2 = s3 * v0\n  s4 = 0.1\n  v2 = s4 * v2\n  v1 = v1 + v2\n"
    tasks = random_tasks(np.random.default_rng(0), features=3, tasks=3, metric="rmse")
    found = explain(parse(predict + learn), scorer(tasks), tasks)
    cost = [line.cost for line in found.lines if line.text.startswith("features_norm")]
    assert cost and max(map(abs, cost)) == 0.0


def test_the_standard_error_of_a_table_counts_that_tasks_share_rows():
    """It is that of the paired difference, however many orders of the same rows and random draws there are."""
    experiment = parse_experiment("task sklearn(diabetes)\ndef Predict():\n  s1 = mean(v0)\n")
    errors = []
    for count, draws in ((10, 1), (40, 1), (40, 2)):
        tasks = build(replace(experiment.task, test_tasks=count), 0, "test")
        (line,) = explain(experiment.program, scorer(tasks, draws), tasks).lines
        full, reduced = score(
            [experiment.program, without(experiment.program, 0)], Experiment(), tasks, "test"
        ).task_fitness
        assert line.error == pytest.approx(difference(full, reduced, tasks.overlap, tasks.halves).error)
        errors.append(line.error)
    assert errors[1] == pytest.approx(errors[2]) and 0.5 < errors[1] / errors[0] < 2.0
    assert errors[1] > 2.0 * np.std(np.subtract(full, reduced)) / len(full) ** 0.5


def test_the_error_of_one_task_is_unknown():
    tasks = random_tasks(np.random.default_rng(0), features=3, tasks=1, metric="rmse")
    (line,) = explain(parse("def Predict():\n  s1 = mean(v0)\n"), scorer(tasks), tasks).lines
    assert line.error is None and "±" not in line.effect
