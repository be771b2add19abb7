"""``azdsl predict``, and ``azdsl compile --train`` on the same table: from text to predictions."""

from __future__ import annotations

import csv
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import LINEAR

from azdsl.cli import main
from azdsl.cli.predict import _figures
from azdsl.config.tasks import FileTask

TASK = 'task file(data="houses.csv", target_column="price", dates="built", missing="mean", epochs=20)\n'
TOWNS = {"Elm Park": 0, "Hill": 60_000, "Lakeside": 110_000}


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The rows of houses.csv and, as the first 20 of them, new.csv, beside seed.az."""
    rng = np.random.default_rng(0)
    rows: list[list[Any]] = []
    for at in range(200):
        area, town = int(rng.integers(60, 240)), list(TOWNS)[at % 3]
        price = round(1500 * area + TOWNS[town] + rng.normal(0, 5000))
        rows.append(["" if at % 40 == 39 else area, town, f"{rng.integers(1950, 2024)}-05-01", price])
    monkeypatch.chdir(tmp_path)
    for name, chosen in (("houses.csv", rows), ("new.csv", rows[:20])):
        with open(name, "w", newline="") as file:
            csv.writer(file).writerows([["area m2", "town", "built", "price"], *chosen])
    Path("seed.az").write_text(TASK + LINEAR)
    return rows


def test_from_a_table_to_predictions(houses: list[list[Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "seed.az", "--train", "houses.csv", "new.csv", "-o", "out.csv", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    with open("out.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["area m2", "town", "built", "price", "price_predicted"]
    errors = [float(row["price_predicted"]) - float(row["price"]) for row in rows]
    assert figures["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert figures["rmse"] < 0.25 * np.std([row[-1] for row in houses])
    assert main(["predict", "seed.az", "--train", "houses.csv", "new.csv", "--only"]) == 0
    assert capsys.readouterr().out.split() == ["price_predicted", *(row["price_predicted"] for row in rows)]


@pytest.mark.parametrize(
    ("actual", "predictions", "accuracy"),
    [
        (["True", "false", "TRUE", ""], [1, 0, 0, 1], 2 / 3),
        (["1.0", "0", "x"], [1, 0, 0], 2 / 3),
        (["007", "b"], ["007", "b"], 1.0),
        ([1.0, 2.0], [1, 3], 0.5),
    ],
)
def test_the_accuracy_compares_labels_as_training_reads_them(actual, predictions, accuracy):
    assert _figures(actual, predictions, FileTask(metric="multiclass")) == {"accuracy": pytest.approx(accuracy)}


def test_the_exported_module_predicts_the_same(houses: list[list[Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "seed.az", "--train", "houses.csv", "-o", "price.so"]) == 0
    assert main(["predict", "seed.az", "--train", "houses.csv", "new.csv", "--only"]) == 0
    printed = [float(line) for line in capsys.readouterr().out.split("price_predicted\n")[1].split()]
    spec = spec_from_file_location("price_model", "price_model.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules["price_model"] = module
    spec.loader.exec_module(module)
    model = module.TableModel()
    assert model.predict([row[:3] for row in houses[:20]]) == printed
    with open("new.csv") as file:
        assert model.predict(list(csv.DictReader(file))) == printed
    assert model.predict([houses[0][:3]]) == printed[:1]
    header = Path("price.h").read_text()
    assert "x[1]  1 if town is 'Elm Park', else 0" in header
    assert "price = prediction * " in header


def test_class_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"{at},{'spam' if at > 25 else 'good mail'}" for at in range(50)]
    Path("a.csv").write_text("\n".join(["x,kind", *lines]))
    Path("seed.az").write_text(LINEAR)
    arguments = ["--target-column", "kind", "--metric", "accuracy", "--epochs", "50", "-o", "o.csv"]
    assert main(["predict", "seed.az", "--train", "a.csv", "a.csv", *arguments]) == 0
    assert "accuracy" in capsys.readouterr().out
    with open("o.csv") as file:
        assert {row["kind_predicted"] for row in csv.DictReader(file)} == {"spam", "good mail"}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("a,b\n1,2\n", "has no column 'area m2'"),
        ("area m2,town,built\n12 m,Hill,2001-01-01\n", "column 'area m2' is '12 m' in row 1, not a number"),
        ("area m2,town,built\n12,Hill,may\n", "column 'built' is 'may' in row 1, not an ISO 8601 date"),
        ("area m2,town,built\ninf,Hill,2001-01-01\n", "values must be finite"),
        ("", "name the columns"),
        ("area m2,town,built\n", "contains no rows"),
    ],
)
def test_bad_tables(houses: list[list[Any]], capsys: pytest.CaptureFixture[str], new: str, message: str) -> None:
    Path("bad.csv").write_text(new)
    assert main(["predict", "seed.az", "--train", "houses.csv", "bad.csv"]) == 2
    found = capsys.readouterr()
    assert message in found.err
    assert found.out == ""


def test_options_that_do_not_fit(houses: list[list[Any]], capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.az").write_text(LINEAR)
    for arguments, message in (
        (["plain.az"], "--target-column"),
        (["seed.az", "--json"], "-o"),
        (["seed.az", "-o", "x.txt"], "written as .csv"),
        (["seed.az", "--missing", "error"], "5 problems"),
    ):
        assert main(["predict", *arguments, "--train", "houses.csv", "new.csv"]) == 2
        assert message in capsys.readouterr().err


def test_score_reads_another_table_as_the_file_reads_its_own(
    houses: list[list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """It also learns it as often: the figures are the same for the same rows."""
    assert main(["score", "seed.az", "--backend", "reference", "--json"]) == 0
    own = json.loads(capsys.readouterr().out)["task_fitness"]
    Path("houses.csv").rename("moved.csv")
    assert main(["score", "seed.az", "--data", "moved.csv", "--backend", "reference", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task_fitness"] == own
