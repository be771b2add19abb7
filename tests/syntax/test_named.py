"""Named variables and expressions, and the instructions that they become."""

from __future__ import annotations

import textwrap

import pytest

from azdsl.syntax import format_source, parse


def lowered(text: str) -> str:
    return str(parse(textwrap.dedent(text)))


def canonical(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_stochastic_gradient_descent() -> None:
    text = """
    def Setup():
      lr = 0.01
    def Predict():
      prediction = dot(w, features) + b
    def Learn():
      err = label - prediction
      w = w + lr * err * features
      b = b + lr * err
    """
    assert lowered(text) == canonical("""
    def Setup():
      s2 = 0.01
    def Predict():
      s4 = dot(v1, v0)
      s1 = s4 + s3
    def Learn():
      s4 = s0 - s1
      s5 = s2 * s4
      v2 = s5 * v0
      v1 = v1 + v2
      s4 = s2 * s4
      s3 = s3 + s4
    """)


def _learn(*lines: str) -> list[str]:
    text = "def Learn():\n" + "".join(f"  {line}\n" for line in lines)
    return [line.strip() for line in str(parse(text)).splitlines()[3:]]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["v2 = v1 * s4"], ["v2 = s4 * v1"]),
        (["m2 = m1 * s4"], ["m2 = s4 * m1"]),
        (["v2 = v1 * 0.5"], ["s2 = 0.5", "v2 = s2 * v1"]),
        (["s4 = s3 * 0.5"], ["s2 = 0.5", "s4 = s3 * s2"]),
        (["v2 = 0.5 + v1"], ["s2 = 0.5", "v3 = bcast(s2)", "v2 = v3 + v1"]),
        (["m2 = m1 + 1"], ["s2 = 1", "v1 = bcast(s2)", "m0 = bcast(v1, axis=0)", "m2 = m1 + m0"]),
        (["v7 = maximum(0, v6)"], ["v7 = maximum(v1, v6)"]),
        (["v7 = relu(v6)"], ["v7 = maximum(v6, v1)"]),
        (["s3 = relu(s2)"], ["s3 = maximum(s2, s4)"]),
        (["m3 = relu(m2)"], ["m3 = maximum(m2, m0)"]),
        (["v7 = maximum(-0.0, v6)"], ["s2 = -0.0", "v1 = bcast(s2)", "v7 = maximum(v1, v6)"]),
        (["s2 = 1/s3"], ["s2 = 1 / s3"]),
        (["v2 = 1.0 / v1"], ["v2 = 1 / v1"]),
        (["s2 = 2 / s3"], ["s4 = 2", "s2 = s4 / s3"]),
        (["s2 = heaviside(s3)"], ["s2 = heaviside(s3, 1.0)"]),
        (["s2 = heaviside(s3, 1)"], ["s2 = heaviside(s3, 1.0)"]),
        (["v2 = gaussian(0, 1)"], ["v2 = gaussian(0, 1, n_features)"]),
        (["m2 = uniform(-1, 1)"], ["m2 = uniform(-1, 1, (n_features, n_features))"]),
        (["m2 = uniform(-1, 1, n_features, n_features)"], None),
        (["s2 = -s3"], ["s4 = -1", "s2 = s4 * s3"]),
        (["v2 = -v1"], ["s2 = -1", "v2 = s2 * v1"]),
        (["s2 = -3"], ["s2 = -3"]),
        (["s2 = --3"], ["s2 = 3"]),
        (["s2 = +s3"], ["s2 = maximum(s3, s3)"]),
        (["v2 = v1"], ["v2 = maximum(v1, v1)"]),
        (["v2 = 3"], ["s2 = 3", "v2 = bcast(s2)"]),
        (["v2 = 0"], ["v2 = bcast(s2)"]),
        (["s2 = 0"], ["s2 = 0"]),
        (["m2 = m0 @ m1"], ["m2 = matmul(m0, m1)"]),
        (["v2 = m0 @ v1"], ["v2 = dot(m0, v1)"]),
        (["s2 = v2 @ v1"], ["s2 = dot(v2, v1)"]),
        (["s2 = s3 - (s4 - s5)"], ["s6 = s4 - s5", "s2 = s3 - s6"]),
        (["s2 = s3 - s4 - s5"], ["s6 = s3 - s4", "s2 = s6 - s5"]),
        (["s2 = s3 + s4 * s5"], ["s6 = s4 * s5", "s2 = s3 + s6"]),
        (["NoOp()", "pass"], ["NoOp()"]),
        (["w: vector", "w[0.5] = 2"], ["v1[0.5] = 2"]),
        (
            ["w: matrix = 0.5", "s1 = norm(w)"],
            ["s2 = 0.5", "v1 = bcast(s2)", "m0 = bcast(v1, axis=0)", "s1 = norm(m0)"],
        ),
        (["w = 0.01 * gaussian(0, 1)", "v1 = v2 + w"], ["s2 = 0.01", "v3 = gaussian(0, 1, n_features)"]),
    ],
)
def test_lowering(lines: list[str], expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(Exception, match="no such op; uniform takes"):
            _learn(*lines)
    else:
        assert _learn(*lines)[: len(expected)] == expected


def test_a_target_is_written_once_its_operands_are_read() -> None:
    assert _learn("s1 = s0 - s1 * (s2 + s1)") == ["s3 = s2 + s1", "s3 = s1 * s3", "s1 = s0 - s3"]


def test_registers_in_the_text_are_left_alone() -> None:
    assert _learn("a = s2 + s4", "s1 = a * a", "s3 = s1 / s2") == ["s5 = s2 + s4", "s1 = s5 * s5", "s3 = s1 / s2"]


def test_a_variable_read_before_it_is_written_keeps_its_register() -> None:
    assert _learn("count = count + 1", "t = count * 2", "s1 = t") == [
        "s3 = 1",
        "s2 = s2 + s3",
        "s3 = 2",
        "s3 = s2 * s3",
        "s1 = maximum(s3, s3)",
    ]


def test_multi_class_words_are_registers() -> None:
    text = (
        "def Predict():\n  predictions = w @ features\ndef Learn():\n  w = w + outer(labels - predictions, features)\n"
    )
    assert str(parse(text)) == canonical("""
    def Setup():
    def Predict():
      v2 = dot(m0, v0)
    def Learn():
      v3 = v1 - v2
      m1 = outer(v3, v0)
      m0 = m0 + m1
    """)


def test_multi_class_tasks_keep_their_registers_free() -> None:
    text = "task sklearn(iris, metric=multiclass)\ndef Setup():\n  w: vector = 1\n"
    assert "v3 = bcast(s2)" in str(parse(text))


def test_types_come_from_all_functions_in_any_order() -> None:
    text = "def Learn():\n  w = w + g\n  g = rate * features\ndef Setup():\n  w = 0\n  rate = 0.1\n"
    assert str(parse(text)) == canonical("""
    def Setup():
      v1 = bcast(s3)
      s2 = 0.1
    def Predict():
    def Learn():
      v1 = v1 + v2
      v2 = s2 * v0
    """)


def test_formatting_keeps_named_text() -> None:
    text = "def Setup( ) :\n\tw : vector=gaussian( 0,.1 )#c\n"
    assert format_source(text) == "def Setup():\n  w: vector = gaussian(0, .1)  #c\n"
