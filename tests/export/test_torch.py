"""``azdsl compile --emit torch``: the module learns what the interpreter learns, within the stated bound."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export.test_numpy import EXACT, data, trained
from strategies import METRIC_NAMES, random_program

from azdsl.cli import main
from azdsl.export.readable.op_text import NoText, python_text
from azdsl.export.readable.torch_source import LIBRARY, torch_source
from azdsl.export.readable.torch_templates import HELPERS
from azdsl.ir import METRICS, Program
from azdsl.ops import OPS, Kind, Op
from azdsl.syntax import load, parse

EXAMPLES = Path(__file__).parents[2] / "examples"
NOISY = """\
def Setup():
  v1 = gaussian(0, 0.5, n_features)
def Predict():
  s1 = dot(v0, v1)
def Learn():
  s2 = uniform(0.01, 0.02)
  s3 = s0 - s1
  s3 = s3 * s2
  v2 = s3 * v0
  v1 = v1 + v2
"""
SOFTMAX = "def Predict():\n  v2 = dot(m0, v0)\ndef Learn():\n  v3 = v1 - v2\n  m1 = outer(v3, v0)\n  m0 = m0 + m1\n"


def module(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "model"}
    exec(compile(source, "model.py", "exec"), space)
    return space


def model_of(program: Program, features: int, metric: str = "rmse", seed: int = 0) -> Any:
    pytest.importorskip("torch")
    return module(torch_source(program, metric, features, seed))["Model"]()  # type: ignore[arg-type]


def test_exact_programs_predict_the_same_bits():
    nonzero = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        program = random_program(rng, ops=EXACT, max_length=int(rng.choice([4, 8, 16])))
        X, y, V = data(rng)
        got = model_of(program, X.shape[1], seed=seed).fit(X, y).scores(V).numpy()
        np.testing.assert_array_equal(got, trained(program, X, y, V, seed=seed))
        nonzero += bool((got != 0).any())
    assert nonzero > 12


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_every_program_runs(metric: str):
    for seed in range(15):
        rng = np.random.default_rng(seed)
        program = random_program(rng, max_length=12, metric=METRICS[metric])
        X, y, V = data(rng, metric)
        model = model_of(program, X.shape[1], metric).fit(X, y)
        assert model.predict(V).shape == (5,) and model(model.tensor(V)).shape[0] == 5


@pytest.mark.parametrize("name", ["affine", "linear", "network", "figure5"])
def test_examples_predict_the_same_within_rounding(name: str):
    """As for NumPy: sums of F terms in a few hundred training steps stay far below 1e-9 of the predictions."""
    program = load(EXAMPLES / f"{name}.az")
    X, y, V = data(np.random.default_rng(1), features=4, examples=150)
    X, y = X * 0.3, 0.1 * y
    got, expected = model_of(program, 4, seed=3).fit(X, y).scores(V), trained(program, X, y, V, seed=3)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize("metric", ["accuracy", "multiclass"])
def test_classifiers_squash_as_the_evaluation_does(metric: str):
    program = parse(SOFTMAX if metric == "multiclass" else NOISY)
    X, y, V = data(np.random.default_rng(0), metric, features=4, examples=50)
    model = model_of(program, 4, metric).fit(X, y)
    expected = trained(program, X, y, V, metric, classes=2)
    np.testing.assert_allclose(model.scores(V), expected, rtol=1e-9, atol=1e-12)
    labels = (expected > 0).astype(float) if metric == "accuracy" else expected[:, :2].argmax(axis=1)
    np.testing.assert_array_equal(model.predict(V), labels)


def test_training_continues_from_a_saved_state():
    X, y, V = data(np.random.default_rng(2), features=3, examples=40)
    whole = model_of(parse(NOISY), 3, seed=5).fit(X, y)
    half = model_of(parse(NOISY), 3, seed=5).fit(X[:15], y[:15])
    other = model_of(parse(NOISY), 3, seed=5)
    other.load_state_dict(half.state_dict())
    np.testing.assert_array_equal(other.learn(X[15:], y[15:]).scores(V), whole.scores(V))
    np.testing.assert_allclose(whole.scores(V), trained(parse(NOISY), X, y, V, seed=5), rtol=1e-9)


def test_rows_together_leave_the_state_and_have_gradients():
    torch = pytest.importorskip("torch")
    X, y, V = data(np.random.default_rng(2), features=3, examples=40)
    model = model_of(load(EXAMPLES / "network.az"), 3).fit(X * 0.3, y * 0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = model.tensor(V).requires_grad_()
    found = model(rows)
    assert found.shape == (5,) and torch.equal(model(rows[0]), found[0])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    np.testing.assert_allclose(found.detach(), model.scores(V), rtol=1e-12)
    found.sum().backward()
    step = 1e-6 * np.eye(3)[1]
    slope = (model(model.tensor(V[0] + step)) - model(model.tensor(V[0] - step))) / 2e-6
    assert math.isclose(float(rows.grad[0, 1]), float(slope), rel_tol=1e-5)


@pytest.mark.parametrize("op", [op for op in OPS if op.output and not op.random], ids=lambda op: op.name)
def test_every_op_computes_what_the_interpreter_computes(op: Op):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(op.code)
    shapes = {Kind.SCALAR: (), Kind.VECTOR: (3,), Kind.MATRIX: (3, 3)}
    inputs = [rng.uniform(0.1, 0.9, size=shapes[kind]) for kind in op.inputs]
    old = rng.normal(size=shapes[op.output])
    constants = [0.4] * len(op.constants)
    context = {"old": old.tolist(), "features": 3}
    expected = op.semantics(*(x.tolist() for x in inputs), *constants, **{name: context[name] for name in op.context})
    slots = {"a": "a", "b": "b", "old": "old"} | {f"c{n}": repr(c) for n, c in enumerate(constants)}
    values = {name: torch.tensor(x) for name, x in zip("ab", inputs, strict=False)} | {"old": torch.tensor(old), "n": 3}
    space = module("import torch\n" + "\n".join(HELPERS.values())) | values | {"like": torch.tensor(0.0).double()}
    got = eval(python_text(op, LIBRARY).format(**slots), space)
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=0)


def test_every_op_has_a_text_and_the_file_imports_pytorch_alone():
    for op in OPS:
        if op.output:
            ast.parse(
                python_text(op, LIBRARY).format(**dict.fromkeys(("a", "b", "c0", "c1", "c2", "old", "draw"), "x"))
            )
    for seed in range(20):
        source = torch_source(random_program(np.random.default_rng(seed)))
        imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert {ast.unparse(n) for n in imports} <= {"import torch", "import math"}


def test_an_op_without_a_text_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(HELPERS, "norm")
    with pytest.raises(NoText, match="op vector_norm: PyTorch has no function 'norm'"):
        python_text(next(op for op in OPS if op.name == "vector_norm"), LIBRARY)


def test_compile_writes_the_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "price.py"
    assert main(["compile", str(EXAMPLES / "linear.az"), "--emit", "torch", "-o", str(file)]) == 0
    assert file.read_text() == torch_source(load(EXAMPLES / "linear.az"), features=4)
    arguments = ["compile", str(EXAMPLES / "linear.az"), "--emit", "numpy,torch", "-o", str(tmp_path / "both")]
    assert main(arguments) == 0
    assert (tmp_path / "both_torch.py").read_text() == file.read_text() and (tmp_path / "both_numpy.py").exists()
    capsys.readouterr()
    assert main([*arguments, "--precision", "32"]) == 2 and "computes in 64 bits" in capsys.readouterr().err
    (tmp_path / "t.csv").write_text("a,b,c,d,y\n" + "1,2,3,4,5\n" * 4)
    trained_now = ["compile", str(EXAMPLES / "linear.az"), "--emit", "torch", "--train", str(tmp_path / "t.csv")]
    assert main([*trained_now, "-o", str(tmp_path / "t.py")]) == 2
    assert "a PyTorch module starts untrained" in capsys.readouterr().err
