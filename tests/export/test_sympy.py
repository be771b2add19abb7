"""Style sympy: the expressions, evaluated, are what the interpreter computes, but for rounding."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strategies import random_program

from azdsl.export.readable.numpy_templates import DRAWS
from azdsl.export.readable.op_text import NoText, python_text
from azdsl.export.readable.statements import readable
from azdsl.export.readable.sympy_source import HELPERS, LIBRARY, sympy_source
from azdsl.inspection import show
from azdsl.interp import Machine
from azdsl.ir import METRICS, Address, Metric, Program
from azdsl.ir.linearize import Sort
from azdsl.ops import OPS, Kind, Op
from azdsl.syntax import load, parse

sp = pytest.importorskip("sympy")

EXAMPLES = Path(__file__).parents[2] / "examples"
F = 3


def module(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "equations"}
    exec(compile(source, "equations.py", "exec"), space)
    return space


def evaluated(expressions: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Expressions with numbers for their symbols; ``values`` has a number or an array for each name."""
    numbers = {}
    for name, value in values.items():
        for index in np.ndindex(np.shape(value)):
            numbers["_".join([name, *map(str, index)])] = float(np.asarray(value)[index])
    flat = [entry for one in expressions.values() for entry in (one if isinstance(one, sp.MatrixBase) else [one])]
    flat = [sp.nan if entry.has(sp.zoo, sp.nan, sp.oo, sp.I) else entry for entry in flat]  # no real numbers
    symbols = sorted(set().union(*(entry.free_symbols for entry in flat)), key=str)
    with np.errstate(all="ignore"):
        found = sp.lambdify(symbols, flat, "numpy", cse=True)(*(numbers[str(symbol)] for symbol in symbols))
    found, result = iter(np.array(found, dtype=float)), {}
    for name, one in expressions.items():
        entries = [next(found) for _ in (one if isinstance(one, sp.MatrixBase) else [one])]
        result[name] = (
            np.reshape(entries, one.shape if one.shape[1] > 1 else -1) if isinstance(one, sp.MatrixBase) else entries[0]
        )
    return result


def same(got: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.ravel(got), np.ravel(expected), rtol=1e-7, atol=1e-9)


def drawn(draws: dict[str, str], seed: int, visit: int) -> dict[str, Any]:
    """The random numbers of the interpreter, by symbol."""
    space: dict[str, Any] = {"np": np}
    exec(DRAWS, space)
    source, found = space["Draws"](seed), {}
    for name, text in draws.items():
        call = ast.parse(text).body[0].value  # type: ignore[attr-defined]
        first, second, *shape = (ast.unparse(argument).replace("n_features", str(F)) for argument in call.args)
        size = ast.literal_eval(shape[0]) if shape else ()
        found[name] = getattr(source, call.func.id)(int(name[5:]), visit, float(first), float(second), size)
    return found


def follow(program: Program, metric: Metric, seed: int, examples: int) -> int:
    """Compare Setup, and Predict and Learn from the interpreter's values before each example; how many examples had finite values."""
    setup, predict, learn, draws = module(sympy_source(program, metric))["equations"](F)
    form = readable(program, metric)
    states = {form.names[v]: Address(v.kind, v.key) for v in form.names if v.sort is Sort.STATE and v.address is None}
    rng = np.random.default_rng(seed)
    machine = Machine(program, F, seed=seed, metric=metric)
    machine.run_setup()
    before = evaluated(setup, drawn(draws, seed, 0))
    for visit in range(1, examples + 1):
        known = before | {name: machine[address] for name, address in states.items()}
        if not all(np.all(np.isfinite(np.ravel(value))) for value in known.values()):
            return visit - 1
        if visit == 1:
            for name in states.keys() & before.keys():
                same(before[name], known[name])
        x, y = rng.normal(size=F).tolist(), float(rng.integers(0, 2)) if metric.classifies else float(rng.normal())
        known |= {"features": x, f"previous_{'predictions' if metric.vector else 'prediction'}": machine.prediction}
        known |= drawn(draws, seed, visit)
        prediction = machine.predict(x, visit)
        after = metric.squash(prediction, 2)
        middle = {name: machine[address] for name, address in states.items()}
        machine.prediction = after
        machine.learn(x, y, visit)
        reached = (prediction, *middle.values(), *(machine[address] for address in program.registers))
        if not all(np.all(np.abs(np.ravel(value)) < 1e6) for value in reached):
            return visit - 1
        name = "predictions" if metric.vector else "prediction"
        found = evaluated(predict, known)
        same(found.pop(name), prediction)
        for state, value in found.items():
            same(value, middle[state])
        known |= {name: after, "labels" if metric.vector else "label": machine.label(y)}
        for state, value in evaluated(learn, known).items():
            if state in states:
                same(value, machine[states[state]])
    return examples


@pytest.mark.parametrize("metric", METRICS)
def test_expressions_are_those_of_generated_programs(metric: str):
    followed = 0
    for seed in range(12):
        program = random_program(np.random.default_rng(seed), max_length=6, metric=METRICS[metric])
        followed += follow(program, METRICS[metric], seed, 2)
    assert followed >= 6


@pytest.mark.parametrize("name", ["linear", "affine", "network", "tables/softmax"])
def test_expressions_are_those_of_the_examples(name: str):
    metric = METRICS["multiclass" if "softmax" in name else "rmse"]
    assert follow(load(EXAMPLES / f"{name}.az"), metric, 1, 2) == 2


@pytest.mark.parametrize("op", [op for op in OPS if op.output and not op.random], ids=lambda op: op.name)
def test_every_op_computes_what_the_interpreter_computes(op: Op):
    rng = np.random.default_rng(op.code)
    shapes = {Kind.SCALAR: (), Kind.VECTOR: (F,), Kind.MATRIX: (F, F)}
    inputs = [rng.uniform(0.1, 0.9, size=shapes[kind]) for kind in op.inputs]
    old = rng.normal(size=shapes[op.output])
    constants = [0.4] * len(op.constants)
    context = {"old": old.tolist(), "features": F}
    expected = op.semantics(*(x.tolist() for x in inputs), *constants, **{name: context[name] for name in op.context})
    slots = {"a": "a", "b": "b", "old": "old"} | {f"c{n}": repr(c) for n, c in enumerate(constants)}
    values = {name: sp.Matrix(x) if x.ndim else sp.Float(float(x)) for name, x in zip("ab", inputs, strict=False)}
    space = (
        module("import sympy as sp\n" + "\n".join(HELPERS.values()))
        | values
        | {"n": F, "old": sp.Matrix(np.atleast_1d(old))}
    )
    got = eval(python_text(op, LIBRARY).format(**slots), space)
    same(np.array(got.tolist() if isinstance(got, sp.MatrixBase) else got, dtype=float), expected)


def test_the_module_needs_sympy_alone_and_prints_its_equations(tmp_path: Path):
    source = show(EXAMPLES / "linear.az", "sympy")
    file = tmp_path / "equations.py"
    file.write_text(source)
    printed = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True).stdout
    assert "  prediction = features_0*weights_0 + features_1*weights_1 + features_2*weights_2\n" in printed
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(n) for n in imports] == ["import sympy as sp"]


def test_the_gradient_of_the_error_is_the_update_of_the_linear_program():
    """What the expressions are for: the update of the weights is the learning rate times the gradient of half the squared error."""
    setup, predict, learn, _ = module(sympy_source(load(EXAMPLES / "linear.az")))["equations"](F)
    weights = sp.Matrix([sp.Symbol(f"weights_{i}", real=True) for i in range(F)])
    label, rate, prediction = (sp.Symbol(name, real=True) for name in ("label", "learning_rate", "prediction"))
    gradient = sp.Matrix([(label - predict["prediction"]) ** 2 / 2]).jacobian(weights).T
    change = (learn["weights"] - weights).subs(prediction, predict["prediction"])
    assert sp.simplify(change + rate * gradient) == sp.zeros(F, 1) and float(setup["learning_rate"]) == 0.001


def test_an_op_without_a_text_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(HELPERS, "norm")
    with pytest.raises(NoText, match="op vector_norm: SymPy has no function 'norm'"):
        python_text(next(op for op in OPS if op.name == "vector_norm"), LIBRARY)
    assert parse("def Predict():\n  s1 = norm(v0)\n")
