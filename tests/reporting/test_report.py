"""The page, the plots, the loggers and the result's own figures, of a small search."""

from __future__ import annotations

import builtins
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from search_runs import small

import azdsl
from azdsl.api import evaluate, evolve
from azdsl.cli import main
from azdsl.config.search import Search
from azdsl.config.tasks import FileTask
from azdsl.reporting import charts
from azdsl.reporting.code import highlighted, shortened
from azdsl.reporting.data import best_curve, main_milestones
from azdsl.reporting.load_run import read_run
from azdsl.reporting.page import Details, page
from azdsl.reporting.plots import figure
from azdsl.reporting.predictions import confusion, correct, predict
from azdsl.reporting.run_data import of_result
from azdsl.reporting.run_result import RunResult
from azdsl.reporting.svg import Scale, labelled
from azdsl.reporting.tensorboard import TensorBoardLogger
from azdsl.search.evolve import run
from azdsl.search.result import Result
from azdsl.syntax import load
from azdsl.tasks import build
from azdsl.taskset import TaskSet

VOID = {"meta", "input", "img", "br"}


class Balanced(HTMLParser):
    """Elements are closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.ids = []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        assert not any(name in ("src", "href") and not value.startswith(("#", "data:")) for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return evolve(small(), out=tmp_path_factory.mktemp("report") / "run", quiet=True)


@pytest.fixture(scope="module")
def shown(result):
    return read_run(result.run_dir)


def test_a_directory_and_its_result_show_the_same(result, shown):
    other = of_result(result)
    assert (shown.best, shown.milestones, shown.history) == (other.best, other.milestones, other.history)
    assert [(m.size, m.fitness, m.program) for m in shown.front] == [
        (m.size, m.fitness, m.program) for m in other.front
    ]
    assert shown.task_fitness == other.task_fitness and shown.settings["search"] == other.settings["search"]


def test_a_run_that_is_loaded_is_the_result(result):
    loaded = azdsl.load_run(str(result.run_dir))
    for name, value in vars(result).items():
        assert getattr(loaded, name) == value, name
    assert type(loaded) is type(result) and loaded == result and str(loaded) == str(result)
    assert any(entry.lineage for entry in result.hall_of_fame), "so that lineages were compared"


def test_an_unfinished_run_is_loaded_as_far_as_it_is(result, tmp_path):
    """As a run that was killed leaves its directory, or one that is still running."""
    copy = tmp_path / "killed"
    shutil.copytree(result.run_dir, copy)
    (copy / "result.json").unlink()
    loaded = azdsl.load_run(copy)
    last = result.history[-1]
    assert loaded.stopped == "not finished" and loaded.test_fitness is loaded.ending is None and not loaded.reached
    assert (loaded.evaluations, loaded.fitness, loaded.search_fitness) == (
        last["evaluations"],
        last["selected"],
        last["best"],
    )
    assert loaded.history == result.history and loaded.experiment == result.experiment
    assert "not finished" in str(loaded) and "not finished" in page(read_run(copy), Details())
    assert "the run has not ended: its test fitness is not known" in str(loaded)
    (copy / "best.az").unlink()
    with pytest.raises(azdsl.SettingsError, match=r"has no best\.az yet"):
        azdsl.load_run(copy)
    with pytest.raises(azdsl.SettingsError, match="is not a run directory"):
        azdsl.load_run(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such run directory"):
        azdsl.load_run(tmp_path / "nothing")


def test_a_report_as_text(result, monkeypatch):
    """Of a result and of its directory; what the command writes."""
    measured = []
    monkeypatch.setattr(
        "azdsl.reporting.details.measure", lambda *given: measured.append(given) or Details(why_not="no")
    )
    text = azdsl.report(result.run_dir, tasks=3)
    assert text == azdsl.report(result, tasks=3) and f"<h1>{result.run_dir.name}</h1>" in text
    assert [given[1:] for given in measured] == [(result.run_dir, 3)] * 2
    assert "<h1>a search</h1>" in azdsl.report(replace(result, run_dir=None))
    with pytest.raises(TypeError, match="not a run, but None"):
        azdsl.report(None)


def test_milestones_rise(shown):
    fitness = [m.fitness for m in shown.milestones]
    assert fitness == sorted(set(fitness)) and len(fitness) > 1
    assert [v for _, v in best_curve(shown)] == sorted(v for _, v in best_curve(shown))
    assert main_milestones(shown.milestones, 3)[-1] == len(shown.milestones) - 1


def test_the_command(result, capsys, tmp_path):
    path = tmp_path / "r.html"
    assert main(["report", str(result.run_dir), "-o", str(path), "--tasks", "3"]) == 0
    text = path.read_text()
    parser = Balanced()
    parser.feed(text)
    assert not parser.open and len(parser.ids) == len(set(parser.ids))
    for head in (
        "Progress",
        "Lineage of the best",
        "Line by line",
        "Data flow",
        "Hall of fame",
        "Test tasks",
        "Settings",
        "Reproduce",
    ):
        assert f">{head}</h" in text
    assert not re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9.]+\.[a-z]{2,}/", text.split("<script>")[0])


def test_what_a_run_says_is_escaped(shown):
    bad = '<script>alert("&")</script>'
    text = page(replace(shown, name=bad, stopped=bad, seed_text=bad, settings={bad: {bad: bad}}), Details(why_not=bad))
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_what_was_pruned_is_said(shown):
    text = page(shown, Details(rounded=shown.best, pruned="2 instructions without effect on the fitness pruned"))
    assert "2 instructions without effect on the fitness pruned; the program as evolved is below." in text
    assert "the program as evolved is below" not in page(shown, Details(rounded=shown.best))


def test_the_plots_axis_has_whole_numbers(shown):
    pytest.importorskip("matplotlib")
    drawn = figure(shown, ["layers"])
    drawn.savefig(io.BytesIO())
    axis = drawn.axes[0].xaxis
    labels = [label.get_text() for label in axis.get_ticklabels()]
    assert drawn.axes[0].get_xscale() == "linear" and "1,000" in labels and not axis.get_offset_text().get_text()


def test_a_run_cut_off_and_one_without_epochs(tmp_path, result):
    going = read_run(result.run_dir)
    unfinished = replace(going, stopped=None, test_fitness=None, task_fitness=(), milestones=(), front=())
    assert "not finished" in page(unfinished, Details())
    short = run(small(max_evals=3), out=tmp_path / "short", quiet=True)
    assert "no curve" in page(read_run(short.run_dir), Details())
    assert main(["report", str(tmp_path)]) == 2


def test_charts_of_any_width(shown):
    for width in (300.0, 900.0):
        for drawn in (charts.progress(shown, width, [0]), charts.front(shown, width), charts.layers(shown, width)):
            assert drawn.startswith("<svg") and "nan" not in drawn


def test_the_scores_are_a_table_and_predictions_are_drawn(shown):
    test = build(shown.experiment.task, shown.experiment.search.seed, "test")
    found = predict(shown.best, test, shown.experiment.search)
    text = page(shown, Details(predictions=found))
    for name, score, _ in shown.ending.scores():
        assert f"<td>{name}</td><td>{score.fitness:.6f}" in text and f"{score.units:.6g}" in text
    assert "On the line a prediction equals the actual value" in text
    dots = re.search(r'<svg[^>]*aria-label="Predicted against actual values"[^>]*>.*?</svg>', text)[0].count("<circle")
    assert dots == len(found.actual) == test.valid_y.size
    assert "predicted" not in page(shown, Details())


LINEAR = load(Path(__file__).parents[2] / "examples" / "linear.az")


@pytest.mark.parametrize("metric", ["rmse", "accuracy"])
def test_predictions_are_those_of_the_evaluation(metric):
    """Each task's RMSE, or accuracy, is that of its fitness: of the best of three validations, with a failed task left out."""
    draw = np.random.default_rng(0)
    X, VX = draw.normal(size=(3, 30, 4)), draw.normal(size=(3, 8, 4))
    y, Vy = X @ [3.0, 1.0, -2.0, 0.5], VX @ [3.0, 1.0, -2.0, 0.5]
    y[2] *= 1e6  # training stops
    if metric == "accuracy":
        y, Vy = (y > 0).astype(float), (Vy > 0).astype(float)
    tasks = TaskSet.from_arrays(X, y, VX, Vy, metric, epoch_length=10)
    found = predict(LINEAR, tasks, Search())
    fitness = evaluate(LINEAR, tasks, "reference", seed=0).task_fitness
    assert found.failed == (metric == "rmse") and found.tasks == 3
    for at, units in enumerate(tasks.units(fitness)[: 3 - found.failed]):
        actual, predicted = (each.reshape(-1, 8)[at] for each in (found.actual, found.predicted))
        if metric == "rmse":
            assert float(np.sqrt(np.mean((actual - predicted) ** 2))) == pytest.approx(units)
        else:
            assert 100.0 * float(np.mean(actual == predicted)) == units
    if metric == "accuracy":
        matrix = confusion(found)
        assert sum(map(sum, matrix)) == 24 and matrix[0][0] + matrix[1][1] == correct(found)
        drawn = charts.confusion(replace(found, classes=("no", "yes & more")), 340.0)
        assert f"no predicted as yes &amp; more: {matrix[0][1]}" in drawn and drawn.count("<rect") == 4


def test_predictions_of_a_table_are_in_the_unit_of_the_target(tmp_path):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(60, 2))
    np.savetxt(tmp_path / "t.csv", np.c_[X, 1000.0 + 50.0 * X[:, 0]], delimiter=",", header="a,b,y", comments="")
    tasks = build(FileTask(data="t.csv", features=4), 0, "test", tmp_path)
    found = predict(LINEAR, tasks, Search())
    assert 900.0 < found.actual.mean() < 1100.0 and 900.0 < found.predicted.mean() < 1100.0
    actual, predicted = (each.reshape(2, -1) for each in (found.actual, found.predicted))  # every row of the split once
    fitness = evaluate(LINEAR, tasks.part(0, 2), "reference", seed=0).task_fitness
    assert np.sqrt(np.mean((actual - predicted) ** 2, axis=1)) == pytest.approx(tasks.part(0, 2).rmse(fitness))


def test_scales():
    assert Scale(0.0, 1.0, 0.0, 10.0).ticks(5) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Scale(1.0, 1e6, 0.0, 60.0, True)(1e3) == pytest.approx(30.0)
    texts = [text for _, text in labelled([0.99995, 0.99996, 0.99997])]
    assert len(set(texts)) == 3


def test_code():
    assert shortened("s2 = 0.12345678  # 0.12345678 stays") == "s2 = 0.1235  # 0.12345678 stays"
    marked = highlighted("def Learn():\n  s2 = 1.0\n  s3 = s2", "def Learn():\n  s2 = 3.0")
    assert marked.count('class="line new"') == 1


def test_plots(result, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    for name in ("a.png", "a.svg"):
        assert main(["plot", str(result.run_dir), "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 5000
    assert len(result.plot("front").axes) == 1
    assert main(["plot", str(result.run_dir), "--what", "pie", "-o", str(tmp_path / "b.png")]) == 2
    assert "progress, front, layers" in capsys.readouterr().err


def test_without_matplotlib(result, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith(("matplotlib", "pandas")):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["plot", str(result.run_dir)]) == 2
    assert "azdsl[plot]" in capsys.readouterr().err
    with pytest.raises(ImportError, match="pip install pandas"):
        result.history_frame()


def test_evolve_returns_a_result_that_can_be_plotted_and_the_engine_a_plain_one(result):
    assert isinstance(result, RunResult) and type(run(small(max_evals=100), quiet=True)) is Result


def test_the_result_in_a_notebook(result):
    text = result._repr_html_()
    assert "<svg" in text and 'class="code"' in text and "<script" not in text
    frame = pytest.importorskip("pandas") and result.history_frame()
    assert len(frame) == len(result.history) and list(frame["evaluations"]) == [
        e["evaluations"] for e in result.history
    ]
    assert result.front == result.hall_of_fame and json.dumps(result.as_dict())


def test_tensorboard():
    class Writer:
        def __init__(self):
            self.rows = []

        def add_scalar(self, name, value, step):
            self.rows.append((name, value, step))

    writer = Writer()
    with TensorBoardLogger(writer=writer, then=lambda snapshot: snapshot.epoch == 2) as logger:
        result = run(small(), quiet=True, on_epoch=logger)
    assert result.stopped == "stopped by on_epoch"
    assert [step for name, _, step in writer.rows if name == "fitness/best"] == [
        e["evaluations"] for e in result.history
    ]


@pytest.mark.parametrize("precision", [32, 64])
def test_stored_scores_are_recomputed(tmp_path, capsys, precision):
    path = tmp_path / "run"
    result = run(small(all_ops=True, precision=precision, max_evals=1200), out=path, quiet=True)
    members = sorted((path / "hall_of_fame").iterdir())
    assert main(["score", "--on", "search", "--json", *map(str, members)]) == 0
    scores = [json.loads(line)["fitness"] for line in capsys.readouterr().out.splitlines()]
    assert scores == [entry.fitness for entry in result.front]
    for role, fitness in (("search", result.search_fitness), ("select", result.fitness), ("test", result.test_fitness)):
        assert main(["score", "--on", role, "--json", str(path / "best.az")]) == 0
        assert json.loads(capsys.readouterr().out)["fitness"] == fitness


def test_lineage_of_the_hall_of_fame(result):
    last = result.front[-1]
    assert last.lineage and all(a.fitness < b.fitness for a, b in zip(last.lineage, last.lineage[1:], strict=False))
    assert "improves on" in (result.run_dir / "hall_of_fame" / f"size-{last.size:03}.az").read_text()
