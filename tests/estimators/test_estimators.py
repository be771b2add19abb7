"""What the estimators do beyond scikit-learn's checks."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import azdsl
from azdsl import sums
from azdsl.sklearn import AutoMLZeroClassifier, AutoMLZeroRegressor, AZClassifier, AZRegressor
from azdsl.sklearn.learner import SCALAR_LEARNER, VECTOR_LEARNER

SEARCH: dict[str, Any] = {
    "population": 50, "tournament": 5, "max_evals": 2000, "tasks": 3, "islands": 1, "random_state": 1,
    "ops": "const, dot, s - s, s + s, s * s, s * v, v + v, outer, m + m, dot(m, v), v - v",
}  # fmt: skip
RESTLESS = "def Predict():\n  v2 = gaussian(0.0, 1.0)\n  s2 = dot(v2, v0)\n  s3 = s3 + s2\n  s1 = s1 + s3\ndef Learn():\n  s3 = s0 * s1\n"


def problem(rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4))
    return X, X @ [1.0, -1.0, 0.5, 0.0]


def test_predictions_are_those_of_the_compiled_program_bit_for_bit(tmp_path: Path) -> None:
    X, y = problem()
    model = azdsl.compile(azdsl.parse(SCALAR_LEARNER), 4).fit(X, y, epochs=3)
    expected = model.predict(X).tobytes()
    (path := tmp_path / "a.az").write_text(SCALAR_LEARNER)
    for program in (azdsl.parse(SCALAR_LEARNER), SCALAR_LEARNER, path, str(path), None):
        estimator = AZRegressor(program, epochs=3).fit(X, y)
        assert estimator.predict(X).tobytes() == expected
        assert estimator.program_ == azdsl.parse(SCALAR_LEARNER)
    assert AZRegressor(epochs=3, precision=32).fit(X, y).predict(X).tobytes() != expected
    with pytest.raises(TypeError, match="program must be a program, its text or a path, not int"):
        AZRegressor(3).fit(X, y)
    with pytest.raises(azdsl.SyntaxError):
        AZRegressor("def Setup():\n  s2 = nonsense(3)\n").fit(X, y)


def test_predicting_changes_nothing_even_where_predict_writes() -> None:
    X, y = problem()
    for precision in (64, 32):
        estimator = AZRegressor(RESTLESS, precision=precision, random_state=3).fit(X[:20], y[:20])
        state = estimator.model_.state
        first = estimator.predict(X)
        assert np.array_equal(first, estimator.predict(X)) and estimator.model_.state == state
        assert np.array_equal(first[7:9], estimator.predict(X[7:9]))
        assert first[0] == estimator.model_.copy().predict(X[:1])[0]
        # as part of a sequence a row is told otherwise
        assert not np.array_equal(first, estimator.model_.copy().predict(X))
    assert len({tuple(AZRegressor(RESTLESS, random_state=n).fit(X[:9], y[:9]).predict(X[:2])) for n in (1, 2)}) == 2


def test_scaling_makes_raw_data_work_and_is_kept_exactly() -> None:
    X, y = load_diabetes(return_X_y=True, scaled=False)
    train, test, ty, vy = train_test_split(X, y, random_state=0)
    with pytest.warns(
        ConvergenceWarning,
        match="training stopped: a prediction was not finite, or its error greater than 100; scale the data",
    ):
        AZRegressor().fit(train, ty)
    estimator = AZRegressor(epochs=5, scale=True, shuffle=True).fit(train, ty)
    assert estimator.score(test, vy) > 0.3
    assert (estimator.center_ == sums.mean(train)).all() and (estimator.scale_ == sums.deviation(train)).all()
    constant = np.column_stack([train, np.full(len(train), 0.1)])
    other = AZRegressor(epochs=5, scale=True).fit(constant, ty)
    assert np.isinf(other.scale_[-1]) and np.isfinite(other.predict(constant)).all()


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"], [7, -1], [10, 30, 20], [False, True]])
def test_classes_of_any_kind(labels: list[Any]) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, len(labels), 200)
    X = np.stack([np.cos(2.2 * codes), np.sin(2.2 * codes)], axis=1) + 0.1 * rng.normal(size=(200, 2))
    y = np.array(labels)[codes]
    estimator = AZClassifier(epochs=10).fit(X, y)
    assert estimator.classes_.tolist() == sorted(labels)
    assert estimator.score(X, y) > 0.95
    probabilities = estimator.predict_proba(X)
    assert probabilities.shape == (200, len(labels)) and np.allclose(probabilities.sum(axis=1), 1.0)
    assert (estimator.classes_[probabilities.argmax(axis=1)] == estimator.predict(X)).all()
    assert estimator.model_.metric == ("accuracy" if len(labels) == 2 else "multiclass")
    assert estimator.model_.features == max(2, len(labels))


def test_multiclass_is_that_of_the_compiled_program() -> None:
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = azdsl.compile(azdsl.parse(VECTOR_LEARNER), 4, "multiclass", classes=3).fit(X, y)
    assert np.array_equal(AZClassifier(VECTOR_LEARNER).fit(X, y).predict_proba(X), model.predict(X))


def test_one_class_is_refused() -> None:
    X, _ = problem(5)
    with pytest.raises(ValueError, match="at least two classes are needed, but y has one class: 'a'"):
        AZClassifier().fit(X, ["a"] * 5)


def test_clone_grid_search_pipeline_and_pickle() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    program = azdsl.parse(SCALAR_LEARNER)
    estimator = make_pipeline(StandardScaler(), AZClassifier(program))
    search = GridSearchCV(
        estimator, {"azclassifier__epochs": [1, 3], "azclassifier__program": [None, program]}, cv=3
    ).fit(X, y)
    assert search.best_score_ > 0.95
    assert clone(AZClassifier(program)).program == program
    again = pickle.loads(pickle.dumps(search))
    assert np.array_equal(again.predict_proba(X), search.predict_proba(X))
    assert again.best_estimator_[-1].program_.predict[0].op is program.predict[0].op


@pytest.mark.slow
def test_other_processes_take_estimators() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    assert cross_val_score(AZClassifier(azdsl.parse(SCALAR_LEARNER), scale=True), X, y, n_jobs=2).mean() > 0.95


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    frames = pytest.importorskip(library)
    X, y = problem()
    frame = frames.DataFrame({f"c{n}": X[:, n] for n in range(4)})
    estimator = AZRegressor().fit(frame, frames.Series(y))
    assert estimator.feature_names_in_.tolist() == ["c0", "c1", "c2", "c3"]
    assert np.array_equal(estimator.predict(frame), AZRegressor().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[["c1", "c0", "c2", "c3"]])
    words = AZClassifier().fit(frame, frames.Series(["low" if v < 0 else "high" for v in y]))
    assert words.classes_.tolist() == ["high", "low"]


def raw_table(library: str, rows: int = 300) -> tuple[Any, Any]:
    """Prices by size and district, with gaps; the frame and the prices."""
    frames = pytest.importorskip(library)
    draw = np.random.default_rng(0)
    size, district = draw.normal(size=rows), draw.choice(["east", "north", "west"], rows)
    price = 2.0 * size + np.select([district == "east", district == "north"], [3.0, -3.0], 0.0)
    seen = [None if at % 29 == 0 else float(value) for at, value in enumerate(size)]
    return frames.DataFrame({"size": seen, "district": district.tolist()}), frames.Series(price)


@pytest.mark.parametrize("zone", [None, "Europe/Zurich"])
def test_dates_with_and_without_a_time_zone(zone: str | None) -> None:
    pandas = pytest.importorskip("pandas")
    days = np.arange(60.0)
    seen = pandas.Series(pandas.date_range("2026-01-01", periods=60, tz=zone))
    seen[3] = pandas.NaT
    frame = pandas.DataFrame({"seen": seen})
    fitted = AZRegressor(scale=True, epochs=30, categorical="one_hot", missing="mean").fit(frame, days)
    assert [(column.name, column.kind) for column in fitted.encoding_.columns] == [("seen", "date")]
    assert fitted.score(frame, days) > 0.9


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_with_text_and_missing_values(library: str) -> None:
    frame, price = raw_table(library)
    options = {"scale": True, "shuffle": True, "epochs": 10}
    with pytest.raises(ValueError, match="could not convert"):
        AZRegressor(**options).fit(frame, price)
    with pytest.raises(ValueError, match=r"column 'size' is missing in row 1; .* use missing=mean, median"):
        AZRegressor(**options, categorical="one_hot").fit(frame, price)
    fitted = AZRegressor(**options, categorical="one_hot", missing="mean").fit(frame, price)
    assert fitted.n_features_in_ == 2 and fitted.feature_names_in_.tolist() == ["size", "district"]
    assert [(column.name, column.kind) for column in fitted.encoding_.columns] == [
        ("size", "number"),
        ("district", "one_hot"),
    ]
    assert (
        fitted.score(frame, price)
        > 0.9
        > AZRegressor(**options, categorical="ordinal", missing="mean").fit(frame, price).score(frame, price)
    )
    again = clone(fitted).fit(frame, price)
    assert np.array_equal(again.predict(frame), pickle.loads(pickle.dumps(fitted)).predict(frame))
    other = frame.head(1).copy() if library == "pandas" else frame.head(1).clone()
    assert np.isfinite(fitted.predict(other)).all()
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[["district", "size"]])


def test_an_array_of_objects_is_a_table_too() -> None:
    frame, price = raw_table("pandas")
    X, y = frame.to_numpy(object), [f"{'high' if value > 0 else 'low'}" for value in price]
    fitted = AZClassifier(scale=True, shuffle=True, epochs=10, categorical="one_hot", missing="median").fit(X, y)
    assert fitted.classes_.tolist() == ["high", "low"] and fitted.score(X, y) > 0.85
    unknown = np.array([[0.0, "south"]], object)
    assert fitted.predict(unknown)[0] in ("high", "low"), "an unknown category is none of the known ones"


def test_the_task_of_the_program_says_how_a_table_is_encoded(tmp_path: Path) -> None:
    frame, price = raw_table("pandas")
    path = tmp_path / "houses.az"
    path.write_text(
        f'task file("houses.csv", target_column="price", categorical=ordinal, missing=median)\n{SCALAR_LEARNER}'
    )
    fitted = AZRegressor(path, scale=True).fit(frame, price)
    assert [column.kind for column in fitted.encoding_.columns] == ["number", "ordinal"]
    assert fitted.encoding_.fill[0] == frame["size"].median()
    assert [
        c.kind for c in AZRegressor(path, scale=True, categorical="one_hot").fit(frame, price).encoding_.columns
    ] == [
        "number",
        "one_hot",
    ]
    assert AZRegressor(SCALAR_LEARNER).fit([[1.0]], [1.0]).encoding_ is None
    for options, message in (
        ({"categorical": "hot"}, "categorical must be one of one_hot, ordinal, error, or None, not 'hot'"),
        ({"missing": "drop"}, "missing must be one of error, mean, median, or None, not 'drop'"),
    ):
        with pytest.raises(ValueError, match=message):
            AZRegressor(**options).fit(frame, price)
    path.write_text(path.read_text().replace("median", "drop"))
    with pytest.raises(ValueError, match="leaves out rows, which an estimator cannot"):
        AZRegressor(path).fit(frame, price)


def test_evolving_regression() -> None:
    X, y = load_diabetes(return_X_y=True, scaled=False)
    estimator = AutoMLZeroRegressor(**SEARCH, epochs=2).fit(X, y)
    assert estimator.score(X, y) > 0.4 and 0.5 < estimator.fitness_ < 1.0
    assert estimator.n_evaluations_ == 2000 and estimator.stopped_ == "max_evals 2,000 reached"
    hall = estimator.hall_of_fame_
    assert all(a.size < b.size and a.fitness < b.fitness for a, b in pairwise(hall))
    assert all(e.size == len(e.program) for e in hall)
    assert estimator.best_program_ is estimator.program_ and isinstance(estimator.best_program_, azdsl.Program)
    assert r"\hat{y}" in estimator.latex() and r"\begin{document}" in estimator.latex(standalone=True)
    twin = clone(estimator).fit(X, y)
    assert twin.best_program_ == estimator.best_program_ and np.array_equal(twin.predict(X), estimator.predict(X))
    assert clone(estimator).set_params(n_jobs=2).fit(X, y).best_program_ == estimator.best_program_
    restored = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(restored.predict(X), estimator.predict(X)) and restored.latex() == estimator.latex()
    pandas = pytest.importorskip("pandas")
    assert list(pandas.DataFrame(hall).columns) == ["size", "fitness", "selection_fitness", "program"]


def test_warm_start_goes_on() -> None:
    X, y = problem(80)
    estimator = AutoMLZeroRegressor(**SEARCH, warm_start=True, init="random")
    first = estimator.fit(X, y)
    best, hall = max(e.fitness for e in first.hall_of_fame_), first.hall_of_fame_
    estimator.fit(X, y)
    assert max(e.fitness for e in estimator.hall_of_fame_) >= best
    assert all(any(n.size <= e.size and n.fitness >= e.fitness for n in estimator.hall_of_fame_) for e in hall)


def test_evolving_classification_with_names() -> None:
    data = load_iris()
    y = data.target_names[data.target]
    estimator = AutoMLZeroClassifier(**SEARCH).fit(data.data[:, :2], y)
    assert estimator.score(data.data[:, :2], y) > 0.7
    assert estimator.classes_.tolist() == ["setosa", "versicolor", "virginica"] and estimator.model_.features == 3
    two = AutoMLZeroClassifier(**SEARCH).fit(data.data[:100], y[:100])
    assert two.score(data.data[:100], y[:100]) > 0.95 and two.predict_proba(data.data[:3]).shape == (3, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_evals": None}, "the search has no stopping condition: set max_evals, timeout, patience or target"),
        ({"tasks": 0}, "tasks must be at least 1, not 0"),
        ({"valid": 1.5}, "valid must be a share between 0 and 1, not 1.5"),
        ({"train": 99}, "train must be between 1 and 45, the number of rows that are not for validation, not 99"),
        ({"population": 1}, "population must be at least 2, not 1"),
        ({"tournament": 80}, "tournament=80 is larger than population=50; make it smaller"),
        ({"setup_length": "a"}, "setup must be a whole number or a range such as 1..21, not 'a'"),
        ({"init": "none"}, "init must be one of seed, random, empty, not 'none'"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    X, y = problem()
    with pytest.raises(ValueError) as error:
        AutoMLZeroRegressor(**SEARCH).set_params(**settings).fit(X, y)
    assert str(error.value) == message


def test_without_scikit_learn_the_message_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sklearn.py").write_text("raise ImportError('none here')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\ntry:\n  import azdsl.sklearn\nexcept ImportError as e:\n  print(e)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "azdsl.sklearn needs scikit-learn 1.6 or later: pip install 'azdsl[sklearn]'"


def test_an_estimator_shows_its_program_as_text() -> None:
    program = azdsl.parse("def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n")
    text = repr(AZRegressor(program))
    assert text.startswith("AZRegressor(program=azdsl.parse(") and "s1 = dot(v0, v1)" in text
    assert eval(text).program == program
