"""Rename: the same program with another name, or a message that says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import azdsl
from azdsl.lsp.names import occurrences
from azdsl.lsp.rename import RenameError, rename, renamed_at, replaced
from azdsl.syntax import parse_experiment

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = """\
def Setup():
  rate = 0.1  # the rate
def Predict():
  s1 = dot(w, v0)
def Learn():
  s5 = label - prediction
  v3 = rate * s5 * v0
  w = w + v3
"""


def fitness(text: str) -> list[float]:
    """Of the program in a text, on one small task of the metric of the file."""
    draws = np.random.default_rng(1)
    metric = task.metric_definition.name if (task := parse_experiment(text).task) else "rmse"
    X, y = draws.normal(size=(1, 8, 3)), draws.normal(size=(1, 8))
    labels = y if metric == "rmse" else (y > 0).astype(float) if metric == "accuracy" else np.arange(8.0)[None] % 3
    tasks = azdsl.TaskSet.from_arrays(X[:, :4], labels[:, :4], X[:, 4:], labels[:, 4:], metric=metric)
    return azdsl.evaluate(azdsl.parse(text), tasks, backend="reference").task_fitness.tolist()


@pytest.mark.parametrize(
    "name", ["nearest_mean", "network", "logistic", "figure5", "tables/softmax", "discover/solutions/bilinear"]
)
def test_a_renamed_program_is_the_same_program(name: str):
    text = (EXAMPLES / f"{name}.az").read_text("utf-8")
    before, renamed = fitness(text), 0
    for found in {one.name: one for one in occurrences(text)}.values():
        for new in ("fresh", "s77", "v77", "m77"):
            try:
                places = rename(text, found.start, new)
            except RenameError:
                continue
            after = replaced(text, places, new)
            assert found.name not in {one.name for one in occurrences(after)}
            assert fitness(after) == before, (found.name, new)
            renamed += 1
    assert renamed > 3


def test_only_names_change():
    at = TEXT.index("rate = 0.1")
    after = replaced(TEXT, rename(TEXT, at, "lr"), "lr")
    assert after == TEXT.replace("rate", "lr").replace("the lr", "the rate")
    keyword = "def Setup():\n  axis = 0.5\n  v2 = norm(m1, axis=0)\n  v3 = axis * v2\n"
    assert len(rename(keyword, keyword.index("axis"), "x")) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate = ", "w", "w is used already"),
        ("rate = ", "v3", "v3 is used already"),
        ("rate = ", "features", "features has a fixed meaning"),
        ("rate = ", "n_features", "n_features has a fixed meaning"),
        ("rate = ", "s0", "s0 has a fixed meaning"),
        ("rate = ", "pass", "pass has a fixed meaning"),
        ("rate = ", "2x", "'2x' is not a name"),
        ("rate = ", "a b", "'a b' is not a name"),
        ("rate = ", "v9", "the program would not be the same"),
        ("rate = ", "s99999", "the program would not be the same"),
        ("s1 = ", "x", "s1 has a fixed meaning"),
        ("label - ", "x", "label has a fixed meaning"),
        ("def Setup", "x", "only registers and variables"),
        ("0.1", "x", "only registers and variables"),
        ("# the", "x", "only registers and variables"),
    ],
)
def test_names_that_clash_are_refused(old: str, new: str, message: str):
    with pytest.raises(RenameError, match=message):
        rename(TEXT, TEXT.index(old), new)


def test_registers_of_several_classes_have_a_fixed_meaning():
    text = "def Predict():\n  predictions = dot(m1, v0)\ndef Learn():\n  v3 = v1 - v2\n  m1 = outer(v3, v0)\n"
    with pytest.raises(RenameError, match="v1 has a fixed meaning"):
        rename(text, text.index("v1"), "x")
    assert len(rename(text, text.index("m1"), "weights")) == 2


def test_a_text_with_an_error_is_left_alone():
    with pytest.raises(RenameError, match="the file has an error"):
        rename(TEXT + "  x = dot(\n", TEXT.index("rate"), "lr")
    assert renamed_at(TEXT + "  x = dot(\n", TEXT.index("rate")).name == "rate"


def test_a_register_that_nothing_assigns_cannot_become_a_variable():
    text = "def Predict():\n  s1 = s7 + s7\n"
    with pytest.raises(RenameError, match="s7 is never assigned"):
        rename(text, text.index("s7"), "zero")
    assert len(rename(text, text.index("s7"), "s8")) == 2
