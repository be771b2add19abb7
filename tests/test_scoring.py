"""One scorer: every command that states the fitness of an experiment's program states the same figure."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import azdsl
from azdsl import tasks as make
from azdsl.cli import main
from azdsl.config.experiment import Experiment
from azdsl.scoring import PRECISION, conditions, draw_seed, score
from azdsl.search.evolve import run
from azdsl.syntax import load_experiment, parse_experiment

DRAWS = """
task linear(tasks=5, select_tasks=4, test_tasks=6, train=30, valid=20)
search(init="seed", population=20, islands=1, max_evals=300, {settings})
@frozen
def Setup():
    s2 = gaussian(0.02, 0.005)
    v2 = uniform(-0.2, 0.2, n_features)
def Predict():
    s1 = dot(v0, v1)
    s5 = dot(v0, v2)
    s1 = s1 + s5
@frozen
def Learn():
    s3 = s0 - s1
    s3 = s2 * s3
    v3 = s3 * v0
    v1 = v1 + v3
"""


@pytest.fixture(scope="module", params=["", "precision=32", 'combine="median"', 'precision=32, combine="median"'])
def finished(request, tmp_path_factory):
    """A run whose program draws: its result, and the path of ``best.az``."""
    path = tmp_path_factory.mktemp("scoring") / "run"
    experiment = parse_experiment(DRAWS.format(settings=request.param))
    result = run(experiment, out=path, quiet=True)
    assert any(
        "gaussian" in str(instruction) or "uniform" in str(instruction) for instruction in result.best.instructions
    )
    return result, path


def figures(result):
    return {"search": result.search_fitness, "select": result.fitness, "test": result.test_fitness}


def printed(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_score_and_tune_and_the_scorer_give_the_figures_of_the_end_of_the_run(finished, capsys):
    result, path = finished
    best = path / "best.az"
    for split, figure in figures(result).items():
        assert printed(capsys, "score", best, "--on", split, "--json")["fitness"] == figure
        tasks = make.build(result.experiment.task, result.experiment.search.seed, split)
        for backend in ("reference", "vm", "jit"):
            found = score([result.best], load_experiment(best), tasks, split, backend)
            assert found.fitness.tolist() == [figure]
    before = azdsl.tune(best, max_evals=1).before
    assert {"search": before.search, "select": before.select, "test": before.test} == figures(result)


def test_explain_gives_the_figure_of_the_end_of_the_run(finished, capsys):
    result, path = finished
    count = result.experiment.task.test_tasks
    explained = printed(capsys, "explain", path / "best.az", "--tasks", count, "--seeds", 1, "--json")
    assert explained["fitness"] == result.test_fitness


def test_show_and_report_measure_with_the_figures_of_the_end_of_the_run(finished, capsys, monkeypatch):
    result, path = finished
    seen = []

    def recorded(programs, experiment, tasks, split, *rest, **named):
        found = score(programs, experiment, tasks, split, *rest, **named)
        seen.append((split, found.fitness[0]))
        return found

    monkeypatch.setattr("azdsl.scoring.score", recorded)
    monkeypatch.setattr("azdsl.reporting.details.score", recorded)
    assert main(["show", "--style", "named", str(path / "best.az")]) == 0
    task = result.experiment.task
    assert main(["report", str(path), "--tasks", str(task.test_tasks)]) == 0
    capsys.readouterr()
    for split, figure in (("search", result.search_fitness), ("select", result.fitness)):
        assert any(fitness == pytest.approx(figure, abs=1e-6) for at, fitness in seen if at == split)
    shown = re.search(r"change of the fitness of ([0-9.]+) without it", (path / "report.html").read_text())
    assert shown is not None


def test_conditions_of_the_splits():
    search = replace(Experiment().search, seed=7, precision=32, max_abs_error=5.0, combine="median")
    found = {split: conditions(search, split) for split in ("search", "select", "test")}
    assert len({under.seed for under in found.values()}) == 3 and found["test"].seed == 7
    assert [under.precision for under in found.values()] == [32, PRECISION, PRECISION]
    assert {(under.max_abs_error, under.combine) for under in found.values()} == {(5.0, "median")}
    assert found["search"].seed == draw_seed(7, "search") < 2**64


def test_several_draws_are_those_of_the_seeds_that_follow():
    experiment = parse_experiment(DRAWS.format(settings='combine="median"'))
    tasks = make.build(experiment.task, 0, "test")
    singles = [
        score([experiment.program], replace(experiment, search=replace(experiment.search, seed=seed)), tasks, "test")
        for seed in range(3)
    ]
    together = score([experiment.program], experiment, tasks, "test", draws=3)
    assert together.fitness[0] == np.add.accumulate([one.fitness[0] for one in singles])[-1] / 3
    assert together.task_fitness.tolist() == [[f for one in singles for f in one.task_fitness[0]]]
