"""Complete runs on images: evolve, score, resume and compile, with pairs of classes and with many classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tasks.image_files import numbered, write_mnist

import azdsl
from azdsl.cli import main
from azdsl.config.image_tasks import Images
from azdsl.search.rundir.names import BEST, HALL_OF_FAME_FILES
from azdsl.syntax import load_experiment
from azdsl.tasks import build

SEARCH = "search(population=30, tournament=5, islands=2, setup=1..3, predict=1..4, learn=1..5, max_evals=600)\n"
SOFTMAX = (
    'task images(npz, data="data/pictures.npz", train=60, valid=30, tasks=3, select_tasks=2, test_tasks=2)\n'
    "registers(scalars=4, vectors=5, matrices=2)\n" + SEARCH + "ops(const, dot(m, v), v - v, s * v, outer, m + m)\n"
    "def Setup():\n  rate = 0.01\n"
    "def Predict():\n  predictions = dot(weights, features)\n"
    "def Learn():\n  error = labels - predictions\n  weights = weights + outer(rate * error, features)\n"
)
PAIRS = (
    "task projected(mnist, data=data, features=6, train=40, valid=20, tasks=3, select_tasks=2, test_tasks=2)\n"
    "registers(scalars=4, vectors=3, matrices=0)\n" + SEARCH + "ops(const, dot, s - s, s * v, v + v)\n"
    "def Setup():\n  rate = 0.01\n"
    "def Predict():\n  prediction = dot(weights, features)\n"
    "def Learn():\n  weights = weights + rate * (label - prediction) * features\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    write_mnist(tmp_path / "data", 400, 100)
    images, labels = numbered(300, classes=3)
    np.savez(tmp_path / "data" / "pictures.npz", images=images, labels=labels)
    (tmp_path / "softmax.az").write_text(SOFTMAX)
    (tmp_path / "pairs.az").write_text(PAIRS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def facts(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """Run a command with ``--json``. Returns what it prints."""
    assert main([*map(str, arguments), "--json"]) == 0, capsys.readouterr().err
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("name", ["softmax", "pairs"])
def test_the_scores_of_a_run_can_be_computed_again_from_any_directory(
    name: str,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = facts(capsys, "evolve", f"{name}.az", "--out", "runs/a")
    assert result["metric"] == {"softmax": "multiclass", "pairs": "accuracy"}[name]
    assert result["evaluations"] == 600
    assert result["search_fitness"] > 0.6, "the program learns"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    best = folder / "runs" / "a" / BEST
    for role, key in (("search", "search_fitness"), ("select", "fitness"), ("test", "test_fitness")):
        scores = [
            facts(capsys, "score", best, "--on", role, "--backend", backend) for backend in ("reference", "vm", "jit")
        ]
        assert scores[0]["task_fitness"] == scores[1]["task_fitness"] == scores[2]["task_fitness"]
        assert {score["fitness"] for score in scores} == {result[key]}
    entries = sorted((folder / "runs" / "a" / HALL_OF_FAME_FILES).glob("*.az"))
    assert entries
    for entry in entries:
        said = next(line for line in entry.read_text().splitlines() if line.startswith("# search fitness"))
        assert float(said.split()[-1]) == facts(capsys, "score", entry, "--on", "search")["fitness"]
    more = facts(capsys, "evolve", "--resume", folder / "runs" / "a", "--max-evals", 900)
    assert more["evaluations"] == 900


def test_path_overrides_the_path_of_the_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data").rename(folder / "moved")
    assert main(["score", "pairs.az"]) == 2
    assert "data: no such file or directory; a relative path in a .az file" in capsys.readouterr().err
    there = facts(capsys, "score", "pairs.az", "--data", "moved")
    result = facts(capsys, "evolve", "pairs.az", "--path", "moved", "--out", "runs/b", "--max-evals", 60)
    assert load_experiment(folder / "runs" / "b" / BEST).task == load_experiment(folder / "runs" / "b" / "seed.az").task
    assert facts(capsys, "score", "runs/b/best.az")["fitness"] == result["test_fitness"]
    (folder / "deep").mkdir()
    (folder / "pairs.az").rename(folder / "deep" / "pairs.az")
    assert facts(capsys, "score", "deep/pairs.az", "--data", "moved")["task_fitness"] == there["task_fitness"]
    (folder / "deep" / "best.az").write_text((folder / "runs" / "b" / BEST).read_text().replace("../../moved", "gone"))
    assert main(["show", "--style", "named", "deep/best.az"]) == main(["explain", "deep/best.az"]) == 2
    capsys.readouterr()
    assert facts(capsys, "explain", "deep/best.az", "--data", "moved", "--tasks", 2, "--seeds", 1)["lines"]
    assert main(["show", "--style", "named", "--data", "moved", "deep/best.az"]) == 0
    assert "data=gone" in capsys.readouterr().out, "the file's own task is printed"
    assert main(["show", "--data", "moved", "deep/best.az"]) == 2
    assert "--data goes with --style named or latex" in capsys.readouterr().err
    (folder / "linear.az").write_text("task linear()\ndef Setup():\n")
    assert main(["score", "linear.az", "--data", "moved"]) == 2
    assert "moved: unknown file extension" in capsys.readouterr().err


def test_a_program_for_many_classes_is_compiled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The compiled model and the estimator reach the fitness of the search on the same examples."""
    pytest.importorskip("sklearn")
    from azdsl.sklearn import AZClassifier

    result = azdsl.evolve("softmax.az", max_evals=300, quiet=True)
    task = load_experiment("softmax.az").task
    assert isinstance(task, Images)
    tasks = build(task, 0, "test", folder)
    assert (tasks.features, tasks.classes) == (24, 3)
    model = azdsl.compile(result.best, 24, "multiclass", classes=3)
    for t, fitness in enumerate(result.task_fitness):
        chances = model.fit(tasks.train_X[t], tasks.train_y[t]).predict(tasks.valid_X[t])
        assert chances.shape == (60, 3)
        assert chances.sum(axis=1) == pytest.approx(1)
        assert np.mean(chances.argmax(axis=1) == tasks.valid_y[t]) == pytest.approx(fitness, abs=1e-12)
    names = np.array(["no", "some", "all"])
    estimator = AZClassifier(result.best).fit(tasks.train_X[0], names[tasks.train_y[0].astype(int)])
    assert set(estimator.predict(tasks.valid_X[0])) <= set(names)
    assert estimator.score(tasks.valid_X[0], names[tasks.valid_y[0].astype(int)]) > 0.5
    assert main(["compile", "softmax.az", "-o", "softmax.py", "--emit", "numpy"]) == 0
    assert main(["compile", "pairs.az", "-o", "pairs.py", "--emit", "numpy"]) == 0
    capsys.readouterr()


def test_variables_never_share_the_registers_of_labels_and_predictions() -> None:
    text = "task images(digits)\ndef Predict():\n  a = features + features\n  predictions = a + a\n"
    program = azdsl.parse(text)
    assert [str(instruction.output) for instruction in program.predict] == ["v3", "v2"]
    assert azdsl.parse(text.replace("images(digits)", "sklearn(digits)")) == program


def test_the_cache_is_shown_and_cleared(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AZDSL_CACHE", str(folder / "cache"))
    assert main(["cache"]) == 0
    assert "tasks      0.0 MB of at most 2,000.0 MB in 0 files" in capsys.readouterr().out
    task = load_experiment("pairs.az").task
    assert task
    build(task, 0, "search", folder)
    build(task, 0, "test", folder)
    (folder / "cache" / "image-tasks" / "mine.txt").write_text("not azdsl's")
    tasks, code = facts(capsys, "cache")["parts"]
    assert (tasks["name"], tasks["files"], tasks["limit"]) == ("tasks", 2, 2_000_000_000)
    assert tasks["bytes"] > 3 * 60 * 7 * 8
    assert (code["name"], code["files"]) == ("code", 0)
    cleared = facts(capsys, "cache", "--clear", "all")
    assert cleared["freed"] == tasks["bytes"]
    assert [path.name for path in (folder / "cache" / "image-tasks").iterdir()] == ["mine.txt"]
    assert main(["cache", "--clear", "tasks"]) == 0
    assert "freed      0.0 MB" in capsys.readouterr().out
