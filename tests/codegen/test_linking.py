"""The linker's map of registers to memory: right however often programs were linked before."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import random_tasks

from azdsl.codegen.engine import Capacity, EngineHandle, build_engine
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.linking import LINKINGS
from azdsl.codegen.op_table import NO_KIND
from azdsl.ir import Program, pack_live
from azdsl.syntax import parse

FIRST, SECOND = (
    parse(
        f"def Setup():\n  s{k} = 0.1\ndef Predict():\n  s1 = dot(v{k}, v0)\n"
        f"def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s{k}\n  v2 = s3 * v0\n  v{k} = v{k} + v2\n"
    )
    for k in (5, 7)
)


def fitness(handle: EngineHandle, program: Program) -> list[float]:
    packed, found = pack_live(program), np.zeros((1, 3))
    evaluate_many(handle.engine, np.zeros(1, np.int64), packed.lengths[None], packed.code, packed.constants, found)
    return found[0].tolist()


@pytest.mark.parametrize("before", [LINKINGS - 2, LINKINGS - 1, LINKINGS, 2 * LINKINGS - 1])
def test_registers_are_found_after_millions_of_linkings(before):
    """A register that is met for the first time, or again after long, had a place outside memory: the process crashed."""
    tasks = random_tasks(np.random.default_rng(0), features=4, tasks=3, max_examples=8)
    handle = build_engine(tasks, capacity=Capacity(20))
    expected = fitness(handle, FIRST)
    assert max(expected) > 0.0
    handle.engine.places[NO_KIND, 0] = before
    for program in (SECOND, FIRST, SECOND, FIRST):
        assert fitness(handle, program) == expected
    assert 0 < handle.engine.places[NO_KIND, 0] <= LINKINGS
