"""The named style: its text parses to a program with the same fitness, and its names say what values are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import BANKS, METRIC_NAMES, programs, random_program, random_tasks, task_sets

from azdsl.cli import main
from azdsl.config.search import Registers
from azdsl.export.readable.named import named
from azdsl.export.readable.naming import infer
from azdsl.export.readable.rounding import round_constants
from azdsl.export.readable.statements import TooManyRegisters, readable
from azdsl.interp import evaluate
from azdsl.ir import RMSE, Address, Instruction, Program
from azdsl.ir.simplify import simplify
from azdsl.ops import BY_NAME, Kind
from azdsl.syntax import load, parse

EXAMPLES = Path(__file__).parents[2] / "examples"
WIDE = "registers(scalars=64, vectors=64, matrices=64)\n"
NARROW = Registers(scalars=4, vectors=3, matrices=1)


def read_back(program, metric):
    """The program that the named text parses to."""
    task = "task sklearn(iris, metric=multiclass)\n" if metric.vector else ""
    return parse(task + WIDE + named(program, metric))


def check(program, tasks, seed):
    again = read_back(program, tasks.metric_definition)
    assert evaluate(again, tasks, seed=seed) == evaluate(program, tasks, seed=seed), named(
        program, tasks.metric_definition
    )


@pytest.mark.parametrize("metric", METRIC_NAMES)
@settings(max_examples=40)
@given(st.data())
def test_reads_back_with_the_same_fitness(metric, data):
    tasks = data.draw(task_sets(tasks=2, max_examples=4, metric=metric))
    check(data.draw(programs(metric=tasks.metric_definition)), tasks, data.draw(st.integers(0, 2**64 - 1)))


LEARNERS = ("affine", "figure5", "linear", "network")


def around(learner, noise):
    """A program that learns, after random instructions, so that it still has roles."""
    return Program(*(a + b for a, b in zip(noise.functions, learner.functions, strict=True)))


def test_reads_back_with_the_same_fitness_in_bulk():
    seen: Counter[str] = Counter()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        tasks = random_tasks(rng, features=int(rng.integers(1, 5)), tasks=2, max_examples=4)
        banks = NARROW if seed % 2 else BANKS
        program = random_program(
            rng, registers=banks, max_length=int(rng.choice([4, 8, 16])), metric=tasks.metric_definition
        )
        if seed % 3 == 0:
            program = around(load(EXAMPLES / f"{LEARNERS[seed % len(LEARNERS)]}.az"), program)
        check(program, tasks, seed)
        form = readable(program, tasks.metric_definition)
        seen.update(role.name for role in form.roles.values())
        seen["nested"] += sum(map(len, form.functions)) < len(form.form.listing)
    assert seen["nested"] > 100 and len(seen) > 15, seen


@pytest.mark.parametrize("op", ["m0 / m0", "1 / m0", "m0 * m1"])
def test_the_kind_of_what_is_made_of_unwritten_registers_is_read_back(op):
    """Only norm(x, axis=0) implies that x is a matrix, and therefore that dot(x, …) is a vector."""
    learn = "def Learn():\n  m0 = m0 * m1\n"
    body = f"  m1 = {op}\n  v3 = norm(m1, axis=0)\n  v3 = dot(m1, v3)\n  v2 = heaviside(v3, 1.0)\n"
    program = parse(f"def Predict():\n{body}{learn}")
    tasks = random_tasks(np.random.default_rng(0), features=3, tasks=2, metric="multiclass")
    check(program, tasks, 0)


@pytest.mark.parametrize("name", ["affine", "figure5", "linear", "network"])
def test_examples_read_back_as_their_simplest_form(name):
    program = load(EXAMPLES / f"{name}.az")
    assert simplify(read_back(program, RMSE)) == simplify(program)


def names(path: str) -> dict[str, str]:
    """Names and reasons of the targets of statements."""
    form = readable(load(EXAMPLES / path))
    written = [s.target for statements in form.functions for s in statements]
    return {form.names[v]: form.roles[v].reason for v in written if v in form.roles}


def test_figure_5_is_named_as_the_paper_comments_it():
    text = named(load(EXAMPLES / "figure5.az"))
    for line in (
        "hidden_weights: matrix = gaussian(-1e-10, 9e-09, (n_features, n_features))",
        "learning_rate = 4.1",
        "output_weights: vector = gaussian(-0.033, 0.01, n_features)",
        "pre_activation = dot(hidden_weights, features)",
        "hidden = maximum(0, pre_activation)  # ReLU of pre_activation",
        "prediction = dot(hidden, output_weights)",
        "relu_gradient = heaviside(pre_activation, 1.0)",
        "error = label - prediction",
        "output_weights_gradient = error * learning_rate * relu_gradient",
        "hidden_gradient = output_weights_gradient * output_weights",
        "hidden_weights = hidden_weights + outer(hidden_gradient, features)",
        "output_weights = output_weights_gradient + output_weights",
    ):
        assert f"  {line}" in text


def test_the_network_is_named():
    found = names("network.az")
    assert {
        "hidden_weights",
        "output_weights",
        "hidden_bias",
        "output_bias",
        "learning_rate",
        "error",
        "step",
    } <= found.keys()
    assert found["hidden"] == "ReLU of pre_activation" and "hidden_gradient" in found and "relu_gradient" in found


def test_a_linear_model_is_three_lines():
    assert names("affine.az").keys() == {"learning_rate", "error", "step", "weights", "bias"}
    body = named(load(EXAMPLES / "linear.az")).splitlines()
    assert body[-1].startswith("  weights = weights + error * learning_rate * features")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "def Predict():\n  v2 = gaussian(0, 1)\n  v2 = v0 + v2\n  s1 = dot(v1, v2)\n",
            {"input_noise", "noisy_features"},
        ),
        (
            "def Predict():\n  s4 = norm(v0)\n  s4 = 1 / s4\n  v2 = s4 * v0\n  s1 = dot(v1, v2)\n",
            {"features_norm", "normalized_features"},
        ),
    ],
)
def test_noisy_and_normalized_features_are_named(text, expected):
    learn = "def Learn():\n  s3 = s0 - s1\n  s4 = 0.1\n  s3 = s3 * s4\n  v3 = s3 * v0\n  v1 = v1 + v3\n"
    form = readable(parse(text + learn))
    assert expected | {"weights"} <= {role.name for role in form.roles.values()}


def test_decay_and_momentum_are_named():
    text = """
def Setup():
  s2 = 0.1
  s5 = 0.9
  s6 = 0.99
def Predict():
  s1 = dot(v1, v0)
def Learn():
  s3 = s0 - s1
  s3 = s3 * s2
  v2 = s3 * v0
  v3 = s5 * v3
  v3 = v3 + v2
  v1 = s6 * v1
  v1 = v1 + v3
"""
    form = readable(parse(text))
    found = {form.names[v] for v in form.names}
    assert {"momentum", "decay", "decay_2", "learning_rate", "weights", "error"} <= found


SGD = "  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n"
"""The error, the step, and the gradient of a linear model in v2."""


@pytest.mark.parametrize(
    ("setup", "predict", "learn", "expected"),
    [
        # Weights stay weights when they are scaled, or updated in Predict, before they are multiplied.
        (
            "  s2 = 0.4\n",
            "  v3 = s2 * v1\n  s1 = dot(v3, v0)\n",
            SGD + "  v1 = v1 + v2\n",
            {"v1": "weights", "s2": "learning_rate"},
        ),
        ("  s2 = 0.4\n", "  v1 = v1 + v2\n  s1 = dot(v1, v0)\n", SGD, {"v1": "weights", "v2": "delayed_gradient"}),
        # A step that waits for the next example gathers nothing: it is no momentum, and its factor no decay.
        ("  s2 = 0.4\n", "  s1 = dot(v1, v0)\n", "  v1 = v1 + v2\n" + SGD, {"v1": "weights", "v2": "delayed_gradient"}),
        (
            "  s2 = 0.4\n",
            "  v2 = s2 * v2\n  s1 = dot(v1, v0)\n",
            "  v1 = v1 + v2\n" + SGD,
            {"v2": "delayed_gradient", "s2": "learning_rate"},
        ),
        (
            "  s2 = 0.4\n",
            "  v2 = v2 + v2\n  s1 = dot(v1, v0)\n",
            "  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = v2 + v0\n  v2 = s3 * v2\n  v1 = v1 + v2\n",
            {"v1": "weights", "v2": "gradient"},
        ),
        # What Learn sets to the same number every time was not learned.
        (
            "  s2 = 0.4\n  s4 = 0.1\n",
            "  s1 = dot(v1, v0)\n",
            SGD + "  v1 = v1 + v2\n  s2 = s4\n  s2 = s2 + s4\n",
            {"s2": "learning_rate"},
        ),
        (
            "  s2 = 0.4\n",
            "  s5 = dot(v1, v0)\n  s1 = s5 * s6\n",
            SGD + "  v1 = v1 + v2\n  s6 = 0.3\n",
            {"s6": "setting"},
        ),
        # Labels that are added up are no gradient.
        (
            "  s2 = 0.4\n  s6 = 1.0\n",
            "  v3 = v0 - v1\n  s1 = dot(v3, v3)\n",
            "  s6 = s6 + s0\n  s5 = s0 / s6\n  v3 = s5 * v3\n  v1 = v1 + v3\n",
            {"v1": "center", "s6": "label_total"},
        ),
        (
            "  s2 = 0.4\n",
            "  s5 = dot(v1, v0)\n  s1 = s5 + s4\n",
            SGD + "  v1 = v1 + v2\n  s4 = norm(v0)\n",
            {"s4": "last_features"},
        ),
    ],
)
def test_states_are_named_for_their_use(setup, predict, learn, expected):
    form = readable(parse(f"def Setup():\n{setup}def Predict():\n{predict}def Learn():\n{learn}"))
    graph = form.form.graph
    roles = infer(graph)
    found = {str(address): roles[state.number].name for address, state in graph.states.items() if state.number in roles}
    found |= {
        str(a): roles[v.number].name for a, v in graph.exits[0].items() if a not in graph.states and v.number in roles
    }
    assert {name: found.get(name) for name in expected} == expected


def test_an_error_of_weights_that_were_just_updated_is_named():
    predict = "def Predict():\n  s1 = dot(v1, v0)\n"
    learn = "def Learn():\n  v1 = v1 + v2\n  s4 = dot(v1, v0)\n  s3 = s0 - s4\n  s3 = s3 * s2\n  v2 = s3 * v0\n"
    text = named(parse("def Setup():\n  s2 = 0.4\n" + predict + learn))
    assert "  error = label - dot(weights, features)  # label minus the prediction after this step's updates" in text


def test_many_nested_sums_are_named_quickly():
    doubled = "  v1 = v1 + v1\n" * 60
    form = readable(
        parse(
            f"def Predict():\n  s1 = dot(v1, v0)\ndef Learn():\n  s3 = s0 - s1\n  v2 = s3 * v0\n  v1 = v1 + v2\n{doubled}"
        )
    )
    assert "weights" in form.names.values()


def test_constants_are_rounded_as_far_as_the_fitness_allows():
    program = parse(
        "def Setup():\n  s2 = 0.1234567\n  s3 = 7.000001\ndef Predict():\n  s4 = s2 + s3\n  s1 = dot(v0, v1)\n  s1 = s1 * s3\ndef Learn():\n"
    )

    def fitness(candidates):
        return [
            1.0 - abs(c.setup[0].constants[0] - 0.123) if c.setup[0].constants[0] < 0.1236 else 0.5 for c in candidates
        ]

    rounded = round_constants(program, fitness, tolerance=5e-4)
    assert [i.constants for i in rounded.setup] == [(0.123,), (7.0,)]
    assert abs(fitness([rounded])[0] - fitness([program])[0]) <= 5e-4

    def other(candidates):
        return [1.0 - abs(c.setup[1].constants[0] - 7.000001) for c in candidates]

    both = round_constants(program, fitness, other, tolerance=5e-7)
    assert [i.constants for i in both.setup] == [(0.123457,), (7.000001,)]


def test_a_program_with_fitness_0_is_not_rounded():
    program = parse("def Setup():\n  s2 = 0.1234567\n")
    assert round_constants(program, lambda candidates: [0.0] * len(candidates)) == program


def test_show_prints_a_file_that_scores_the_same(tmp_path, capsys):
    """Also if the file has too few registers for the temporaries of nested expressions."""
    path = tmp_path / "a.az"
    assert main(["show", "--style", "named", "--exact", str(EXAMPLES / "linear.az"), "-o", str(path)]) == 0
    results = []
    for file in (EXAMPLES / "linear.az", path):
        assert main(["score", str(file), "--tasks", "3", "--backend", "vm", "--json"]) == 0
        results.append(capsys.readouterr().out.replace(str(file), ""))
    assert results[0] == results[1]


def test_options_that_do_not_fit_are_refused(capsys):
    for arguments in (["--style", "numpy", "--exact"], ["--style", "named", "--raw"], ["--standalone"]):
        assert main(["show", str(EXAMPLES / "linear.az"), *arguments]) == 2
        assert "goes with --style" in capsys.readouterr().err


def test_too_many_values_are_a_user_error(tmp_path, capsys):
    scalar = [Address(Kind.SCALAR, i) for i in range(64)]
    predict = []
    for i in range(70):
        predict.append(Instruction(BY_NAME["const"], (), scalar[4], (i + 0.5,)))
        predict.append(Instruction(BY_NAME["scalar_add"], (scalar[1], scalar[4]), scalar[1]))
    program = Program((), tuple(predict), ())
    with pytest.raises(TooManyRegisters):
        named(program)
    path = tmp_path / "a.az"
    path.write_text(str(program))
    assert main(["show", "--style", "graph", str(path)]) == 2
    assert "use --style canonical" in capsys.readouterr().err


@pytest.mark.parametrize("style", ["named", "numpy", "latex", "sympy", "graph"])
def test_names_in_a_file_reach_no_generated_file(style, tmp_path, capsys):
    path = tmp_path / 'odd"""\nname*.az'
    path.write_text(
        'task file(data="x\'\'\'*/.csv")\ndef Setup():\n  hacked_by = 0.1  # """ os.system\n'
        "def Predict():\n  evil = dot(v1, features)\n  prediction = evil * hacked_by\n"
    )
    arguments = ["--exact"] if style in ("named", "latex") else []
    assert main(["show", "--style", style, *arguments, str(path)]) == 0
    text = capsys.readouterr().out
    assert not [word for word in ("hacked_by", "evil", "os.system", "odd") if word in text]
    assert style == "named" or "*/" not in text
