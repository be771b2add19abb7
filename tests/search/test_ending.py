"""The ending of a run: seed, chosen program and baseline on held-out tasks, and the verdict that ``best.az`` follows."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from search_runs import small

import azdsl
from azdsl.cli import main
from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.config.tasks import FileTask
from azdsl.experiments import opened
from azdsl.ir.metric import RMSE
from azdsl.paired import difference
from azdsl.reporting.page import Details, fragment, page
from azdsl.reporting.run_data import of_result
from azdsl.reporting.run_result import RunResult
from azdsl.scoring import draw_seed
from azdsl.search.evolve import run
from azdsl.search.islands.ending import Ending, FinalistScore, Gain, TestScore
from azdsl.search.islands.selection import Finalist, Found, canonical, choose
from azdsl.search.task_sets import LEAST_HELD_BACK, Given, make_task_sets
from azdsl.syntax import load_experiment
from azdsl.tasks import build

LINEAR = azdsl.parse(
    "def Setup():\n  s2 = {}\ndef Predict():\n  s1 = dot(v0, v1)\n"
    "def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  v1 = v1 + v2\n".format("0.01")
)
EMPTY = azdsl.parse("def Setup():\ndef Predict():\ndef Learn():\n")


def table(path, metric, noise, seed=0):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(200, 4))
    y = draw.normal(size=200) if noise else 5000 * X @ [3, 1, -2, 0.5] + 10_000 + 4000 * draw.normal(size=200)
    y = (y > 0).astype(float) if metric == "accuracy" else y
    np.savetxt(path / "table.csv", np.c_[X, y], delimiter=",", header="a,b,c,d,y", comments="")
    return FileTask(data="table.csv", metric=metric)


def searched(path, program, task, **search):
    settings = Search(population=100, tournament=10, max_evals=20_000, **search)
    return run(Experiment(program, task=task, search=settings), base_dir=path, out=path / "run", quiet=True)


@pytest.mark.parametrize("program", [LINEAR, EMPTY], ids=["linear", "empty"])
@pytest.mark.parametrize("metric", ["rmse", "accuracy"])
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_of_noise_give_back_the_seed(tmp_path, program, metric, seed):
    result = searched(tmp_path, program, table(tmp_path, metric, noise=True, seed=seed), seed=seed)
    trivial = "predicting the mean" if metric == "rmse" else "predicting the majority"
    words = f"nothing better than {'your seed' if program is LINEAR else trivial} was found"
    assert not result.ending.better and words in str(result)
    text = (tmp_path / "run" / "best.az").read_text()
    assert load_experiment(tmp_path / "run" / "best.az").program == result.best == program
    assert words in text and "the seed program" in text
    assert "your seed" not in text + str(result) or program is LINEAR


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_answer_is_never_significantly_worse_than_a_linear_seed(tmp_path, seed):
    task = table(tmp_path, "rmse", noise=False, seed=seed)
    result = searched(tmp_path, LINEAR, task, seed=seed)
    scores = [
        azdsl.evaluate(program, build(task, seed, "test", tmp_path), "vm", seed=seed).task_fitness
        for program in (result.best, LINEAR)
    ]
    test = build(task, seed, "test", tmp_path)
    found = difference(scores[0].tolist(), scores[1].tolist(), test.overlap, test.halves)
    assert found.high is not None and found.high >= 0.0
    gain = result.ending.gain
    if result.ending.better:
        assert (gain.mean, gain.low, gain.high) == (found.mean, found.low, found.high) and found.low > 0.0
        assert "better than your seed by" in str(result)
    elif result.ending.tuned:  # better on the selection tasks, and no worse on these
        tuned = result.ending.tuned.gain
        assert (tuned.mean, tuned.low, tuned.high) == (found.mean, found.low, found.high) and found.mean >= 0.0
    else:
        assert found.mean == 0.0


def test_a_slow_seed_is_improved_significantly(tmp_path):
    """So that the tests above are not vacuous: something better is found and said so, the same everywhere."""
    slow = azdsl.parse(str(LINEAR).replace("0.01", "0.001"))
    result = searched(tmp_path, slow, table(tmp_path, "rmse", noise=False))
    assert result.ending.better and result.ending.gain.low > 0.0 and result.ending.units_gain.low > 0.0
    facts = json.loads((tmp_path / "run" / "result.json").read_text())["ending"]
    assert Ending.from_dict(facts) == result.ending and facts["better"] is True
    text = (tmp_path / "run" / "best.az").read_text()
    assert all(line in text and line in str(result) for line in result.ending.lines())


def test_several_tasks_of_a_table_show_how_sure_the_rows_make_it(tmp_path):
    """The interval of the mean of many halves of M values is that of M values, not one that shrinks with the number of tasks."""
    draw, covered, paired, wide = np.random.default_rng(0), 0, 0, 0
    for _ in range(400):
        values = draw.normal(size=40)
        halves = [float(draw.permutation(values)[:20].mean()) for _ in range(20)]
        zeros = [0.0] * len(halves)
        corrected, naive = difference(halves, zeros, 1.0), difference(halves, zeros)
        orders = [draw.permutation(values) for _ in range(10)]
        training = draw.normal(size=10)  # so that pairs differ, by as much as one value
        pairs = [
            float(order[at : at + 20].mean() + t) for order, t in zip(orders, training, strict=True) for at in (0, 20)
        ]
        both = difference(pairs, zeros, 1.0, halves=True)
        paired += both.low <= 0.0 <= both.high
        covered += corrected.low <= 0.0 <= corrected.high
        wide += naive.low <= 0.0 <= naive.high
    assert 0.92 <= covered / 400 <= 0.99 and 0.92 <= paired / 400 <= 0.99 and wide / 400 < 0.6
    task = table(tmp_path, "rmse", noise=True)
    assert build(task, 0, "test", tmp_path).overlap == 1.0
    several = build(task, 0, "test", tmp_path)
    assert several.halves and (several.train_y[0] == several.train_y[1]).all()
    assert (several.train_y[1] != several.train_y[2]).any()
    alone = build(replace(task, test_tasks=1), 0, "test", tmp_path)
    assert alone.overlap == 0.0 and alone.valid_y.shape == (1, 40)


def test_the_smallest_of_equals_is_chosen():
    """A program with a constant that hardly matters loses to the one without."""
    results = {how: run(small(max_evals=4000, choose=how), quiet=True) for how in ("best", "smallest")}
    sizes = {how: result.ending.chosen.size for how, result in results.items()}
    assert sizes["smallest"] < sizes["best"]
    assert results["smallest"].ending.selection_fitness <= results["best"].ending.selection_fitness


@pytest.mark.parametrize(("lost", "chosen"), [(0.0, "seed"), (0.02, "seed"), (0.1, "small")])
def test_a_program_replaces_the_seed_program_by_more_than_two_standard_errors(lost, chosen):
    """Of those that do, the smallest within one standard error of the best is chosen."""
    texts = {
        "small": "s1 = dot(v0, v0)",
        "seed": "s2 = dot(v0, v0)\n  s1 = s2 * s2",
        "best": "s2 = dot(v0, v0)\n  s1 = s2 / s2",
    }
    programs = {name: canonical(azdsl.parse(f"def Predict():\n  {text}\n"), RMSE) for name, text in texts.items()}
    noise = np.array([0.02, -0.02, 0.02, -0.02])
    fitness = {"small": 0.5 - noise, "seed": 0.5 + noise - lost, "best": np.full(4, 0.501)}
    X = np.zeros((4, 2, 1))
    judge = SimpleNamespace(
        experiment=Experiment(programs["seed"]),
        select=azdsl.TaskSet.from_arrays(X, X[:, :, 0], X, X[:, :, 0]),
        on_each=lambda wanted: [fitness[name] for name in programs if programs[name] in wanted],
    )
    finalists = [
        Finalist(Found(program, at, 0.5, 0, at), float(fitness[name].mean()))
        for at, (name, program) in enumerate(programs.items())
    ]
    assert choose(judge, finalists).found.program == programs[chosen]


def test_tasks_of_the_search_are_not_called_a_test(tmp_path, capsys):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(3, 30, 2))
    given = azdsl.TaskSet.from_arrays(X, X @ [1.0, 2.0], X, X @ [1.0, 2.0])
    result = run(replace(small(), task=None), tasks=given, quiet=True, out=tmp_path / "run")
    assert str(canonical(result.best, RMSE)) == result.ending.program
    assert result.fitness is result.test_fitness is result.ending.selection_fitness is None
    assert not result.task_fitness and all(event["selected"] is None for event in result.history)
    texts = [(tmp_path / "run" / name).read_text() for name in ("best.az", "result.json")]
    shown = of_result(RunResult.of(result))
    for text in (*texts, str(result), fragment(shown) + page(shown, Details())):
        assert "no tasks were held out" in text.lower() and "0 test" not in text and "3 test" not in text, text
    assert "nothing is held out" in texts[0] and "none: no tasks were held out for it" in texts[0]
    assert "test fitness 0" not in texts[0] and "nothing was held out for test or selection" in str(result)
    for call in (azdsl.score, azdsl.explain):
        with pytest.raises(azdsl.SettingsError, match="run were given from Python: give a task set as tasks="):
            call(tmp_path / "run")
    assert azdsl.score(tmp_path / "run", tasks=given).tasks == 3
    assert main(["score", str(tmp_path / "run")]) == 2 and "were given from Python" in capsys.readouterr().err
    facts = json.loads(texts[1])
    assert facts["fitness"] is facts["test_fitness"] is None and facts["ending"]["held_out"] is False


def test_a_program_of_a_run_on_given_tasks_has_their_metric(tmp_path, capsys):
    """Dead code and the output of a compiled model depend on it."""
    X = np.random.default_rng(0).normal(size=(3, 20, 3))
    given = azdsl.TaskSet.from_arrays(X, X.argmax(axis=2), X, X.argmax(axis=2), "multiclass")
    program = azdsl.parse("def Predict():\n  v2 = v0 + v0\n  s1 = mean(v0)\n")
    run(replace(small(max_evals=400), task=None, program=program), tasks=given, quiet=True, out=tmp_path / "run")
    assert opened(tmp_path / "run").metric.name == "multiclass"
    assert (
        main(["compile", str(tmp_path / "run"), "--features", "3", "-o", str(tmp_path / "m.h"), "--emit", "header"])
        == 2
    )
    assert "--classes" in capsys.readouterr().err


def test_a_run_with_some_tasks_from_python_is_not_measured_on_others(tmp_path):
    """The report would take the selection tasks of the statement for those that the run had."""
    given = build(replace(small().task, train=7), 9, "select")
    result = run(small(max_evals=500), select=given, quiet=True, out=tmp_path / "run")
    for source in (result, tmp_path / "run"):
        text = azdsl.report(source, tasks=2)
        assert "Tasks were given from Python, so the effect" in text and "call azdsl.evolve with the same tasks" in text


def drawn(tasks, seed=0, features=4):
    draw = np.random.default_rng(seed)
    X, weights = draw.normal(size=(tasks, 30, features)), draw.normal(size=(tasks, features, 1))
    y = (X @ weights)[:, :, 0]
    return azdsl.TaskSet.from_arrays(X[:, :20], y[:, :20], X[:, 20:], y[:, 20:])


def test_a_fifth_of_many_given_tasks_is_held_back_for_each_split():
    experiment, given = replace(small(), task=None), drawn(23)
    sets = make_task_sets(experiment, Given(given), None)
    splits = [sets.search, sets.select, sets.test]
    assert [each.tasks for each in splits] == [15, 4, 4]
    found = sorted(task.tobytes() for each in splits for task in each.train_X)
    assert found == sorted(task.tobytes() for task in given.train_X), "each task is in exactly one split"
    again = make_task_sets(experiment, Given(given), None)
    other = make_task_sets(replace(experiment, search=replace(experiment.search, seed=1)), Given(given), None)
    assert again.digest == sets.digest != other.digest
    assert sets.words == "23 tasks given from Python: 15 for the search, held back 4 for selection and 4 for the test"
    few = make_task_sets(experiment, Given(given.part(0, LEAST_HELD_BACK - 1)), None)
    assert few.select is few.test is None and few.words == "19 tasks given from Python; nothing is held out"


def test_given_selection_and_test_tasks_are_used(tmp_path):
    """Also beside a task statement; the figures are those of an evaluation on the tasks that were given."""
    search, select, test = drawn(3), drawn(4, 1), drawn(5, 2)
    alone = azdsl.evolve(Experiment(LINEAR), search, select=select, test=test, max_evals=500, quiet=True)
    assert alone.ending.held_out and alone.ending.tasks == 5 and alone.ending.selection_tasks == 4
    assert alone.test_fitness == azdsl.evaluate(alone.best, test).fitness
    assert alone.fitness == azdsl.evaluate(alone.best, select, seed=draw_seed(0, "select")).fitness
    assert "3 tasks given from Python, and 4 for selection and 5 for the test" in str(alone)
    select, test = drawn(4, 1, 3), drawn(5, 2, 3)
    both = run(small(), select=select, test=test, quiet=True, out=tmp_path / "run")
    assert both.test_fitness == azdsl.evaluate(both.best, test).fitness
    best = (tmp_path / "run" / "best.az").read_text()
    assert "the tasks of select and test given from Python" in best and "azdsl score" not in best
    again = run(None, resume=tmp_path / "run", select=select, test=test, quiet=True)
    assert again.best == both.best and again.test_fitness == both.test_fitness
    with pytest.raises(azdsl.SettingsError, match="have changed"):
        run(None, resume=tmp_path / "run", select=select, quiet=True)
    chosen = run(replace(small(), task=None), tasks=drawn(3, 3, 3), select=select, quiet=True)
    assert chosen.fitness is not None and chosen.test_fitness is None and "no others are held out" in chosen.tasks


def test_task_sets_that_are_no_held_out_tasks_are_refused():
    tasks = drawn(3)
    with pytest.raises(azdsl.SettingsError, match="cannot also be those of selection or test"):
        azdsl.evolve(LINEAR, tasks, test=tasks)
    with pytest.raises(azdsl.SettingsError, match=r"\(4 features, rmse\) and the held-out tasks \(2 features, rmse\)"):
        X = np.ones((1, 2, 2))
        azdsl.evolve(LINEAR, tasks, test=azdsl.TaskSet.from_arrays(X, X[:, :, 0], X, X[:, :, 0]))
    with pytest.raises(azdsl.SettingsError, match="select must be a task set, not list"):
        azdsl.evolve(LINEAR, tasks, select=[tasks])
    with pytest.raises(azdsl.SettingsError, match="no test"):
        azdsl.evolve(LINEAR, task="linear", test=0.3)


@pytest.mark.parametrize("metric", ["rmse", "accuracy", "multiclass"])
def test_the_baseline_predicts_the_mean_or_the_majority(metric):
    X = np.zeros((1, 4, 3))
    y = np.array([[0.0, 1.0, 1.0, 1.0]])
    tasks = azdsl.TaskSet.from_arrays(X, y, X, 1.0 - y, metric)
    constant = "  s1 = s2\n" if metric != "multiclass" else "  v2 = v1\n"
    setup = "  s2 = 0.75\n" if metric != "multiclass" else "  s2 = 1\n  v1 = s2 * v1\n"
    if metric == "multiclass":
        assert tasks.baseline() == [0.25]
        return
    program = azdsl.parse(f"def Setup():\n{setup}def Predict():\n{constant}def Learn():\n")
    assert tasks.baseline() == pytest.approx(azdsl.evaluate(program, tasks).task_fitness)


SCORE = TestScore(0.6, 2.0, 0, 4)
AHEAD, LOST = Gain(0.02, -0.01, 0.05), Gain(-0.2, -0.3, -0.1)


def ending(**facts):
    """The ending of a run whose chosen program is not better than its seed program."""
    base = {
        "tasks": 20,
        "seed": SCORE,
        "chosen": replace(SCORE, size=9),
        "baseline": replace(SCORE, fitness=0.4, size=0),
    }
    base |= {"metric": "rmse", "combine": "mean", "held_out": True, "program": "", "is_seed": False, "candidates": 8.0}
    base |= {
        "gain": AHEAD,
        "gain_over_baseline": Gain(0.2, 0.1, 0.3),
        "units_gain": None,
        "units_gain_over_baseline": None,
    }
    base |= {"in_hall_of_fame": False, "selection_fitness": 0.7, "selection_failures": 0, "selection_tasks": 10}
    return Ending(**base | {"finalists": ()} | facts)


def test_the_verdict_says_where_the_chosen_program_stands():
    noise = "nothing better than your seed was found: the chosen program is ahead by 0.02, within the noise"
    assert ending().verdict == f"{noise} (95 % interval -0.01 … 0.05)"
    behind = ending(gain=LOST, units_gain=Gain(-3.0, -4.0, 1.0)).verdict
    assert (
        "is behind by 0.2 (95 % interval of the difference -0.3 … -0.1), in RMSE behind by 3, within the noise"
        in behind
    )
    assert "is equal to it" in ending(gain=Gain(0.0, 0.0, 0.0)).verdict
    over_base = ending(gain=Gain(0.2, 0.1, 0.3), gain_over_baseline=AHEAD).verdict
    assert "also better than predicting the mean" in over_base and "it is ahead by 0.02, within the noise" in over_base
    classes = ending(metric="accuracy", units_gain=Gain(2.0, -1.0, 5.0)).verdict
    assert "ahead by 2 percentage points, within the noise" in classes


def test_an_empty_seed_program_is_not_called_the_users():
    empty = {"seed": replace(SCORE, fitness=0.4, size=0)}
    gains = {"gain": Gain(0.2, 0.1, 0.3), "units_gain_over_baseline": Gain(9.0, 8.0, 10.0)}
    found = [
        ending(**empty, **gains),
        ending(**empty),
        ending(**empty, is_seed=True),
        ending(**empty, gain_over_baseline=AHEAD),
    ]
    assert found[0].verdict.startswith("better than predicting the mean by 0.2 (") and "in RMSE 9 (" in found[0].verdict
    assert "the chosen program is ahead by 0.02" in found[1].verdict
    assert found[2].verdict == "nothing better than predicting the mean was found"
    assert not any("your seed" in line for each in found for line in each.lines())


def test_an_ending_points_to_the_hall_of_fame_only_if_the_chosen_program_is_there():
    lines = [
        next(line for line in ending(in_hall_of_fame=is_there).lines() if line.startswith("answer"))
        for is_there in (False, True)
    ]
    assert lines == [f"{'answer':<19}your seed", f"{'answer':<19}your seed; the chosen program is in the hall of fame"]


def test_an_ending_says_which_figures_are_medians_and_which_finalists_failed():
    finalists = (FinalistScore(9, 0.7, 0), FinalistScore(5, 0.6, 2), FinalistScore(3, 0.1, 10))
    text = "\n".join(ending(combine="median", finalists=finalists).lines())
    assert "fitness is the median over tasks; differences and intervals are of the mean" in text
    assert "2 of 3 finalists failed on a selection task" in text and "the chosen program on 0 of 10" in text
    assert not any(line.startswith(("medians", "failures")) for line in ending().lines())


def test_a_seed_program_that_is_the_answer_is_tuned(tmp_path):
    """Programs are not mutated, so that the search finds the seed program alone."""
    slow = azdsl.parse(str(LINEAR).replace("0.01", "0.0005"))
    task = table(tmp_path, "rmse", noise=False)
    result = searched(tmp_path, slow, task, mutation=0.0, tune=0.0, tune_finalists=0)
    tuned = result.ending.tuned
    assert tuned and not result.ending.better and result.ending.best == tuned.score and tuned.selection_gain.low > 0.0
    assert result.best != slow and str(result.best).count("\n") == str(slow).count("\n")
    assert result.test_fitness == tuned.score.fitness > result.ending.seed.fitness
    text = (tmp_path / "run" / "best.az").read_text()
    assert "the seed program, with tuned constants: azdsl" in text and "your seed, with tuned constants" in text
    assert load_experiment(tmp_path / "run" / "best.az").program == result.best
    facts = json.loads((tmp_path / "run" / "result.json").read_text())["ending"]
    assert Ending.from_dict(facts) == result.ending
