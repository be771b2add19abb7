"""Derivatives against finite differences: every op on its own, then whole training runs of generated programs."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from strategies import METRIC_NAMES, PAPER_OPS, random_program, random_tasks
from tuning.losses import constant, constant_places, finite_differences, loss_and_slope, with_constant

from azdsl.codegen.loss_gradient import Slopes
from azdsl.ir import Program, remove_dead_code
from azdsl.ops import OPS, Kind, Op, Role
from azdsl.syntax import parse
from azdsl.taskset import TaskSet
from azdsl.tuning.differentiate import Derivative, TooLarge, differentiate

STEPS = {"heaviside"}
"""Ops that are flat wherever they have a derivative."""


def slope(program: Program, derivative: Derivative, places, number: int, tasks) -> tuple[float, float]:
    """Loss and slope in one constant by the derivative, interpreted."""
    presets = {a: constant(program, place) for a, place in zip(derivative.constants, places, strict=True)}
    presets |= {a: float(at == number) for at, a in enumerate(derivative.changes)}
    return loss_and_slope(derivative.program, tasks, presets, derivative.prediction)


def program_around(op: Op) -> str:
    """A program whose prediction depends on one execution of ``op``, at operands that depend on a constant."""
    operands = {"s": ("s3", "s4"), "v": ("v2", "v3"), "m": ("m1", "m2")}
    slots = {slot: operands[kind.value][at] for at, (slot, kind) in enumerate(zip("ab", op.inputs, strict=False))}
    constants = {f"c{at}": ("0.5", "0.6", "0.7")[at] for at in range(len(op.constants))}
    out = {Kind.SCALAR: "s5", Kind.VECTOR: "v5", Kind.MATRIX: "m5"}[op.output]
    last = {
        Kind.SCALAR: "s1 = sin(s5)",
        Kind.VECTOR: "s1 = dot(v5, v1)",
        Kind.MATRIX: "v5 = dot(m5, v1)\n  s1 = dot(v5, v4)",
    }
    return f"""def Setup():
  s2 = 0.4
  v1 = gaussian(0.5, 1, n_features)
  v4 = gaussian(-0.5, 1, n_features)
  m0 = gaussian(0.25, 1, (n_features, n_features))
def Predict():
  s3 = s2 * s2
  s4 = cos(s2)
  v2 = s2 * v0
  v3 = v2 * v2
  v3 = v3 - v4
  m1 = s2 * m0
  m2 = outer(v3, v1)
  v5 = s2 * v1
  m5 = s2 * m0
  {op.template.format(out=out, **slots, **constants)}
  {last[op.output]}
def Learn():
"""


@pytest.mark.parametrize("op", OPS[1:], ids=lambda op: op.name)
def test_every_op(op: Op):
    """At a generic point, in every constant, to five digits; a step's own contribution is exactly nothing."""
    X, y = np.random.default_rng(2).normal(size=(1, 2, 3)), np.array([[0.3, -0.7]])
    tasks = TaskSet.from_arrays(X, y, X, y)
    program = remove_dead_code(parse(program_around(op)))
    places = constant_places(program)
    assert places
    derivative = differentiate(program, places)
    slopes = []
    for number, place in enumerate(places):
        _, narrow, noise = finite_differences(program, place, tasks)
        loss, found = slope(program, derivative, places, number, tasks)
        assert loss == pytest.approx(loss_and_slope(program, tasks)[0], rel=1e-12)
        assert math.isfinite(found)
        assert found == pytest.approx(narrow, rel=1e-5, abs=10 * noise + 1e-9), place
        slopes.append(found)
    of_constant = any(role is not Role.INDEX for role in op.constants)
    if op.callee not in STEPS or op.updates or of_constant:
        assert any(slopes)


def test_whole_training_runs():
    """Random programs of all ops, metrics and several epochs; every constant in which the loss is smooth."""
    rng = np.random.default_rng(5)
    compared, nonzero, metrics = 0, 0, Counter[str]()
    ops: Counter[str] = Counter()
    for case in range(400):
        metric = METRIC_NAMES[case % len(METRIC_NAMES)]
        tasks = random_tasks(rng, features=3, tasks=1, metric=metric, max_examples=3)
        program = remove_dead_code(
            random_program(rng, PAPER_OPS, metric=tasks.metric_definition), tasks.metric_definition
        )
        places = [p for p in constant_places(program) if 1e-9 < abs(constant(program, p)) < 1e9][:4]
        if not places or not math.isfinite(loss_and_slope(program, tasks)[0]):
            continue
        try:
            derivative = differentiate(program, places, tasks.metric_definition)
        except TooLarge:
            continue
        for number, place in enumerate(places):
            wide, narrow, noise = finite_differences(program, place, tasks)
            if derivative.prediction is None:
                assert narrow == 0.0
                continue
            found = slope(program, derivative, places, number, tasks)[1]
            smooth = abs(wide - narrow) <= 1e-5 * abs(narrow) + noise
            if not smooth or not math.isfinite(found):
                continue
            assert found == pytest.approx(narrow, rel=1e-3, abs=30 * noise + 1e-12), (case, place, str(program))
            compared += 1
            nonzero += abs(narrow) > 30 * noise
            metrics[metric] += 1
            if abs(narrow) > 30 * noise:
                ops.update(i.op.name for i in program.instructions)
    assert compared > 200 and nonzero > 80 and len(ops) >= 60 and min(metrics.values()) > 50


def test_compiled_as_interpreted():
    """Machine code gives the interpreter's loss and slope, bit for bit but for its own sums of the loss."""
    rng = np.random.default_rng(11)
    checked = 0
    for case in range(12):
        metric = METRIC_NAMES[case % len(METRIC_NAMES)]
        tasks = random_tasks(rng, features=3, tasks=5, metric=metric, max_examples=6)
        program = remove_dead_code(
            random_program(rng, PAPER_OPS, metric=tasks.metric_definition, max_length=5), tasks.metric_definition
        )
        places = constant_places(program)[:3]
        if not places:
            continue
        derivative = differentiate(program, places, tasks.metric_definition)
        if derivative.prediction is None:
            continue
        presets = (*derivative.constants, *derivative.changes)
        slopes = Slopes(derivative.program, presets, derivative.prediction, tasks, seed=3)
        values = [*(constant(program, place) for place in places), 1.0, *[0.0] * (len(places) - 1)]
        losses, found = slopes(values)
        for task in range(tasks.tasks):
            named = dict(zip(presets, values, strict=True))
            expected = loss_and_slope(derivative.program, tasks, named, derivative.prediction, task)
            assert (losses[task], found[task]) == pytest.approx(expected, rel=1e-9, nan_ok=True), (case, task)
            checked += math.isfinite(expected[1])
    assert checked > 15


def test_a_change_outlives_predict():
    """Once: a change that Learn reads was left to its reader in Predict and so lost."""
    text = """def Setup():
  rate = 0.01
  hidden = gaussian(0, 0.3)
  output = gaussian(0, 0.3)
def Predict():
  after = relu(dot(hidden, features))
  prediction = dot(after, output)
def Learn():
  output = output + rate * (label - prediction) * after
"""
    program = remove_dead_code(parse(text))
    tasks = random_tasks(np.random.default_rng(0), features=4, tasks=2, metric="rmse", epochs=1)
    places = constant_places(program)
    derivative = differentiate(program, places)
    slopes = Slopes(
        derivative.program, (*derivative.constants, *derivative.changes), derivative.prediction, tasks, seed=3
    )
    values = [constant(program, place) for place in places]
    for number, place in enumerate(places):
        found = slopes([*values, *(float(at == number) for at in range(len(places)))])[1][0]
        assert found == pytest.approx(finite_differences(program, place, tasks)[1], rel=1e-6)


def test_too_many_constants():
    text = (
        "def Setup():\n"
        + "".join(f"  s2 = s2 * s{3 + i}\n" for i in range(40))
        + "def Predict():\n  s1 = s2 * s2\ndef Learn():\n"
    )
    setup = "".join(f"  s{3 + i} = 1.5\n" for i in range(40))
    program = parse("registers(scalars=64)\n" + text.replace("def Setup():\n", "def Setup():\n  s2 = 1.5\n" + setup))
    with pytest.raises(TooLarge, match="64 scalar registers"):
        differentiate(program, constant_places(program))
    few = constant_places(program)[:3]
    assert with_constant(program, few[0], 1.5) == program
    assert differentiate(program, few).prediction is not None
