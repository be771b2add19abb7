"""Programs without matrices run in wider blocks than programs with matrices: the same bits, also from one engine in turn."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import random_tasks

from azdsl.codegen import engine
from azdsl.codegen.backends import concatenate
from azdsl.codegen.engine import Capacity, build_engine
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.protocol import EvaluationSettings
from azdsl.interp import evaluate
from azdsl.ir import pack_live
from azdsl.ir.packing import programs_using
from azdsl.ops import BY_NAME, Kind
from azdsl.syntax import parse

LINEAR = parse(
    "def Setup():\n  s2 = 0.01\n  v1 = gaussian(0, 0.1)\ndef Predict():\n  s1 = dot(v1, v0)\n"
    "def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  v1 = v1 + v2\n"
)
BILINEAR = parse(
    "def Setup():\n  s2 = 0.01\n  m1 = gaussian(0, 0.01)\ndef Predict():\n  v2 = dot(m1, v0)\n  s1 = dot(v2, v0)\n"
    "def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  m0 = outer(v2, v0)\n  m1 = m1 + m0\n"
)
CONSTANT = parse("def Setup():\n  s1 = 0.5\ndef Predict():\n  pass\ndef Learn():\n  pass\n")
PROGRAMS = [LINEAR, BILINEAR, CONSTANT, BILINEAR, LINEAR]
USED = {"const", "vector_gaussian", "matrix_gaussian", "dot", "scalar_subtract", "scalar_multiply", "vector_scale"}
USED |= {"vector_add", "matvec", "outer", "matrix_add"}


def run(tasks, precision, programs, kinds=(False, True)):
    """Fitness [P, T] by one engine, and the engine."""
    starts, lengths, code, constants = concatenate([pack_live(program) for program in programs])
    settings = EvaluationSettings(seed=5, precision=precision)
    ops = [BY_NAME[name] for name in USED]
    handle = build_engine(tasks, ops, capacity=Capacity(10), settings=settings, programs=kinds)
    fitness = np.full((len(programs), tasks.tasks), np.nan)
    stopped = evaluate_many(handle.engine, starts, lengths, code, constants, fitness)
    assert not stopped and fitness.any()
    return fitness, handle


@pytest.mark.parametrize("precision", [64, 32])
@pytest.mark.parametrize("count", [1, 3, 10, 19])
def test_the_choice_of_blocks_changes_no_bit(count: int, precision: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # the widths of any processor, so that the choice is one
    monkeypatch.setattr(engine, "widest_block", lambda features, precision, matrices: 4 if matrices else 16)
    tasks = random_tasks(np.random.default_rng(count), 16, count, "rmse")
    both, handle = run(tasks, precision, PROGRAMS)
    spans = handle.engine.spans[0]
    assert (count > 4) == (spans[0].tolist() != spans[1].tolist()), "one kind of blocks where it suits both"
    if count > 4:
        assert handle.engine.lane_bytes[spans[0, 0]] > handle.engine.lane_bytes[spans[1, 0]]
    narrow, _ = run(tasks, precision, PROGRAMS, (True,))
    assert both.tobytes() == narrow.tobytes()
    alone, _ = run(tasks, precision, [LINEAR, CONSTANT], (False,))
    assert alone.tobytes() == both[[0, 2]].tobytes()
    assert np.any((both > 0.0) & (both != both[2]), axis=1)[[0, 1, 3, 4]].all(), "training goes on to its end"
    for program, found in zip(PROGRAMS[:3], both, strict=False):
        expected = evaluate(program, tasks, seed=5, precision=precision)
        assert np.asarray(expected).tobytes() == found.tobytes()


def test_programs_that_use_a_kind() -> None:
    _, lengths, code, _ = concatenate([pack_live(program) for program in (*PROGRAMS, parse(""))])
    assert programs_using(Kind.MATRIX, lengths, code).tolist() == [False, True, False, True, False, False]
    assert programs_using(Kind.VECTOR, lengths, code).tolist() == [True, True, False, True, True, False]
