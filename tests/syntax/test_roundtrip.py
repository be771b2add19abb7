"""Printing and parsing are inverse, for programs over every op and for whole experiments."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import programs, random_program

from azdsl.config.experiment import EVOLVABLE, Experiment, Group, Stage
from azdsl.config.schema import value_types
from azdsl.config.search import MUTATIONS, IslandSettings, Range, Registers, Search, StageSettings
from azdsl.config.task import Task
from azdsl.config.tasks import TASKS
from azdsl.ir import FUNCTIONS, Address, Instruction, Program
from azdsl.ops import OPS, Op, Role
from azdsl.syntax import format_source, parse, parse_experiment

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(programs())
def test_print_and_parse(program: Program) -> None:
    assert parse(str(program)) == program
    assert format_source(str(program)) == str(program)


def test_all_ops_come_back() -> None:
    generator = np.random.default_rng(7)
    seen: set[str] = set()
    for _ in range(60):
        program = random_program(generator)
        assert parse(str(program)) == program
        seen |= {instruction.op.name for instruction in program.instructions}
    for op in OPS:
        program = Program(learn=(_instruction(op, 0.5),))
        assert parse(str(program)) == program
        seen.add(op.name)
    assert len(seen) == len(OPS)


def _instruction(op: Op, value: float) -> Instruction:
    inputs = tuple(Address(kind, at + 2) for at, kind in enumerate(op.inputs))
    return Instruction(op, inputs, Address(op.output, 5) if op.output else None, (value,) * len(op.constants))


@given(FINITE, st.sampled_from([op for op in OPS if op.constants]))
def test_constants_come_back_bit_for_bit(value: float, op: Op) -> None:
    if Role.INDEX in op.constants:
        value = abs(value) % 1.0
    program = Program(setup=(_instruction(op, value),))
    assert parse(str(program)) == program


@pytest.mark.parametrize("value", [-0.0, 0.0, 5e-324, -5e-324, 1e22, 0.1, 1e16, 123456789.0, 1.7976931348623157e308])
def test_difficult_constants(value: float) -> None:
    program = Program(setup=tuple(_instruction(op, value) for op in OPS if op.name in ("const", "vector_gaussian")))
    assert parse(str(program)) == program


CLASSES = {"pairs": ("0-1", "2-7, 1-3"), "held_out": ("none", "0-5 8-9"), "classes": ("0 1", "3,2,7")}
"""Texts with a form of their own."""


def _settings(kind: type[Search | Registers | Task], draw: random.Random) -> Search | Registers | Task:
    values: dict[str, object] = {}
    for field in dataclasses.fields(kind):
        choices, default = field.metadata.get("choices"), field.default
        if draw.random() < 0.5:
            continue
        if field.name in CLASSES:
            values[field.name] = draw.choice(CLASSES[field.name])
        elif choices:
            values[field.name] = draw.choice(choices)
        elif isinstance(default, bool):
            values[field.name] = draw.random() < 0.5
        elif isinstance(default, Range):
            values[field.name] = Range(draw.randint(1, 4), draw.randint(4, 4000))
        elif value_types(kind)[field.name] is str:
            values[field.name] = draw.choice(["a b", 'say "x" # \\', "plain", "true", "größe", "1..2", "it's"])
        elif isinstance(default, float):
            values[field.name] = draw.choice([0.5, 0.25, 1 / 3, 0.1])
        elif field.metadata["most"] != 1.0:
            values[field.name] = draw.randint(field.metadata["least"] or 1, 30) + 2
    values |= {f.name: "data.csv" for f in dataclasses.fields(kind) if f.name == "data" and not values.get("data")}
    values |= {f.name: "mnist" for f in dataclasses.fields(kind) if f.name == "images" and not values.get("images")}
    if values.get("features") and "classes" in values:
        values["features"] = 16
    if kind is Search:
        values["population"] = 50
        values["tournament"] = draw.randint(1, 50)
        values["hurdles"] = "5, 10x2" if values.get("proxy") else draw.choice([None, "8"])
        values["redraw"] = draw.choice([None, 77]) if values.get("tasks_per_evaluation") else None
        values["hurdle_every"] = draw.randint(1, 76)
    if values.get("data") == "data.csv" and kind is TASKS["sklearn"]:
        values["data"] = "iris"
    return kind(**values)  # type: ignore[arg-type]


def _group(draw: random.Random) -> Group:
    """What some islands have of their own."""
    ops = [draw.choice([None, tuple(draw.sample(OPS, draw.randint(1, 20)))]) for _ in FUNCTIONS]
    own = IslandSettings(tournament=draw.choice([None, 7]), mutation=draw.choice([None, draw.random()]))
    return Group(
        Range(draw.randint(0, 3), draw.randint(3, 9)),
        own,
        tuple(ops),
        draw.choice([None, tuple(draw.sample(MUTATIONS, 3))]),
    )


def _stage(draw: random.Random) -> Stage:
    """A stage with any of its settings."""
    own = {
        "tournament": 7,
        "parsimony": draw.random(),
        "edits": 0.5,
        "restart": 10,
        "restart_from": "best",
        "patience": 3,
    }
    given = {name: value for name, value in own.items() if draw.random() < 0.5}
    task = draw.choice([None, _settings(draw.choice(list(TASKS.values())), draw)])
    return Stage(
        task, StageSettings(target=draw.random(), **given), draw.choice([None, tuple(draw.sample(MUTATIONS, 3))])
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(60))
def test_experiments_come_back(seed: int) -> None:
    draw = random.Random(seed)
    lists = [tuple(draw.sample(OPS, draw.randint(1, 20))) for _ in FUNCTIONS]
    ops = draw.choice(
        [(None,) * 3, (EVOLVABLE,) * 3, (None, lists[1], None), (lists[0],) * 3, tuple(lists), ((), lists[1], lists[2])]
    )
    small = Registers(scalars=6, vectors=5, matrices=3)
    task = draw.choice([None, *TASKS.values()])
    experiment = Experiment(
        random_program(np.random.default_rng(seed), registers=small),
        _settings(task, draw) if task else None,  # type: ignore[arg-type]
        draw.choice([Registers(), small]),
        _settings(Search, draw),  # type: ignore[arg-type]
        ops,
        draw.choice([None, tuple(draw.sample(MUTATIONS, 3))]),
        frozenset(draw.sample(FUNCTIONS, draw.randint(0, 3))),
        tuple(_group(draw) for _ in range(draw.randint(0, 2))),
        tuple(_stage(draw) for _ in range(draw.randint(0, 2))),
    )
    text = str(experiment)
    assert parse_experiment(text) == experiment
    assert parse_experiment(format_source(text)) == experiment


@pytest.mark.parametrize("op", OPS, ids=str)
def test_an_op_is_named_by_its_name_and_its_shape(op: Op) -> None:
    for name in (op.name, op.shape):
        assert parse_experiment(f"ops({name})\n").ops[0] == (op,)


def test_infinite_settings_come_back() -> None:
    experiment = Experiment(search=Search(max_abs_error=float("inf"), seed=2**63 - 1))
    assert parse_experiment(str(experiment)) == experiment
