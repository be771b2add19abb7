"""Whatever text comes in, the answer is a program or ``azdsl.SyntaxError``."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import programs

from azdsl.diagnostics import SyntaxError as AzSyntaxError
from azdsl.ir import Program
from azdsl.syntax import MAX_FILE_BYTES, MAX_NESTING, format_source, parse, parse_experiment

TOKENS = [
    "def",
    "Setup",
    "Predict",
    "Learn",
    "(",
    ")",
    "(",
    ")",
    ":",
    "=",
    "+",
    "-",
    "*",
    "/",
    "@",
    ",",
    "[",
    "]",
    "1..3",
    "0.5",
    "-1",
    "1e999",
    "s0",
    "s1",
    "s2",
    "v0",
    "v1",
    "v2",
    "m0",
    "m1",
    "w",
    "x",
    "lr",
    "vector",
    "matrix",
    "scalar",
    "dot",
    "bcast",
    "gaussian",
    "uniform",
    "heaviside",
    "relu",
    "norm",
    "axis",
    "maximum",
    "NoOp",
    "pass",
    "features",
    "label",
    "prediction",
    "n_features",
    "task",
    "registers",
    "search",
    "ops",
    "learn_ops",
    "mutations",
    "@frozen",
    "linear",
    "init=random",
    '"a"',
    "'b'",
    "#",
    "\\\\",
    "$",
    "é",
    "..",
]
GLUE = [" ", " ", "\n", "\n  ", "\n\t", "", "\r\n"]


def _only_syntax_errors(text: str) -> None:
    try:
        experiment = parse_experiment(text)
    except AzSyntaxError as error:
        assert error.diagnostics
        assert str(error)
        with contextlib.suppress(AzSyntaxError):
            formatted = format_source(text)
            assert format_source(formatted) == formatted
    else:
        formatted = format_source(text)
        assert format_source(formatted) == formatted
        assert parse_experiment(formatted) == experiment
        assert parse_experiment(str(experiment)) == experiment


@given(st.text())
def test_any_text(text: str) -> None:
    _only_syntax_errors(text)


@given(st.lists(st.tuples(st.sampled_from(TOKENS), st.sampled_from(GLUE)), max_size=40))
def test_token_soup(pieces: list[tuple[str, str]]) -> None:
    _only_syntax_errors("def Learn():\n  " + "".join(token + glue for token, glue in pieces))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "s2", "v1", "m1"]), st.integers(0, 2**32)), max_size=8))
def test_random_expressions(lines: list[tuple[str, int]]) -> None:
    text = "".join(f"  {target} = {_expression(random.Random(seed), 4)}\n" for target, seed in lines)
    _only_syntax_errors(f"def Setup():\n  a = 0.5\n  b: vector\ndef Predict():\n{text}")


def _expression(draw: random.Random, depth: int) -> str:
    if depth == 0 or draw.random() < 0.25:
        return draw.choice(["a", "b", "c", "s2", "s0", "v0", "v1", "m1", "0", "0.5", "-2", "1"])
    first, second = _expression(draw, depth - 1), _expression(draw, depth - 1)
    return draw.choice(
        [
            f"{first} + {second}",
            f"({first}) * {second}",
            f"-({first})",
            f"dot({first}, {second})",
            f"1 / ({first})",
            f"relu({first})",
            f"outer({first}, {second})",
            f"bcast({first})",
            f"({first}) @ ({second})",
            "gaussian(0, 1)",
        ]
    )


@given(programs(), st.integers(0, 2**32))
def test_mutated_programs(program: Program, seed: int) -> None:
    draw = random.Random(seed)
    text = list(str(program))
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(text))
        text[at : at + draw.randint(0, 2)] = draw.choice([*TOKENS, *GLUE])
    _only_syntax_errors("".join(text))


HEAD = "def Setup():\n  s2 = "


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        HEAD + "(" * 5000 + "1" + ")" * 5000,
        HEAD + "-" * 5000 + "s1",
        HEAD + "+".join(["s1"] * 3000),
        HEAD + "abs(" * 101 + "s1" + ")" * 101,
        HEAD + "s1 + (" * 99 + "s1" + ")" * 99,
        "(\n" * 100_000,
        "[(\n" * 1000 + "def Setup():\n" * 1000,
        "x" * MAX_FILE_BYTES,
        HEAD + "9" * 5000,
        HEAD + "s" + "9" * 5000,
        f"search(seed={'9' * 5000})",
        f"search(setup={'9' * 5000}..{'9' * 5000})",
        "search(seed=1e999)",
        '"' * 1001,
        "\0",
        "\ud800",
        "\ufeff",
        "\f\v\x1c\x85\u2028",
        HEAD + "١",
        "@" * 50,
        "=" * 50,
        "task\n",
        "x: vector",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_hostile_texts(text: str) -> None:
    _only_syntax_errors(text)


def test_nesting_has_a_stated_limit() -> None:
    def nested(levels: int) -> str:
        return HEAD + "abs(" * levels + "s1" + ")" * levels

    assert len(parse(nested(MAX_NESTING - 1)).setup) == MAX_NESTING - 1
    with pytest.raises(
        AzSyntaxError, match=f"nested deeper than {MAX_NESTING} levels; assign a part of it to a variable"
    ):
        parse(nested(MAX_NESTING + 1))


def test_a_late_chain_of_variables_is_settled() -> None:
    chain = "".join(f"  x{i} = x{i + 1} + 1\n" for i in reversed(range(400)))
    assert len(parse(f"def Setup():\n  x400 = 0.5\ndef Learn():\n{chain}")) == 801
