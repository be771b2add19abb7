"""Tuning: what is tuned, how the search behaves, and the command."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from learners import LINEAR

import azdsl
from azdsl.cli import main
from azdsl.config.search import SettingsError
from azdsl.ir import Program
from azdsl.syntax import parse
from azdsl.syntax.source_edit import literals, with_values
from azdsl.tuning.constants import start, tunables, with_point
from azdsl.tuning.search import Trials, gradient_search, local_search, random_search

NAMED = """# A comment with 0.5 in it.
task linear(features=3, tasks=3, train=20, valid=20, select_tasks=5, test_tasks=7)

def Setup():
  rate = 0.0001  # 0.0001 is too small
  dead = 7
  weights[0.5] = 0.25

def Predict():
  prediction = dot(weights, features) + 1 / (weight + 2.5)
  weight = -0.5 * 0

def Learn():
  step = rate * (label - prediction)
  weights = weights + step * features
"""


def test_literals_are_the_numbers_of_functions():
    found = literals(NAMED)
    assert [(x.value, x.name, x.line) for x in found] == [
        (0.0001, "rate", 5),
        (7.0, "dead", 6),
        (0.5, "weights", 7),
        (0.25, "weights", 7),
        (1.0, "prediction", 10),
        (2.5, "prediction", 10),
        (-0.5, "weight", 11),
        (0.0, "weight", 11),
    ]
    assert all(float(NAMED[x.start : x.end]) == x.value for x in found)
    assert with_values(NAMED, {}) == NAMED
    changed = with_values(NAMED, {found[0]: 0.125, found[-2]: -2.0})
    assert changed == NAMED.replace("rate = 0.0001", "rate = 0.125").replace("-0.5 *", "-2 *")


def test_what_can_be_tuned():
    """No zeros, no places of entries, no dead numbers, no 1 of a reciprocal."""
    items = tunables(NAMED)
    assert [(item.label, item.literal.value) for item in items] == [
        ("rate", 0.0001),
        ("weights", 0.25),
        ("prediction", 2.5),
        ("weight", -0.5),
    ]
    assert tunables(NAMED, only=["rate", "11"]) == (items[0], items[3])
    with pytest.raises(SettingsError, match="only=speed selects no tunable number; tunable are: rate, weights"):
        tunables(NAMED, only=["speed"])


def test_a_point_is_the_program_of_the_text_with_its_numbers():
    items = tunables(NAMED)
    point = (0.02, 0.003, 70.0, -8.0)
    text = with_values(NAMED, {item.literal: value for item, value in zip(items, point, strict=True)})
    assert with_point(parse(NAMED), items, point) == parse(text)
    assert with_point(parse(NAMED), items, start(items)) == parse(NAMED)


def bowl(points):
    """A fitness with its top at (0.3, -20)."""
    return [-(math.log(a / 0.3) ** 2) - math.log(b / -20.0) ** 2 for a, b in points]


def trials(budget: int) -> Trials:
    return Trials(bowl, budget, known={(1.0, -1.0): bowl([(1.0, -1.0)])[0]})


def test_random_then_local_search_find_the_top():
    found = trials(100)
    random_search(found, (1.0, -1.0), np.random.default_rng(0))
    after_random = found.known[found.best]
    found.budget = 400
    local_search(found, np.random.default_rng(1))
    assert bowl([(1.0, -1.0)])[0] < -1.0 and after_random > -1.0
    assert found.known[found.best] > -1e-3 and found.spent <= 400
    assert all(a > 0 > b and 1e-30 < a < 1e30 for a, b in found.known)


def test_gradient_search_goes_down_the_slope():
    found = trials(200)
    gradient_search(found, lambda point: np.array([2 * math.log(point[0] / 0.3), 2 * math.log(point[1] / -20.0)]))
    assert found.known[found.best] > -0.01 and found.spent <= 200


@pytest.mark.parametrize("slope", [None, np.array([math.nan, 1.0]), np.array([math.inf, 1.0]), np.zeros(2)])
def test_a_slope_that_is_no_number_moves_nothing(slope):
    found = trials(200)
    gradient_search(found, lambda point: slope)
    assert found.best == (1.0, -1.0) and found.spent == 4


def test_finalists_are_apart():
    found = Trials(bowl, 0, known={(0.3 * (1 + i / 100), -20.0): -float(i) for i in range(50)})
    finalists = found.fittest(3)
    assert finalists[0] == found.best and len(finalists) == 3
    assert all(0.1 <= math.log(b[0] / a[0]) < 0.12 for a, b in pairwise(finalists))
    assert len(found.fittest(50)) == 4


def test_budget_is_kept_to_the_last_evaluation():
    found = trials(5)
    random_search(found, (1.0, -1.0), np.random.default_rng(0))
    assert found.spent == 5 and len(found.known) == 6


@pytest.mark.parametrize("method", ["random,local", "gradient", "random,gradient"])
def test_a_learning_rate_is_found(tmp_path: Path, method: str):
    path = tmp_path / "slow.az"
    path.write_text(NAMED, encoding="utf-8")
    found = azdsl.tune(path, method=method, max_evals=80, only="rate", seed=1)
    again = azdsl.tune(path, method=method, max_evals=80, only="rate", seed=1)
    assert (found.text, found.before, found.after) == (again.text, again.before, again.after)
    assert found.after.test > found.before.test + 0.2 and found.improved and found.evaluations <= 82
    (rate,) = found.constants
    assert rate.before == 0.0001 and 0.01 < rate.after < 1.0
    assert found.text == NAMED.replace("rate = 0.0001", f"rate = {rate.after!r}")
    assert isinstance(found.program, Program) and parse(found.text) == found.program
    assert len(found.after.test_tasks) == 7 and found.gain[0] == pytest.approx(found.after.test - found.before.test)


def test_scores_are_those_of_the_text():
    tuned = azdsl.tune(azdsl.parse(LINEAR), method="random", max_evals=20, features=2, test_tasks=3)
    from azdsl import tasks as make
    from azdsl.config.tasks import Linear

    held_out = make.build(Linear(features=2, test_tasks=3), 0, "test")
    again = azdsl.evaluate(azdsl.parse(tuned.text), held_out, backend="vm")
    assert tuned.after.test == again.fitness and list(tuned.after.test_tasks) == again.task_fitness.tolist()


def test_classification_by_gradient_on_given_tasks():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(2, 60, 3))
    y = (X.sum(axis=2) > 0).astype(float)
    tasks = azdsl.TaskSet.from_arrays(X[:, :40], y[:, :40], X[:, 40:], y[:, 40:], metric="accuracy")
    misled = azdsl.parse(LINEAR.replace("s2 = 0.01", "s2 = 0.01\n  v1[0.1] = 3"))
    found = azdsl.tune(misled, tasks, method="gradient", max_evals=60, only="s2")
    assert found.before.search < 0.8 and found.after.search > 0.95 and found.constants[0].after > 0.1
    assert found.after.select is found.after.test is found.gain is found.as_dict()["gain"] is None
    assert not found.after.test_tasks, "tasks that it was tuned on are no test"
    held_out = azdsl.TaskSet.from_arrays(X[:, 40:], y[:, 40:], X[:, :40], y[:, :40], metric="accuracy")
    scored = azdsl.tune(misled, tasks, select=held_out, test=held_out, method="gradient", max_evals=60, only="s2")
    assert scored.after.test == azdsl.evaluate(scored.program, held_out).fitness and scored.gain[0] > 0.0
    assert scored.after.select is not None and len(scored.after.test_tasks) == 2


def test_the_tasks_that_are_tuned_on_are_not_held_out():
    X = np.ones((1, 2, 3))
    tasks = azdsl.TaskSet.from_arrays(X, X[:, :, 0], X, X[:, :, 0])
    with pytest.raises(SettingsError, match="cannot also be those of selection or test"):
        azdsl.tune(azdsl.parse(LINEAR), tasks, test=tasks)
    with pytest.raises(SettingsError, match="select and test need tasks too"):
        azdsl.tune(azdsl.parse(LINEAR), test=tasks)


def test_task_sets_and_numbers_are_told_apart():
    program, X = azdsl.parse(LINEAR), np.ones((1, 2, 3))
    tasks = azdsl.TaskSet.from_arrays(X, X[:, :, 0], X, X[:, :, 0])
    other = azdsl.TaskSet.from_arrays(X[:, :, :2], X[:, :, 0], X[:, :, :2], X[:, :, 0])
    for arguments, message in (
        ({"tasks": "x"}, "tasks must be a task set, not str"),
        ({"tasks": tasks, "select": [tasks]}, "select must be a task set, not list"),
        ({"tasks": tasks, "test": other}, "differ in kind"),
        ({"tasks": np.int64(0)}, "tasks must be at least 1, not 0"),
        ({"select": np.float32(0.5)}, "a task of kind linear has no select"),
    ):
        for call in (azdsl.tune, azdsl.evolve):
            with pytest.raises(SettingsError, match=message):
                call(program, **arguments)


def test_nothing_to_tune():
    with pytest.raises(SettingsError, match="no tunable number"):
        azdsl.tune(azdsl.parse("def Setup():\ndef Predict():\n  s1 = dot(v0, v0)\ndef Learn():\n"))


def test_settings_are_checked():
    program = azdsl.parse(LINEAR)
    for settings, message in (
        ({"method": "annealing"}, "unknown method 'annealing': use some of random, local, gradient"),
        ({"method": ""}, "the list of methods is empty"),
        ({"max_evals": 0}, "max_evals must be at least 1"),
        ({"evals": 40}, "unknown setting 'evals'; did you mean 'max_evals'?"),
        ({"trian": 3}, "did you mean 'train'"),
    ):
        with pytest.raises(SettingsError, match=message):
            azdsl.tune(program, **settings)


def test_no_time_left_keeps_the_numbers():
    tuned = azdsl.tune(azdsl.parse(LINEAR), timeout=0.0, test_tasks=1, select_tasks=1)
    assert not tuned.improved and tuned.evaluations == 0 and tuned.before == tuned.after


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, out = tmp_path / "slow.az", tmp_path / "tuned.az"
    source.write_text(NAMED, encoding="utf-8")
    assert main(["tune", str(source), "-o", str(out), "--max-evals", "40", "--only", "rate"]) == 0
    shown = capsys.readouterr().out
    assert "line 5    rate  0.0001 -> " in shown and "on the test tasks (7; difference +" in shown
    assert f"written   {out}" in shown
    assert main(["tune", str(source), "--evals", "40", "--only", "rate", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["text"] == out.read_text(encoding="utf-8") and facts["constants"][0]["name"] == "rate"
    assert source.read_text(encoding="utf-8") == NAMED


def test_command_on_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    rows = "\n".join(f"{a},{b},{3 * a - b}" for a, b in X)
    (tmp_path / "t.csv").write_text(f"a,b,price\n{rows}\n", encoding="utf-8")
    (tmp_path / "p.az").write_text(LINEAR, encoding="utf-8")
    arguments = ["tune", str(tmp_path / "p.az"), "--data", str(tmp_path / "t.csv"), "--target-column", "price"]
    assert main([*arguments, "--max-evals", "30", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["after"]["test"] > facts["before"]["test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "speed"], "tunable are: rate"),
        (["--method", "luck"], "unknown method 'luck'"),
        (["-o", "nowhere/at/all.az"], "there is no directory nowhere/at"),
        (["--max-evals", "0"], "max-evals"),
    ],
)
def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    path = tmp_path / "slow.az"
    path.write_text(NAMED, encoding="utf-8")
    assert main(["tune", str(path), *arguments]) == 2
    assert message in capsys.readouterr().err
