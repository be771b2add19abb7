"""Simplification keeps every bit, and every rule is used."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import BANKS, METRIC_NAMES, programs, random_program, random_tasks, task_sets

from azdsl.config.search import Registers
from azdsl.interp import evaluate
from azdsl.ir import Address, Instruction, Metric, Program, liveness, remove_dead_code
from azdsl.ir.rewrite_rules import IDENTITIES
from azdsl.ir.simplify import simplified, simplify
from azdsl.ops import BY_NAME, Kind
from azdsl.syntax import parse

NARROW = Registers(scalars=4, vectors=3, matrices=1)


def draws(program: Program, metric: Metric) -> list[str]:
    """The live draws in order: op and constants of each."""
    flags = [flag for block in liveness(program, metric) for flag in block]
    pairs = zip(program.instructions, flags, strict=True)
    return [f"{i.op.name}{i.constants}" for i, live in pairs if live and i.op.random]


def check(program, tasks, seed, precision=64):
    form = simplified(program, tasks.metric_definition, precision)
    assert form is not None
    expected = evaluate(program, tasks, seed=seed, precision=precision)
    for smaller in (form.program, simplify(program, tasks.metric_definition, precision)):
        assert evaluate(smaller, tasks, seed=seed, precision=precision) == expected, f"{program}\n{smaller}"
        assert draws(smaller, tasks.metric_definition) == draws(program, tasks.metric_definition)
        assert remove_dead_code(smaller, tasks.metric_definition) == smaller
    return form


@pytest.mark.parametrize("metric", METRIC_NAMES)
@settings(max_examples=40)
@given(st.data())
def test_keeps_the_fitness(metric, data):
    tasks = data.draw(task_sets(tasks=2, max_examples=5, metric=metric))
    program = data.draw(programs(metric=tasks.metric_definition))
    check(program, tasks, data.draw(st.integers(0, 2**64 - 1)), data.draw(st.sampled_from((64, 32))))


def test_a_constant_beyond_float32_is_infinity_there_without_a_warning():
    for precision in (64, 32):
        program = parse(
            "def Setup():\n  s2 = 1e300\n  s3 = abs(s2)\ndef Predict():\n  s1 = s3 * s0\ndef Learn():\n  s1 = 1e300\n"
        )
        check(program, random_tasks(np.random.default_rng(0), features=2, tasks=2, max_examples=4), 0, precision)


def test_keeps_the_fitness_in_bulk_and_is_not_vacuous():
    fired: Counter[str] = Counter()
    before = after = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        tasks = random_tasks(rng, features=int(rng.integers(1, 6)), tasks=2, max_examples=4)
        length = int(rng.choice([4, 8, 16]))
        program = random_program(
            rng, registers=NARROW if seed % 2 else BANKS, max_length=length, metric=tasks.metric_definition
        )
        form = check(program, tasks, seed, 64 if seed % 3 else 32)
        fired += form.fired
        before += len(remove_dead_code(program, tasks.metric_definition))
        after += len(simplify(program, tasks.metric_definition))
    assert after < 0.9 * before
    for name, least in {"merge": 30, "fold": 300, "copy": 80, "hoist": 30, "same_again": 10, "transposed": 2}.items():
        assert fired[name] >= least, fired


ONE = "  s2 = 1\n  s3 = -1\n  s9 = -0.0\n  v5 = bcast(s2)\n  m5 = bcast(v5, axis=0)\n"
CASES = {
    "copy": ("s1 = minimum(s0, s0)", "v1 = maximum(v0, v0)"),
    "times_one": ("s1 = s4 * s2", "s4 = s4 / s2", "v2 = s2 * v0", "v2 = v0 / v5"),
    "plus_nothing": ("s4 = s4 - s8", "s4 = s4 + s9", "s4 = s9 + s4"),
    "same_again": (
        "v2 = maximum(v0, v9)\n  v2 = maximum(v2, v9)",
        "s4 = norm(v0)\n  s4 = abs(s4)",
        "v2 = heaviside(v0)\n  v2 = heaviside(v2)",
    ),
    "transposed": (
        "m1 = transpose(m1)\n  m1 = transpose(m1)",
        "m1 = outer(v0, v1)\n  m1 = transpose(m1)",
        "m1 = bcast(v0, axis=0)\n  m1 = transpose(m1)",
        "m1 = bcast(v0, axis=1)\n  m1 = transpose(m1)",
    ),
    "reciprocal": ("s4 = norm(v0)\n  s4 = s2 / s4", "v2 = v5 / v0"),
    "scaling": (
        "s4 = norm(v0)\n  v2 = bcast(s4)\n  v2 = v2 * v0",
        "s4 = norm(v0)\n  v2 = bcast(s4)\n  m2 = bcast(v2, axis=0)\n  m1 = outer(v0, v0)\n  m1 = m1 * m2",
    ),
    "signs": (
        "s4 = norm(v0)\n  s5 = s3 * s4\n  s4 = s3 * s5",
        "v2 = s3 * v1\n  v2 = v0 + v2",
        "v2 = s3 * v1\n  v2 = v2 + v0",
        "v2 = s3 * v1\n  v2 = v0 - v2",
    ),
    "set_again": ("v1[0.2] = 3\n  v1[0.2] = 4", "v9[0.2] = 0"),
}
TAIL = (
    "\n  s5 = norm(v0)\n  s6 = norm(m1)\n  s7 = norm(v2)\n  s1 = s4 + s5\n  s1 = s1 + s6\n  s1 = s1 + s7\n"
    "  s7 = dot(v1, v0)\n  s7 = s7 + s1\n  s1 = dot(v9, v0)\n  s1 = s1 + s7\n"
)
LEARN = "def Learn():\n  s7 = s0 - s1\n  v3 = s7 * v0\n  s7 = 0.01\n  v3 = s7 * v3\n  v1 = v1 + v3\n  m1 = outer(v1, v0)\n  s4 = s4 + s0\n"


@pytest.mark.parametrize(("rule", "lines"), [(rule, lines) for rule, cases in CASES.items() for lines in cases])
def test_each_identity_fires_and_is_exact(rule, lines):
    program = parse(f"registers(scalars=20)\ndef Setup():\n{ONE}def Predict():\n  {lines}{TAIL}{LEARN}")
    for seed in range(3):
        tasks = random_tasks(np.random.default_rng(seed), features=3, tasks=2, metric="rmse")
        form = check(program, tasks, seed)
    if rule != "copy":
        assert form.fired[rule] >= 1, form.fired


def test_every_identity_has_a_case():
    assert {rule.__name__ for rule in IDENTITIES} == set(CASES)


@pytest.mark.parametrize(
    "lines",
    [
        "s4 = s8 + s4",  # 0 + -0.0 is 0.0
        "s4 = s4 + s8",
        "s4 = s4 - s9",
        "s4 = s4 - s4",
        "s4 = s8 * s4",
        "s4 = s4 / s4",
        "s4 = 1 / s4\n  s4 = 1 / s4",
    ],
)
def test_inexact_algebra_is_left_alone(lines):
    text = f"def Setup():\n  s9 = -0.0\ndef Predict():\n  s4 = norm(v0)\n  {lines}\n  s1 = 1 / s4\ndef Learn():\n"
    form = simplified(parse(text))
    assert form and not set(form.fired) - {"hoist", "merge"}


def test_a_never_written_register_is_zero():
    assert (
        simplify(parse("def Predict():\n  s4 = s9 * s9\n  s5 = dot(v8, v8)\n  s4 = s4 + s5\n  s1 = s4 + s4\n")).predict
        == parse("def Predict():\n  s1 = 0\n").predict
    )


def test_folding_is_in_the_arithmetic_asked_for():
    program = parse(
        "def Setup():\n  s2 = 0.1\n  s3 = 0.2\n  s4 = s2 + s3\ndef Predict():\n  s5 = norm(v0)\n  s1 = s4 * s5\n"
    )
    (wide, narrow) = (simplify(program, precision=p).setup[0].constants[0] for p in (64, 32))
    assert wide == 0.1 + 0.2
    assert narrow == float(np.float32(0.1) + np.float32(0.2)) != wide


def test_infinities_are_not_folded():
    program = parse("def Setup():\n  s2 = 1e300\n  s3 = s2 * s2\ndef Predict():\n  s1 = s3\n")
    assert BY_NAME["scalar_multiply"] in {i.op for i in simplify(program).instructions}


def test_constants_of_learn_move_to_setup():
    program = parse(
        "def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  s3 = 0.5\n  s4 = s0 - s1\n  s4 = s3 * s4\n  v2 = s4 * v0\n  v1 = v1 + v2\n"
    )
    assert str(simplify(program)).startswith(
        "def Setup():\n  s2 = 0.5\ndef Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  s3 = s0 - s1\n"
    )


def test_swapped_states_are_swapped():
    """Two registers that exchange their values need a third."""
    text = "def Setup():\n  s2 = 1\n  s3 = 2\ndef Predict():\n  s5 = s2\n  s2 = s3\n  s3 = s5\n  s1 = s2 - s3\ndef Learn():\n  s3 = s2 * s3\n"
    tasks = random_tasks(np.random.default_rng(1), features=2, tasks=2, metric="rmse")
    check(parse(text), tasks, 0)


def test_learn_keeps_what_predict_overwrites():
    text = (
        "def Predict():\n  s5 = s2\n  s2 = norm(v0)\n  s1 = s2 * s3\ndef Learn():\n"
        "  s4 = s0 - s1\n  s3 = s4 * s5\n  s5 = s2 * s2\n  s3 = s3 / s5\n"
    )
    tasks = random_tasks(np.random.default_rng(1), features=2, tasks=2, metric="rmse")
    check(parse(text), tasks, 0)


def test_more_values_than_registers_only_lose_dead_code():
    scalar = [Address(Kind.SCALAR, i) for i in range(64)]
    const, add = BY_NAME["const"], BY_NAME["scalar_add"]
    learn = [Instruction(const, (), scalar[2], (float(i),)) for i in range(3)]
    predict = []
    for i in range(70):
        predict.append(Instruction(BY_NAME["vector_norm"], (Address(Kind.VECTOR, 0),), scalar[3]))
        predict.append(Instruction(const, (), scalar[4], (i + 0.5,)))
        predict.append(Instruction(add, (scalar[1], scalar[4]), scalar[1]))
        predict.append(Instruction(add, (scalar[1], scalar[3]), scalar[1]))
    program = Program((), tuple(predict), tuple(learn))
    assert simplified(program) is None
    assert len(simplify(program)) == len(predict)
