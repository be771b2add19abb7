"""Every part of azdsl that handles ops, tried on the two ops that CONTRIBUTING.md adds: ``python added_ops.py FOLDER``.

The process must import a copy of the package to which the guide was applied. Each function tries one part.
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import sys
import traceback
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

import azdsl
from azdsl.cli import main
from azdsl.ops import BY_NAME

ELEMENTWISE = """\
task linear(features=4, tasks=4, train=50, valid=50)
def Setup():
  s2 = 0.05
def Predict():
  v2 = square(v0)
  m1 = outer(v0, v0)
  m1 = square(m1)
  v3 = dot(m1, v2)
  s4 = norm(v3)
  s4 = arctan(s4)
  s4 = square(s4)
  s4 = s4 * s2
  s1 = dot(v0, v1)
  s1 = s1 - s4
def Learn():
  s3 = s0 - s1
  s3 = s3 * s2
  v4 = s3 * v0
  v1 = v1 + v4
"""
REDUCTION = """\
task linear(features=4, tasks=4, train=50, valid=50)
def Setup():
  s2 = 0.05
def Predict():
  s4 = sum(v0)
  s1 = s4 * s5
def Learn():
  s3 = s0 - s1
  s3 = s3 * s2
  s6 = s3 * s4
  s5 = s5 + s6
"""
PROGRAMS = {"square": ELEMENTWISE, "sum": REDUCTION}
OPS = ("scalar_square", "vector_square", "matrix_square", "vector_sum")


def tasks(features: int = 5) -> azdsl.TaskSet:
    X = np.random.default_rng(0).normal(size=(3, 40, features))
    return azdsl.TaskSet.from_arrays(X[:, :20], X[:, :20, 0], X[:, 20:], X[:, 20:, 0])


def command(*arguments: str) -> str:
    """What a command prints."""
    printed = StringIO()
    with redirect_stdout(printed):
        assert main(list(arguments)) == 0
    return printed.getvalue()


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def examples() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(1).normal(size=(60, 4))
    return X, X @ [0.5, -1.0, 0.25, 0.0]


def try_backends() -> None:
    for text in PROGRAMS.values():
        for features in (1, 5, 16):
            found = [azdsl.evaluate(azdsl.parse(text), tasks(features), backend=b) for b in ("reference", "vm", "jit")]
            bits = [result.task_fitness.tobytes() for result in found]
            assert bits[0] == bits[1] == bits[2], found
            assert found[0].fitness > 0


def try_text() -> None:
    for name, text in PROGRAMS.items():
        program = azdsl.parse(text)
        assert azdsl.parse(str(program)) == program
        try:
            azdsl.parse(f"def Predict():\n  s1 = {name}x(v0)\n")
        except azdsl.SyntaxError as error:
            assert f"did you mean '{name}'?" in str(error), error
        else:
            raise AssertionError("a misspelt op is an error")


def try_show() -> None:
    latex = {"square": ("^{2}",), "sum": (r"\operatorname{sum}\left( \mathbf{x} \right)",)}
    numpy = {"square": "np.square(features)", "sum": "np.sum(features)"}
    for name, text in PROGRAMS.items():
        Path("p.az").write_text(text)
        for style in ("canonical", "named"):
            shown = command("show", "p.az", "--style", style, *(["--exact"] if style == "named" else []))
            assert f"{name}(" in shown
            again, program = azdsl.parse(shown), azdsl.parse(text)
            assert (
                azdsl.evaluate(again, tasks()).task_fitness.tobytes()
                == azdsl.evaluate(program, tasks()).task_fitness.tobytes()
            )
        assert numpy[name] in command("show", "p.az", "--style", "numpy")
        assert all(part in command("show", "p.az", "--style", "latex", "--exact") for part in latex[name])
        svg = ElementTree.fromstring(command("show", "p.az", "--style", "graph"))
        assert any(f"{name}(" in (node.text or "") for node in svg.iter())
        assert azdsl.__file__
        assert "learning_rate" in command("explain", "p.az", "--tasks", "10", "--seeds", "1")


def try_compile() -> None:
    X, y = examples()
    for name, text in PROGRAMS.items():
        Path("p.az").write_text(text)
        expected = azdsl.compile(azdsl.parse(text), features=4).fit(X, y).predict(X)
        assert np.isfinite(expected).all() and np.ptp(expected) > 0
        command("compile", "p.az", "-o", f"{name}_numpy.py", "--emit", "numpy")
        pure = module(Path(f"{name}_numpy.py")).Model().fit(X, y).predict(X)
        np.testing.assert_allclose(pure, expected, rtol=1e-9)
        if shutil.which("cc"):
            command("compile", "p.az", "-o", f"{name}_model.py")
            assert module(Path(f"{name}_model.py")).Model().fit(X, y).predict(X).tobytes() == expected.tobytes()


def try_tuning() -> None:
    for text in PROGRAMS.values():
        Path("p.az").write_text(text)
        found = json.loads(command("tune", "p.az", "--method", "gradient", "--max-evals", "30", "--json"))
        assert found["improved"], found
    from tuning.losses import constant, constant_places, finite_differences, loss_and_slope

    from azdsl.tuning.differentiate import differentiate

    for line in ("v2 = square(v2)\n  s1 = dot(v2, v0)", "s1 = sum(v2)\n  s1 = square(s1)"):
        program = azdsl.parse(f"def Setup():\n  s2 = 0.4\ndef Predict():\n  v2 = s2 * v0\n  {line}\n")
        (place,) = constant_places(program)
        derivative = differentiate(program, [place])
        presets = {derivative.constants[0]: constant(program, place), derivative.changes[0]: 1.0}
        _, slope = loss_and_slope(derivative.program, tasks(), presets, derivative.prediction)
        _, difference, noise = finite_differences(program, place, tasks())
        assert math.isclose(slope, difference, rel_tol=1e-5, abs_tol=10 * noise), line


def try_search() -> None:
    """Evolution writes both ops: the label is the square of the sum."""
    X = np.random.default_rng(2).normal(size=(4, 60, 3))
    y = X.sum(axis=2) ** 2
    Path("seed.az").write_text(
        "registers(scalars=4, vectors=1, matrices=1)\nsearch(setup=1, predict=3, learn=1)\n"
        "ops(s - s, scalar_square, sum)\ndef Setup():\ndef Predict():\ndef Learn():\n"
    )
    data = azdsl.TaskSet.from_arrays(X[:, :30], y[:, :30], X[:, 30:], y[:, 30:])
    found = azdsl.evolve(
        "seed.az", data, max_evals=50_000, target=0.9999, population=100, islands=1, workers=1, quiet=True
    )
    assert found.search_fitness > 0.9999, found.search_fitness
    assert "square(" in str(found.best) and "sum(" in str(found.best)


def try_documents() -> None:
    listed = {row["name"]: row for row in json.loads(command("ops", "--json"))["ops"]}
    assert listed["matrix_square"]["doc"] == "Square, entry by entry."
    assert listed["vector_sum"]["text"] == "s = sum(v)"
    groups = json.loads(command("ops", "--json"))["groups"]
    assert set(OPS[:3]) < set(groups["arithmetic"]) and "vector_sum" in groups["statistics"]
    table = (Path(azdsl.__file__).parents[1] / "grammar" / "OPS.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in table for name in OPS)


def try_editors() -> None:
    from pygments.token import Name

    from azdsl.pygments import AzLexer

    grammar = (Path(azdsl.__file__).parents[1] / "grammar" / "vscode" / "azdsl.tmLanguage.json").read_text(
        encoding="utf-8"
    )
    for name, text in PROGRAMS.items():
        assert (Name.Builtin, name) in AzLexer().get_tokens(text)
        assert f"|{name}|" in grammar


def try_costs() -> None:
    costs = {name: BY_NAME[name].cost(4) for name in OPS}
    assert costs == {"scalar_square": 1, "vector_square": 4, "matrix_square": 16, "vector_sum": 4}
    for text in PROGRAMS.values():
        assert azdsl.evaluate(azdsl.parse(text), tasks(), backend="auto").fitness > 0


def try_simplification() -> None:
    from azdsl.ir.simplify import simplify

    for text in PROGRAMS.values():
        program = azdsl.parse(text)
        same = azdsl.evaluate([program, simplify(program)], tasks()).task_fitness
        assert same[0].tobytes() == same[1].tobytes()
    twice = simplify(azdsl.parse("def Predict():\n  s2 = sum(v0)\n  s3 = sum(v0)\n  s1 = s2 - s3\n"))
    assert str(twice).count("sum(") == 1
    nothing = simplify(azdsl.parse("def Predict():\n  s2 = sum(v3)\n  s1 = square(s2)\n"))
    assert "sum(" not in str(nothing) and "square(" not in str(nothing)
    unfolded = simplify(azdsl.parse("def Predict():\n  s2 = 0.1\n  v2 = bcast(s2)\n  s1 = sum(v2)\n"))
    assert "sum(" in str(unfolded)  # depends on the number of features


def tried() -> dict[str, str]:
    """By part: empty, or the traceback of its failure."""
    results = {}
    for name, function in list(globals().items()):
        if name.startswith("try_"):
            try:
                function()
                results[name] = ""
            except BaseException:
                results[name] = traceback.format_exc()
    return results


if __name__ == "__main__":
    import os

    os.chdir(sys.argv[1])
    print(json.dumps({"package": azdsl.__file__, "results": tried()}))
