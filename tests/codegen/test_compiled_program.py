"""Code for fewer lanes: compiled for a program that is evaluated again, with the same results."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import random_tasks

from azdsl import codegen, parse
from azdsl.codegen import compiled_program
from azdsl.codegen.compiled_program import compile_program, jit_lanes

PROGRAM = parse("def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  s2 = s0 - s1\n  v2 = s2 * v0\n  v1 = v1 + v2\n")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lanes of each compilation."""
    lanes: list[int] = []

    def compile_and_count(program, specialization):
        lanes.append(specialization.lanes)
        return compile_program(program, specialization)

    compiled_program.compiled_program.cache_clear()
    monkeypatch.setattr(compiled_program, "compile_program", compile_and_count)
    return lanes


@pytest.mark.parametrize(("repeats", "narrower"), [(1e12, True), (0, False)])
def test_a_last_block_gets_narrower_code_when_the_program_is_evaluated_again(compiled, monkeypatch, repeats, narrower):
    monkeypatch.setattr(compiled_program, "REPEATS", repeats)
    wide = jit_lanes(1000, 64)
    tasks = random_tasks(np.random.default_rng(0), features=4, tasks=wide + 1, metric="rmse")
    expected = codegen.evaluate([PROGRAM], tasks, backend="vm")
    for number in range(4):
        np.testing.assert_array_equal(codegen.evaluate([PROGRAM], tasks, backend="jit"), expected)
        assert compiled == ([wide, 1] if narrower and number else [wide])


def test_a_program_given_twice_is_compiled_once(compiled):
    tasks = random_tasks(np.random.default_rng(0), features=4, tasks=3, metric="rmse")
    again = parse(str(PROGRAM))
    codegen.evaluate([PROGRAM, again], tasks, backend="jit")
    codegen.evaluate([again], tasks, backend="jit", seed=4)
    assert len(compiled) == 1
