"""The NumPy style: the module predicts what the interpreter predicts, within the stated bound."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from strategies import METRIC_NAMES, random_program

from azdsl.export.readable.numpy_source import TEXT, numpy_source
from azdsl.interp import Machine
from azdsl.ir import METRICS
from azdsl.ops import OPS
from azdsl.syntax import load

EXAMPLES = Path(__file__).parents[2] / "examples"
ROUNDED = ("dot", "mat", "norm", "mean", "std", "sin", "cos", "tan", "arc", "exp", "log", "gaussian")
EXACT = [
    op
    for op in OPS
    if not any(op.name.startswith(word) or f"_{word}" in op.name for word in ROUNDED) or op.name.startswith("matrix_")
]
EXACT = [
    op for op in EXACT if not any(word in op.name for word in ("norm", "mean", "std", "gaussian", "matvec", "matmul"))
]


def model_of(program, metric="rmse", seed=0):
    source = numpy_source(program, metric, seed)
    ast.parse(source)
    space: dict[str, object] = {}
    exec(compile(source, "model.py", "exec"), space)
    return space["Model"]()


def trained(program, X, y, V, metric="rmse", seed=0, classes=0):
    """The predictions of the interpreter for V after learning X and y."""
    machine = Machine(program, X.shape[1], seed=seed, metric=METRICS[metric])
    machine.run_setup()
    visit = 0
    for x, label in zip(X.tolist(), y.tolist(), strict=True):
        visit += 1
        machine.prediction = METRICS[metric].squash(machine.predict(x, visit), classes)
        if METRICS[metric].vector:
            errors = [abs(a - b) for a, b in zip(machine.label(label), machine.prediction, strict=True)][:classes]
        else:
            errors = [abs(label - machine.prediction)]
        if not all(error <= 100.0 for error in errors):
            break
        machine.learn(x, label, visit)
    return np.array([machine.predict(x, visit + 1 + n) for n, x in enumerate(V.tolist())])


def data(rng, metric="rmse", features=None, examples=8):
    F = features or int(rng.integers(2, 6))
    X, V = rng.normal(size=(examples, F)), rng.normal(size=(5, F))
    y = rng.normal(size=examples) if metric == "rmse" else rng.integers(0, 2, examples).astype(float)
    y[0] = 1.0
    return X, y, V


def test_exact_programs_predict_the_same_bits():
    nonzero = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        program = random_program(rng, ops=EXACT, max_length=int(rng.choice([4, 8, 16])))
        X, y, V = data(rng)
        got = model_of(program, seed=seed).fit(X, y).scores(V)
        np.testing.assert_array_equal(got, trained(program, X, y, V, seed=seed))
        nonzero += bool((got != 0).any())
    assert nonzero > 100


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_every_program_runs(metric):
    for seed in range(100):
        rng = np.random.default_rng(seed)
        program = random_program(rng, max_length=12, metric=METRICS[metric])
        X, y, V = data(rng, metric)
        assert model_of(program, metric).fit(X, y).predict(V).shape == (5,)


@pytest.mark.parametrize("name", ["affine", "linear", "network", "figure5"])
def test_examples_predict_the_same_within_rounding(name):
    """Sums of F terms in a few thousand training steps: errors stay far below 1e-9 of the predictions."""
    program = load(EXAMPLES / f"{name}.az")
    rng = np.random.default_rng(1)
    X, y, V = data(rng, features=4, examples=300)
    X, y = X * 0.3, 0.1 * y
    got, expected = model_of(program, seed=3).fit(X, y).scores(V), trained(program, X, y, V, seed=3)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize("metric", ["accuracy", "multiclass"])
def test_classifiers_squash_as_the_evaluation_does(metric):
    from azdsl.syntax import parse

    text = {
        "accuracy": "def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  s2 = 0.1\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  v1 = v1 + v2\n",
        "multiclass": "def Predict():\n  v2 = dot(m0, v0)\ndef Learn():\n  v3 = v1 - v2\n  m1 = outer(v3, v0)\n  m0 = m0 + m1\n",
    }[metric]
    X, y, V = data(np.random.default_rng(0), metric, features=4, examples=50)
    model = model_of(parse(text), metric).fit(X, y)
    expected = trained(parse(text), X, y, V, metric, classes=2)
    np.testing.assert_allclose(model.scores(V), expected, rtol=1e-9, atol=1e-12)
    labels = (expected > 0).astype(float) if metric == "accuracy" else expected[:, :2].argmax(axis=1)
    np.testing.assert_array_equal(model.predict(V), labels)


def test_every_op_has_a_text_and_the_file_imports_numpy_alone():
    assert TEXT.keys() == {op.name for op in OPS if op.output}
    for seed in range(20):
        source = numpy_source(random_program(np.random.default_rng(seed)))
        imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert [ast.unparse(n) for n in imports] == ["import numpy as np"]


def test_division_by_zero_is_no_error():
    from azdsl.syntax import parse

    got = (
        model_of(parse("def Predict():\n  s2 = 1 / s1\n  s3 = 2\n  s1 = s3 / s4\n  s1 = s1 - s2\n"))
        .fit(np.ones((1, 2)), np.ones(1))
        .scores(np.ones((1, 2)))
    )
    assert math.isnan(got[0]) or math.isinf(got[0])
