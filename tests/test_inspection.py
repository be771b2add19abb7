"""``azdsl.score``, ``explain`` and ``show``: what the commands print, as values; ``report`` is in tests/reporting."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

import azdsl
from azdsl import inspection
from azdsl.cli import main
from azdsl.experiments import opened, text_of
from azdsl.search.result import Result
from azdsl.search.rundir.artifacts import CONFIG_SCHEMA

ROOT = Path(__file__).parent.parent
LINEAR = ROOT / "examples" / "linear.az"
MEAN = "def Predict():\n  s5 = mean(v0)\n  s1 = s5 + s5\n  s7 = 1\n"


class Place:
    """A path that is not a ``Path``."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return os.fspath(self.path)


def printed(capsys, *arguments):
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def test_score_is_what_the_command_prints(capsys, tmp_path):
    other = tmp_path / "mean.az"
    other.write_text(MEAN)
    arguments = (LINEAR, "--tasks", 5, "--seed", 3, "--backend", "reference", "--against", other)
    found = azdsl.score(LINEAR, other, tasks=5, seed=3, backend="reference")
    facts = json.loads(printed(capsys, "score", *arguments, "--json"))
    assert facts == json.loads(json.dumps(facts | found.as_dict()))
    assert str(found) == printed(capsys, "score", *arguments).rstrip("\n")
    (compared,) = found.compared
    assert compared.difference.mean == pytest.approx(found.fitness - compared.fitness)
    assert found.tasks == 5 and found.metric == "rmse" and found.failed == 0 and found.rmse > 0


def test_the_score_on_a_task_set_is_that_of_evaluate():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(6, 20, 4))
    tasks = azdsl.TaskSet.from_arrays(X, X.sum(axis=2), X, X.sum(axis=2))
    program = azdsl.load(LINEAR)
    found = azdsl.score(program, [MEAN, program], tasks=tasks, backend="reference")
    assert (found.task_fitness == azdsl.evaluate(program, tasks).task_fitness).all()
    assert found.compared[1].difference.mean == 0.0 and found.compared[0].difference.mean != 0.0
    assert "6 tasks given from Python" in str(found)
    shown = azdsl.explain(program, tasks=tasks, seeds=1)
    assert str(shown).startswith("6 tasks given from Python: fitness ") and " on 6 tasks, 1 random seed\n" in str(shown)
    assert shown.fitness == pytest.approx(found.fitness, abs=1e-6)
    facts = dict.fromkeys(("fitness", "test_fitness", "run_dir"), None) | dict.fromkeys(
        ("reached", "interrupted"), False
    )
    facts |= {"search_fitness": 0.0, "evaluations": 0, "seconds": 0.0, "layers": {}, "stopped": "", "history": ()}
    result = Result(program, metric="rmse", **facts)
    assert azdsl.score(result, tasks=tasks, backend="reference").fitness == found.fitness
    for call in (azdsl.score, azdsl.explain):
        with pytest.raises(
            azdsl.SettingsError, match="the tasks of the result were given from Python: give a task set"
        ):
            call(result)


def test_a_task_set_has_its_own_data():
    X = np.ones((1, 2, 4))
    tasks = azdsl.TaskSet.from_arrays(X, X[:, :, 0], X, X[:, :, 0])
    for call in (azdsl.score, azdsl.explain):
        with pytest.raises(
            azdsl.SettingsError, match="tasks= is a task set, which has its own data: leave out data, metric"
        ):
            call(LINEAR, tasks=tasks, data="houses.csv", metric="rmse")


def test_explain_is_what_the_command_prints(capsys):
    found = azdsl.explain(str(LINEAR), tasks=4, seeds=2)
    facts = json.loads(printed(capsys, "explain", LINEAR, "--tasks", 4, "--seeds", 2, "--json"))
    assert facts["lines"] == [dataclasses.asdict(line) for line in found.lines] and facts["fitness"] == found.fitness
    assert str(found) == printed(capsys, "explain", LINEAR, "--tasks", 4, "--seeds", 2).rstrip("\n")


@pytest.mark.parametrize("style", ["canonical", "named", "numpy", "latex", "sympy", "graph"])
def test_show_is_what_the_command_prints(capsys, style):
    assert azdsl.show(LINEAR, style) == printed(capsys, "show", LINEAR, "--style", style)


def test_a_program_without_a_task_is_shown_whole(capsys, tmp_path):
    """Dead code depends on the metric; the default task says nothing about what such a program needs."""
    program = azdsl.parse("def Setup():\n  s2 = 0.1234567\ndef Predict():\n  v2 = s2 * v0\n  s1 = s2 * s2\n")
    assert "v2" not in azdsl.show(program) and "dot" not in azdsl.show(program)
    assert "* v0" in azdsl.show(program, metric="multiclass") and "s1" not in azdsl.show(program, metric="multiclass")
    assert "0.015241556774890001" in azdsl.show(program, "named"), "not rounded"
    file = tmp_path / "my program.az"
    file.write_text(str(program))
    for style, metric in (("canonical", "multiclass"), ("named", "accuracy"), ("numpy", "accuracy")):
        shown = printed(capsys, "show", file, "--style", style, "--metric", metric)
        assert shown == azdsl.show(program, style, metric=metric)
    with pytest.raises(ValueError, match="unknown metric 'mae': use one of rmse, accuracy, multiclass"):
        azdsl.show(program, metric="mae")


def test_what_stands_for_a_program(tmp_path):
    program = azdsl.parse(MEAN)
    file = tmp_path / "a.az"
    file.write_text(f"task affine(features=2)\n{MEAN}")
    for source in (program, azdsl.Experiment(program), MEAN, file, os.fspath(file), Place(file)):
        assert opened(source).experiment.program == program
    assert azdsl.load(Place(file)) == program
    with pytest.raises(azdsl.SettingsError, match="no tunable number"):
        azdsl.tune(Place(file))
    assert opened(file).directory == tmp_path and opened(file).experiment.task.kind == "affine"
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text(f"[run]\nschema = {CONFIG_SCHEMA}\ntasks_from_python = false\n")
    with pytest.raises(azdsl.SettingsError, match=r"has no best\.az yet"):
        opened(run)
    (run / "best.az").write_text(MEAN)
    assert opened(run).experiment.program == program and opened(run).directory == run
    for source in (program, azdsl.Experiment(program), MEAN, run):
        assert azdsl.parse(text_of(source)) == program
        with pytest.raises(azdsl.SettingsError, match="no tunable number"):
            azdsl.tune(source)
    with pytest.raises(TypeError, match="not a program, but int 3"):
        azdsl.tune(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: azdsl.show(None), TypeError, "not a program, but None: give a program, an experiment"),
        (lambda: azdsl.show("no.az"), FileNotFoundError, r"no\.az: no such file"),
        (lambda: azdsl.show(MEAN, "shiny"), ValueError, "unknown style 'shiny': use one of canonical, named"),
        (lambda: azdsl.show(MEAN, "named", raw=True), ValueError, "raw goes with style canonical"),
        (lambda: azdsl.score(MEAN, backend="x"), ValueError, "unknown backend 'x': use one of reference"),
        (lambda: azdsl.score(MEAN, on="train"), ValueError, "unknown split 'train': use one of search, select, test"),
        (lambda: azdsl.score(MEAN, tasks=0), azdsl.SettingsError, "test_tasks must be at least 1, not 0"),
        (lambda: azdsl.score(MEAN, against=3), TypeError, "not a program, but int 3"),
        (lambda: azdsl.explain(MEAN, seeds=0), ValueError, "seeds must be at least 1, not 0"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_examples_in_docstrings_run():
    import doctest

    assert doctest.testmod(inspection).failed == 0
