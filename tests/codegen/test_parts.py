"""Each part of an evaluation runs only the instructions that it needs: the same bits, and the instructions one expects."""

from __future__ import annotations

import numpy as np
import pytest
from from_python import from_python
from strategies import random_program, random_tasks

from azdsl import interp
from azdsl.codegen import execute
from azdsl.codegen.backends import concatenate
from azdsl.codegen.engine import Capacity, EngineHandle, build_engine
from azdsl.codegen.execute import evaluate_many
from azdsl.codegen.parts import EVERYWHERE, NEVER
from azdsl.codegen.protocol import EvaluationSettings, Field, Part
from azdsl.config.experiment import Registers
from azdsl.ir import METRICS, Program, pack_live, remove_dead_code
from azdsl.syntax import parse
from azdsl.taskset import TaskSet

WHOLE, IN_PARTS = 1 << 40, 0
SEED = 3
_trace = from_python(execute.trace)


def prepare(tasks: TaskSet, whole: int, trace: bool = False) -> EngineHandle:
    """An engine for short programs that runs them in parts from so many examples on."""
    settings = EvaluationSettings(seed=SEED)
    return build_engine(tasks, capacity=Capacity(40), settings=settings, trace=trace, in_parts_from=whole)


def fitness(handle: EngineHandle, programs: list[Program], tasks: TaskSet) -> np.ndarray:
    """Fitness [P, T]."""
    found = np.full((len(programs), tasks.tasks), np.nan)
    evaluate_many(handle.engine, *concatenate([pack_live(p, tasks.metric_definition) for p in programs]), found)
    return found


def differing(handle: EngineHandle, program: Program, tasks: TaskSet) -> tuple[bool, bool]:
    """Whether some part runs fewer instructions than others, and whether registers settle."""
    fitness(handle, [program], tasks)
    count = len(remove_dead_code(program, tasks.metric_definition))
    return bool((handle.engine.needed[:count] != EVERYWHERE).any()), handle.engine.arguments[0, Field.SETTLED] < NEVER


@pytest.mark.parametrize("metric", list(METRICS))
def test_parts_change_no_bit(metric: str) -> None:
    """Fitness and the hash of all predictions, for programs whose few registers are overwritten often."""
    rng = np.random.default_rng(len(metric))
    seen = np.zeros(2, int)
    for _ in range(3):
        tasks = random_tasks(rng, features=3, tasks=3, metric=metric, max_examples=6)  # type: ignore[arg-type]
        programs = [
            random_program(rng, registers=Registers(4, 5, 3), max_length=12, metric=tasks.metric_definition)
            for _ in range(50)
        ]
        parts, whole = prepare(tasks, IN_PARTS), prepare(tasks, WHOLE)
        found = fitness(parts, programs, tasks)
        np.testing.assert_array_equal(found, fitness(whole, programs, tasks))
        hashing = prepare(tasks, IN_PARTS, trace=True), prepare(tasks, WHOLE, trace=True)
        for program in programs:
            packed = pack_live(program, tasks.metric_definition)
            hashes = {_trace(handle.engine, packed.lengths, packed.code, packed.constants) for handle in hashing}
            assert len(hashes) == 1, str(program)
            seen += differing(parts, program, tasks)
        for program, own in zip(programs[:8], found, strict=False):
            np.testing.assert_array_equal(own, interp.evaluate(program, tasks, seed=SEED), err_msg=str(program))
    assert seen.min() > 15, "programs that have different parts, and programs with registers that settle"


def test_an_engine_links_again_for_parts() -> None:
    """A program linked as a whole for few examples runs in parts on many, and the other way round."""
    rng = np.random.default_rng(1)
    tasks = random_tasks(rng, features=3, tasks=3, metric="rmse", max_examples=9)
    program = parse(EVOLVED)
    few = prepare(tasks.first(1, 1), 1000)
    many = build_engine(
        tasks, capacity=Capacity(40), settings=EvaluationSettings(seed=SEED), workspace=few.workspace, in_parts_from=0
    )
    expected = fitness(prepare(tasks, WHOLE), [program], tasks)
    for handle, part in ((few, tasks.first(1, 1)), (many, tasks), (few, tasks.first(1, 1)), (many, tasks)):
        found = fitness(handle, [program], part)
        np.testing.assert_array_equal(found, fitness(prepare(part, WHOLE), [program], part))
    np.testing.assert_array_equal(found, expected)


EVOLVED = """
def Setup():
  m1 = gaussian(0, 1, (n_features, n_features))
def Predict():
  v3 = maximum(v4, v5)
  s1 = dot(v2, v0)
  v2 = v2 + v6
  v6 = dot(m1, v3)
  v5 = dot(m1, v4)
def Learn():
  v4 = s0 * v0
  v6 = s0 * v4
  v5 = s1 * v4
  m1 = outer(v4, v6)
"""


def test_what_only_validation_reads_is_computed_once() -> None:
    tasks = random_tasks(np.random.default_rng(2), features=3, tasks=1, metric="rmse", max_examples=9)
    handle = prepare(tasks, IN_PARTS)
    program = parse(EVOLVED)
    fitness(handle, [program], tasks)
    texts = [str(instruction) for instruction in program.instructions]

    def runs(part: Part) -> list[str]:
        return [text for text, parts in zip(texts, handle.engine.needed, strict=False) if parts >> part & 1]

    matrix = [text for text in texts if "m1" in text]
    assert runs(Part.SETUP) == [], "Learn overwrites m1 before anything reads it"
    assert not set(matrix) & {*runs(Part.PREDICT), *runs(Part.LEARN)}
    assert "m1 = outer(v4, v6)" in runs(Part.LAST_LEARN)
    assert runs(Part.VALIDATE) == texts[1:6]
    assert runs(Part.SETTLED) == ["s1 = dot(v2, v0)", "v2 = v2 + v6"]
    assert handle.engine.arguments[0, Field.SETTLED] == 2, "v5, then v3 and v6"
    assert handle.engine.arguments[0, Field.UNREAD], "only validation reads v5, which is made of s1"
    fitness(handle, [parse(EVOLVED.replace("v6 = s0 * v4", "v6 = s1 * v4"))], tasks)
    assert not handle.engine.arguments[0, Field.UNREAD]
