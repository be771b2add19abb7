"""The examples parse, are laid out canonically, and are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from azdsl.syntax import format_source, load, load_experiment, parse_experiment

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.rglob("*.az"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_example(path: Path) -> None:
    experiment = load_experiment(path)
    text = path.read_text("utf-8")
    assert experiment.task
    assert format_source(text) == text
    assert parse_experiment(str(experiment)) == experiment


def test_all_examples_are_there() -> None:
    names = (
        "linear",
        "affine",
        "network",
        "figure5",
        "diabetes",
        "cifar10",
        "mnist",
        "digits",
        "logistic",
        "nearest_mean",
    )
    names += ("few_examples", "fast_training", "many_classes", "past_linear", "backprop")
    assert {path.stem for path in FILES} >= set(names)


def test_the_demo_has_the_settings_of_the_reference() -> None:
    experiment = load_experiment(EXAMPLES / "linear.az")
    search = experiment.search
    lengths = (str(search.setup), str(search.predict), str(search.learn))
    assert (search.population, search.tournament, search.init, *lengths) == (1000, 10, "random", "10", "2", "8")
    assert [op.expression for op in experiment.ops[0]] == ["c", "dot(v, v)", "s - s", "s * s", "s * v", "v + v"]


def test_the_network_is_that_of_the_yardstick() -> None:
    program = load(EXAMPLES / "network.az")
    assert [i.op.shape for i in program.predict] == [
        "v = dot(m, v)",
        "v = v + v",
        "v = maximum(v, v)",
        "s = dot(v, v)",
        "s = s + s",
    ]
    assert [i.op.shape for i in program.learn] == [
        "s = s - s",
        "s = s * s",
        "s = s + s",
        "v = s * v",
        "v = v + v",
        "v = heaviside(v, 1.0)",
        "v = s * v",
        "v = v * v",
        "v = v + v",
        "m = outer(v, v)",
        "m = m + m",
    ]
