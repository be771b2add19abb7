"""The programs, tasks and experiments that figures are measured on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from azdsl.config.experiment import Experiment
from azdsl.ir import PREDICTION, Address, Instruction, Program, pack_live
from azdsl.ops import BY_NAME, OPS, Kind, Role
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment, parse
from azdsl.taskset import TaskSet

HERE = Path(__file__).parent
DEMO, NETWORK, CIFAR10 = HERE / "linear.az", HERE / "network.az", HERE / "cifar10.az"
"""Copies of the files with these names in ``examples/``."""

TASKS, FEATURES, EXAMPLES = 10, 4, 100
"""Size of the demo's tasks; as many validation as training examples."""

NETWORK_EXAMPLES = 8000

_OPS = ("const", "dot", "scalar_subtract", "scalar_multiply", "vector_scale", "vector_add")
_LENGTHS = (10, 2, 8)
_WORD = 2**64 - 1


BILINEAR = """
def Setup():
  s3 = 0.001
def Predict():
  v2 = dot(m0, v0)
  v2 = v2 + v1
  s1 = dot(v2, v0)
def Learn():
  s2 = s0 - s1
  s2 = s3 * s2
  v2 = s2 * v0
  v1 = v1 + v2
  m1 = outer(v2, v0)
  m0 = m0 + m1
"""


class Draw:
    """The random number generator of ``yardstick.h``: xorshift."""

    def __init__(self) -> None:
        self._state = 88172645463325252

    def __call__(self, n: int) -> int:
        """A random integer below ``n``."""
        state = self._state
        state ^= state << 13 & _WORD
        state ^= state >> 7
        state ^= state << 17 & _WORD
        self._state = state
        return (state >> 20) % n


@cache
def _instruction(name: str, a: int, b: int, out: int) -> Instruction:
    """An instruction without constants."""
    op = BY_NAME[name]
    assert op.output
    inputs = tuple(Address(kind, index) for kind, index in zip(op.inputs, (a, b), strict=True))
    return Instruction(op, inputs, Address(op.output, out))


def _random_instruction(draw: Draw) -> Instruction:
    """A random instruction, as ``randomize`` in ``programs.c`` draws it."""
    name = _OPS[draw(len(_OPS))]
    constant = draw(2000) / 1000.0 - 1.0
    kinds = BY_NAME[name].inputs
    scalar_out = BY_NAME[name].output is Kind.SCALAR
    out = 1 + draw(3 if scalar_out else 2)
    a = draw(3 if kinds[:1] == (Kind.VECTOR,) else 4)
    b = draw(3 if kinds[1:] == (Kind.VECTOR,) else 4)
    if name == "const":
        return Instruction(BY_NAME[name], (), Address(Kind.SCALAR, out), (constant,))
    return _instruction(name, a, b, out)


def random_program(draw: Draw) -> Program:
    """A random program of the demo's shape, as ``programs.c`` draws it."""
    setup, predict, learn = (tuple(_random_instruction(draw) for _ in range(length)) for length in _LENGTHS)
    return Program(setup, predict, learn)


def random_programs(count: int) -> list[Program]:
    """Random programs of the demo's shape, already packed."""
    draw = Draw()
    programs = [random_program(draw) for _ in range(count)]
    for program in programs:
        pack_live(program)
    return programs


LONG_PROGRAMS, _LONG, _BANK = 5, (10, 25, 25), 5


@cache
def long_programs() -> tuple[Program, ...]:
    """Random programs of all ops, with 60 instructions each, all of them live."""
    draw = Draw()
    return tuple(_live_program(draw) for _ in range(LONG_PROGRAMS))


def _live_program(draw: Draw) -> Program:
    """A program without dead code, made from its end: each instruction writes a register that a later one reads."""
    setup, predict, learn = _LONG
    needed = {PREDICTION}
    last = _live_block(draw, predict, needed)
    first, middle = (_live_block(draw, length, set(needed)) for length in (setup, learn))
    return Program(first, last, middle)


def _live_block(draw: Draw, length: int, needed: set[Address]) -> tuple[Instruction, ...]:
    """A random function that writes the registers ``needed``, which then become the registers that it reads."""
    block: list[Instruction] = []
    while len(block) < length:
        op = OPS[draw(len(OPS))]
        output = sorted(needed, key=str)[draw(len(needed))]
        inputs = tuple(Address(kind, draw(_BANK)) for kind in op.inputs)
        after = (needed - ({output} if not op.updates else set())) | {
            a for a in inputs if a.index or a.kind is Kind.MATRIX
        }
        if op.output is output.kind and after:
            values = (draw(2000) / 1000.0 - 1.0 if role is Role.VALUE else draw(1000) / 1000.0 for role in op.constants)
            block.append(Instruction(op, inputs, output, tuple(values)))
            needed.clear()
            needed.update(after)
    return tuple(block[::-1])


def random_tasks(tasks: int, examples: int, features: int, valid: int) -> TaskSet:
    """A task set of random numbers from -1 to 0.999 in steps of 0.001, as in the yardsticks."""
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> Any:
        return rng.integers(-1000, 1000, shape) / 1000.0

    train = numbers(tasks, examples, features), numbers(tasks, examples)
    return TaskSet.from_arrays(*train, numbers(tasks, valid, features), numbers(tasks, valid))


def demo_tasks() -> TaskSet:
    """Tasks of the demo's size."""
    return random_tasks(TASKS, EXAMPLES, FEATURES, EXAMPLES)


def demo(**settings: Any) -> Experiment:
    """The demo with other settings."""
    return override(load_experiment(DEMO), settings)


def bilinear() -> Program:
    """A quadratic form plus a linear one, trained by gradient descent (arXiv 2003.03384, Figure 6, without its refinements)."""
    return parse(BILINEAR)


def network() -> Program:
    """The two-layer network."""
    return load_experiment(NETWORK).program
