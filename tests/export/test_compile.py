"""Compiled models equal the interpreter bit for bit: in memory, from C, and from Python without azdsl."""

from __future__ import annotations

import ctypes
import json
import pickle
import re
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learners import LINEAR, SOFTMAX
from modules import imported
from strategies import METRIC_NAMES, PAPER_OPS, random_program, random_tasks

import azdsl
from azdsl.codegen.aot.models import SHORT, Spec
from azdsl.export.library import bundle
from azdsl.export.library.compiled_model import make_spec
from azdsl.export.library.file_names import parse_kinds
from azdsl.ir import METRICS, Program, pack_live
from azdsl.ops import OPS

sys.path.insert(0, str(Path(__file__).parent))
from machine import Expected, same

warnings.filterwarnings("ignore", message="training stopped")
pytestmark = pytest.mark.filterwarnings("ignore:training stopped:RuntimeWarning")
needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


def write(tmp_path: Path, specs: list[Spec], kinds: str = "shared,header,python") -> dict[str, Path]:
    return bundle.write(specs, tmp_path / "lib.so", parse_kinds(kinds))


def case(number: int, max_length: int = 8) -> tuple[Program, Any, dict[str, Any], np.ndarray]:
    """A random program, a training task, the arguments of its compilation, and rows to predict."""
    rng = np.random.default_rng(number)
    metric = METRIC_NAMES[number % 3]
    features = max(1 + number % 9, 2 if METRICS[metric].vector else 1)
    program = random_program(rng, PAPER_OPS, max_length=max_length, metric=METRICS[metric])
    tasks = random_tasks(rng, features, 1, metric, 1, 30)
    facts = {"features": features, "metric": metric, "precision": (64, 32)[number // 3 % 2], "seed": number}
    if metric == "multiclass":
        facts["classes"] = tasks.classes
    return program, tasks, facts, rng.normal(size=(37, features))


@pytest.mark.parametrize("block", range(4))
def test_in_memory_equals_the_interpreter(block: int) -> None:
    for number in range(block * 8, block * 8 + 8):
        program, tasks, facts, X = case(number)
        model, expected = azdsl.compile(program, **facts), Expected(program, **facts)
        model.fit(tasks.train_X[0], tasks.train_y[0])
        assert model.stopped != expected.fit(tasks.train_X[0], tasks.train_y[0])
        twin = pickle.loads(pickle.dumps(model))
        predictions = expected.predict(X)
        assert same(model.predict(X), predictions), number
        assert same([twin.predict(x[None])[0] for x in X], predictions), number
        assert twin.state == model.state or np.isnan(predictions).any() or "s1" in model.memory
        for address in model._spec.places:
            assert same(model.memory[str(address)], expected[address]), (number, address)


# Every metric and precision, with rows that depend on each other and with rows that do not.
LONG = (0, 1, 50, 9, 4, 5, 402, 25, 20, 171, 112, 53)


def test_long_programs_share_the_code_of_predict() -> None:
    seen, learned = set(), 0
    for number in LONG:
        program, tasks, facts, X = case(number, max_length=25)
        model, expected = azdsl.compile(program, **facts), Expected(program, **facts)
        spec = model._spec
        assert len(spec.program) > SHORT and all(spec.predicting)
        seen.add((spec.metric.name, spec.precision, spec.rows_independent))
        for learn in (model.fit, model.partial_fit):
            learn(tasks.train_X[0], tasks.train_y[0])
            learned += not model.stopped
            assert model.stopped != expected.fit(tasks.train_X[0], tasks.train_y[0])
            assert same(model.predict(X), expected.predict(X)), number
        for address in spec.places:
            assert same(model.memory[str(address)], expected[address]), (number, address)
    assert len(seen) == len(LONG) and learned > len(LONG)


@needs_cc
@settings(max_examples=8)
@given(number=st.integers(0, 2**32 - 1))
def test_library_equals_the_interpreter(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    program, tasks, facts, X = case(number)
    specs = [make_spec(program, **facts, prefix="p_")]
    module = imported(write(tmp_path_factory.mktemp("lib"), specs)["python"])
    model, expected = module.Model(), Expected(program, **facts)
    model.fit(tasks.train_X[0].tolist(), tasks.train_y[0].tolist())
    assert model.stopped != expected.fit(tasks.train_X[0], tasks.train_y[0])
    predictions = expected.predict(np.concatenate([X, X]))
    assert same(model.predict(X), predictions[: len(X)])
    assert same([model.predict_one(x) for x in X], predictions[len(X) :])


@pytest.mark.parametrize("op", [op for op in OPS if op.output], ids=lambda op: op.name)
@pytest.mark.slow
def test_every_op_in_both_precisions(op: Any) -> None:
    for number in range(2):
        rng = np.random.default_rng(number)
        program = random_program(rng, ops=[op, *(o for o in OPS if o.output and not o.inputs)], max_length=5)
        F = 3 + 6 * number
        X, y = rng.normal(size=(9, F)), rng.normal(size=9)
        for precision in (64, 32):
            model = azdsl.compile(program, features=F, precision=precision).fit(X, y)
            expected = Expected(program, F, precision=precision)
            expected.fit(X, y)
            assert same(model.predict(X), expected.predict(X))


def test_elementary_functions_need_no_library_of_mathematics(tmp_path: Path) -> None:
    functions = ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log")
    body = "".join(f"  s2 = {name}(s3)\n  s1 = s1 + s2\n" for name in functions)
    program = azdsl.parse(
        f"def Setup():\n  s3 = 0.7\ndef Predict():\n  s1 = 0\n{body}def Learn():\n  v2 = gaussian(0, 1)\n"
    )
    from azdsl.codegen.aot.models import compile_models

    for metric in METRICS:
        facts = {"features": 2, "metric": metric} | ({"classes": 2} if metric == "multiclass" else {})
        code = compile_models([make_spec(program, **facts)], "0")
        assert set(re.findall(r"^declare .*@([\w.]+)\(", code.llvm, re.MULTILINE)) <= {"malloc", "free"} | {
            name for name in re.findall(r"@(llvm\.\w[\w.]*)", code.llvm)
        }
    assert same(azdsl.compile(program, features=2).predict([[0, 0]]), Expected(program, 2).predict([[0, 0]]))


C_MAIN = """#include <stdio.h>
#include <stdlib.h>
#include "lib.h"
int main(void) {
  size_t n, m, k; int f = p_features(), c = p_outputs();
  if (scanf("%zu %zu", &n, &m) != 2) return 9;
  double *X = malloc((n + m) * f * sizeof *X), *y = malloc(n * sizeof *y), *out = malloc(m * c * sizeof *out);
  for (k = 0; k < (n + m) * f; k++) if (scanf("%lf", X + k) != 1) return 9;
  for (k = 0; k < n; k++) if (scanf("%lf", y + k) != 1) return 9;
  p_model *one = p_create(), *many = malloc(p_size());
  if (!one || p_init(many) != AZ_OK || p_fit(many, X, y, n) != AZ_OK) return 8;
  for (k = 0; k < n; k++) if (p_learn_one(one, X + k * f, y[k]) != AZ_OK) return 7;
  if (p_predict(many, X + n * f, m, out) != AZ_OK) return 6;
  for (k = 0; k < m * c; k++) printf("%a\\n", out[k]);
  for (k = 0; k < m; k++) {
    if (p_predict_one(one, X + (n + k) * f, out) != AZ_OK) return 5;
    for (int i = 0; i < c; i++) printf("%a\\n", out[i]);
  }
  if (p_fit(NULL, X, y, n) != AZ_NULL || p_predict_one(one, X, NULL) != AZ_NULL) return 4;
  p_free(one); p_free(NULL); free(many); free(X); free(y); free(out);
  return 0;
}
"""


def run_c(tmp_path: Path, specs: list[Spec], X: np.ndarray, y: np.ndarray, VX: np.ndarray, *before: str) -> np.ndarray:
    """The output of a C program built from header and library only, [2, m, outputs]."""
    files = write(tmp_path, specs, "shared,header")
    (tmp_path / "main.c").write_text(C_MAIN)
    command = [
        "cc",
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "-o",
        "main",
        "main.c",
        str(files["shared"]),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    numbers = np.concatenate([X.ravel(), VX.ravel(), y.ravel()])
    text = f"{len(X)} {len(VX)}\n" + "\n".join(float(v).hex() for v in numbers)
    done = subprocess.run([*before, "./main"], cwd=tmp_path, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.array([float.fromhex(line) for line in done.stdout.split()]).reshape(2, len(VX), -1)


def real_data(name: str) -> tuple[str, dict[str, Any], np.ndarray, np.ndarray]:
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X = (X - X.mean(0)) / np.where(X.std(0) == 0, 1, X.std(0))
    y = y.astype(float)
    metric = {"diabetes": "rmse", "breast_cancer": "accuracy", "digits": "multiclass"}[name]
    y = (y - y.mean()) / y.std() if metric == "rmse" else y
    facts = {"features": X.shape[1], "metric": metric} | ({"classes": 10} if metric == "multiclass" else {})
    return SOFTMAX if metric == "multiclass" else LINEAR, facts, X[:300], y[:300]


@needs_cc
@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "digits"])
def test_c_program_on_real_data(name: str, tmp_path: Path) -> None:
    text, facts, X, y = real_data(name)
    program = azdsl.parse(text)
    batch, single = run_c(tmp_path, [make_spec(program, **facts, prefix="p_")], X[:250], y[:250], X[250:])
    expected = Expected(program, **facts)
    assert expected.fit(X[:250], y[:250])
    predictions = expected.predict(X[250:]).reshape(batch.shape)
    assert same(batch, predictions)
    assert same(single, predictions)
    right = batch.argmax(1) == y[250:] if name == "digits" else (batch[:, 0] > 0.5) == (y[250:] > 0.5)
    assert name == "diabetes" or right.mean() > 0.8


@needs_cc
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind")
def test_valgrind_is_clean(tmp_path: Path) -> None:
    text, facts, X, y = real_data("diabetes")
    # Generic code: valgrind does not know the newest instructions.
    spec = make_spec(azdsl.parse(text), **facts, prefix="p_")
    files = bundle.write([spec], tmp_path / "lib.so", ("shared", "header"), "generic")
    (tmp_path / "main.c").write_text(C_MAIN)
    subprocess.run(["cc", "-o", "main", "main.c", str(files["shared"])], cwd=tmp_path, check=True)
    numbers = np.concatenate([X[:40].ravel(), X[40:60].ravel(), y[:40]])
    text = "40 20\n" + "\n".join(float(v).hex() for v in numbers)
    command = ["valgrind", "--error-exitcode=77", "--leak-check=full", "--quiet", "./main"]
    done = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_cc
def test_python_without_azdsl(tmp_path: Path) -> None:
    program = azdsl.parse(LINEAR)
    files = write(tmp_path, [make_spec(program, 3)])
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); from lib_model import Model\n"
        "X, y = json.load(sys.stdin)\n"
        "model = Model().fit(X, y)\n"
        "assert 'numpy' not in sys.modules and 'azdsl' not in sys.modules\n"
        "print(json.dumps([model.predict(X), [model.predict_one(x) for x in X], model.memory]))"
    )
    command = [sys.executable, "-S", "-I", "-c", script, str(files["python"].parent)]
    given = json.dumps([X.tolist(), y.tolist()])
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, env={})
    batch, single, memory = json.loads(done.stdout)
    expected = Expected(program, 3)
    expected.fit(X, y)
    assert same(batch, expected.predict(X))
    assert same(single, batch)
    assert same(memory["v1"], azdsl.compile(program, features=3).fit(X, y).memory["v1"])


@needs_cc
def test_the_module_accepts_arrays_and_lists_and_refuses_other_input(tmp_path: Path) -> None:
    module = imported(write(tmp_path, [make_spec(azdsl.parse(LINEAR), 2)])["python"])
    X, y = np.array([[1.0, 2.0], [3.0, 4.0], [0.5, 0.5]]), np.array([1.0, 2.0, 0.5])
    model = module.Model().fit(X, y)
    assert isinstance(model.predict(X), np.ndarray)
    assert isinstance(model.predict(X.tolist()), list)
    for other in (
        np.asfortranarray(X),
        X.astype("f4"),
        X.astype(int),
        np.repeat(X, 2, 0)[::2],
        X.tolist(),
        X.astype(">f8"),
    ):
        assert same(
            module.Model().fit(other, y).predict(other),
            azdsl.compile(azdsl.parse(LINEAR), 2).fit(other, y).predict(other),
        )
    readonly = X.copy()
    readonly.flags.writeable = False
    assert same(model.predict(readonly), model.predict(X))
    assert same(pickle_round(model).predict(X), model.predict(X))
    assert model.predict([]) == []
    bad = [
        (lambda: model.predict(np.ones((2, 3))), r"X must have the shape \[n, 2\], not \[2, 3\]"),
        (lambda: model.predict([[1, 2], [3]]), "X must have 2 numbers in every row, not 1 in row 1"),
        (lambda: model.predict([["a", "b"]]), "X is not made of numbers: must be real number, not str"),
        (lambda: model.predict(np.array([["a", "b"]])), "X is not an array of numbers: its type is <U1"),
        (
            lambda: model.predict([[1, float("nan")]]),
            r"X\[0, 1\] is nan: values must be finite; remove or fill them first",
        ),
        (lambda: model.predict_one([1, float("inf")]), "x contains a value that is not finite"),
        (lambda: model.predict_one([1]), "x must have 2 numbers, not 1"),
        (lambda: model.fit(X, [1.0]), "X has 3 rows, but y has 1"),
        (
            lambda: model.fit(X, [1.0, float("nan"), 1.0]),
            r"y\[1\] is nan: values must be finite; remove or fill them first",
        ),
        (lambda: model.fit(X, y, epochs=0), "epochs must be at least 1, not 0"),
        (lambda: module.Model(3), "features=3: this library was compiled for features=2"),
        (lambda: model.setup(-1), r"seed must be between 0 and 2\*\*64 - 1, not -1"),
    ]
    for call, message in bad:
        with pytest.raises(ValueError, match=message):
            call()


def pickle_round(model: Any) -> Any:
    """The steps of pickling, for a class whose module cannot be imported by name."""
    other = type(model).__new__(type(model))
    other.__setstate__(pickle.loads(pickle.dumps(model.__getstate__())))
    return other


@needs_cc
def test_threads_share_nothing(tmp_path: Path) -> None:
    module = imported(write(tmp_path, [make_spec(azdsl.parse(SOFTMAX), 8, "multiclass", classes=4)])["python"])
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(5000, 8)), rng.integers(0, 4, 5000).astype(float)
    results: list[Any] = [None] * 4

    def work(at: int) -> None:
        results[at] = module.Model().fit(X, y, epochs=3).predict(X)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(result, results[0]) for result in results)
    assert results[0].shape == (5000, 4)


@needs_cc
def test_size_of_a_long_program(tmp_path: Path) -> None:
    plain = [op for op in OPS if op.output and not op.random]
    program = max(
        (random_program(np.random.default_rng(n), plain, max_length=40) for n in range(30)),
        key=lambda p: len(pack_live(p).code),
    )
    assert len(pack_live(program).code) >= 60
    assert write(tmp_path, [make_spec(program, 16)], "shared")["shared"].stat().st_size < 64 * 1024


@needs_cc
def test_several_sizes_and_frozen_memory(tmp_path: Path) -> None:
    program = azdsl.parse(LINEAR)
    module = imported(
        write(tmp_path, [make_spec(program, 2, prefix="p_f2_"), make_spec(program, 3, prefix="p_f3_")])["python"]
    )
    assert [module.Model(f).features for f in (2, 3)] == [2, 3]
    with pytest.raises(ValueError, match="features=None: this library was compiled for features=2, 3"):
        module.Model()
    X, y = np.random.default_rng(3).normal(size=(50, 2)), np.arange(50) / 50
    trained = azdsl.compile(program, features=2).fit(X, y)
    (folder := tmp_path / "frozen").mkdir()
    files = write(folder, [make_spec(program, 2, image=trained.state)])
    assert same(imported(files["python"]).Model().predict(X), trained.predict(X))
    library = ctypes.CDLL(str(files["shared"]))
    assert library.az_trained() == 1


def test_processors_and_texts(tmp_path: Path) -> None:
    spec = make_spec(azdsl.parse(LINEAR), 4)
    for cpu in ("native", "generic", "x86-64-v3"):
        files = bundle.write([spec], tmp_path / "a", ("object", "llvm", "asm"), cpu)
        assert "define" in files["llvm"].read_text()
        assert "az_predict" in files["asm"].read_text()
    with pytest.raises(ValueError, match="unknown processor 'z80'; known are native, generic"):
        bundle.write([spec], tmp_path / "a", ("object",), "z80")


def test_large_intermediate_values_live_in_the_model() -> None:
    program = azdsl.parse(
        "def Setup():\ndef Predict():\n  m0 = outer(v0, v0)\n  m0 = matmul(m0, m0)\n  m0 = matmul(m0, m0)\n  s1 = mean(m0)\ndef Learn():\n"
    )
    X = np.random.default_rng(4).normal(size=(3, 80)) / 10
    assert same(azdsl.compile(program, features=80).predict(X), Expected(program, 80).predict(X))
