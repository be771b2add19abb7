"""Random programs and task sets over everything the language allows, for properties and bulk loops.

``random_program`` and ``random_tasks`` draw from a NumPy generator, so a number repeats a case; the
Hypothesis strategies draw the same kinds of thing and shrink. Programs are biased towards being live
and finite: without that nearly all of them predict 0 or stop at the first example, and a property
over them says little. ``Tally`` counts what a test has really seen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from hypothesis import strategies as st

from azdsl.config.search import Registers
from azdsl.ir import (
    FEATURES,
    LABEL,
    METRICS,
    RMSE,
    Address,
    Instruction,
    Metric,
    MetricName,
    Program,
    liveness,
)
from azdsl.ops import OPS, Kind, Op, Role
from azdsl.taskset import TaskSet

BANKS = Registers(scalars=5, vectors=4, matrices=2)

PAPER_OPS = OPS[:65]
"""The ops of the paper: tests that depend on the programs of certain seeds use these, and so do not depend on ops added later."""

"""Small banks: registers are reused, so instructions see each other's results."""

METRIC_NAMES: tuple[MetricName, ...] = tuple(METRICS)
SPECIAL_CONSTANTS = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-300, 5e-324, 1e300, -1e300, 1 / 3)
SPECIAL_EXAMPLES = (0.0, -0.0, 1.0, -1.0, 1e-310, 1e155, -1e155)
SPECIAL_INDEXES = (0.0, 0.5, 0.999999, math.nextafter(1.0, 0.0))


class Source(Protocol):
    """Where choices come from: a NumPy generator, or Hypothesis."""

    def integer(self, least: int, most: int) -> int: ...
    def real(self, least: float, most: float) -> float: ...


@dataclass(frozen=True)
class FromGenerator:
    """Choices from a NumPy generator."""

    rng: np.random.Generator

    def integer(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def real(self, least: float, most: float) -> float:
        return float(self.rng.uniform(least, most))


@dataclass(frozen=True)
class FromHypothesis:
    """Choices from Hypothesis."""

    draw: Callable[[st.SearchStrategy[Any]], Any]

    def integer(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def real(self, least: float, most: float) -> float:
        return float(self.draw(st.floats(least, most)))


def _chance(source: Source, percent: int) -> bool:
    return source.integer(1, 100) > 100 - percent


def _one_of(source: Source, values: Sequence[Any]) -> Any:
    return values[source.integer(0, len(values) - 1)]


def _constant(source: Source, role: Role) -> float:
    if role is Role.INDEX:
        return float(_one_of(source, SPECIAL_INDEXES)) if _chance(source, 20) else source.real(0.0, 0.999)
    if _chance(source, 10):
        return float(_one_of(source, SPECIAL_CONSTANTS))
    return source.real(0.0, 1.0) if role is Role.STD else source.real(-1.0, 1.0)


def _bank(registers: Registers, kind: Kind) -> int:
    return {Kind.SCALAR: registers.scalars, Kind.VECTOR: registers.vectors, Kind.MATRIX: registers.matrices}[kind]


def _possible(op: Op, registers: Registers) -> bool:
    """Whether the banks have room for the op's operands (v0 alone cannot be written, nor s0)."""
    written = op.output is None or _bank(registers, op.output) > (0 if op.output is Kind.MATRIX else 1)
    return written and all(_bank(registers, kind) > 0 for kind in op.inputs)


def _inputs(source: Source, op: Op, registers: Registers, given: Sequence[Address]) -> tuple[Address, ...]:
    """Inputs of ``op``: one time in three what the evaluation gives (features, labels), else any register."""
    inputs = []
    for kind in op.inputs:
        useful = [address for address in given if address.kind is kind and address.index < _bank(registers, kind)]
        if useful and _chance(source, 35):
            inputs.append(_one_of(source, useful))
        else:
            inputs.append(Address(kind, source.integer(0, _bank(registers, kind) - 1)))
    return tuple(inputs)


def _block(
    source: Source,
    ops: Sequence[Op],
    registers: Registers,
    length: int,
    wanted: list[Address],
    given: Sequence[Address],
) -> tuple[Instruction, ...]:
    """A function written from its end, mostly into registers in ``wanted``: those read later. Updates ``wanted``."""
    reverse: list[Instruction] = []
    for left in reversed(range(length)):
        for _ in range(8):
            instruction = _candidate(source, ops, registers, wanted, given)
            later = [a for a in wanted if a != instruction.output]
            later += [a for a in instruction.reads if a not in (*given, *later, LABEL, FEATURES)]
            # Tried again when nobody reads it, or when it is the last to be read though there is room for more.
            if (instruction.output in wanted and (later or not left)) or not wanted or _chance(source, 4):
                break
        reverse.append(instruction)
        if instruction.output in wanted:
            wanted[:] = later
    return tuple(reversed(reverse))


def _candidate(
    source: Source, ops: Sequence[Op], registers: Registers, wanted: list[Address], given: Sequence[Address]
) -> Instruction:
    """Any instruction, its output among ``wanted`` where the kind fits."""
    op = _one_of(source, ops)
    targets = [address for address in wanted if address.kind is op.output]
    output = _one_of(source, targets) if targets else None
    if op.output and not targets:
        least = 0 if op.output is Kind.MATRIX else 1
        output = Address(op.output, source.integer(least, _bank(registers, op.output) - 1))
    constants = tuple(_constant(source, role) for role in op.constants)
    return Instruction(op, _inputs(source, op, registers, given), output, constants)


def _program(source: Source, ops: Sequence[Op], registers: Registers, max_length: int, metric: Metric) -> Program:
    usable = [op for op in ops if _possible(op, registers)]
    prediction, label = metric.prediction, metric.label
    setup, predict, learn = (source.integer(0, max_length) for _ in range(3))
    wanted = [prediction] if prediction.index < _bank(registers, prediction.kind) else []
    # Backwards from the prediction; what Learn writes for Predict may in turn need what either wrote before.
    predicting = _block(source, usable, registers, predict, wanted, (FEATURES,))
    learning = _block(source, usable, registers, learn, wanted, (FEATURES, label, prediction))
    return Program(_block(source, usable, registers, setup, wanted, ()), predicting, learning)


def random_program(
    rng: np.random.Generator,
    ops: Sequence[Op] = OPS,
    registers: Registers = BANKS,
    max_length: int = 8,
    metric: Metric = RMSE,
) -> Program:
    """A well-typed program over ``ops`` and ``registers``; each function has at most ``max_length`` instructions."""
    return _program(FromGenerator(rng), ops, registers, max_length, metric)


@st.composite
def programs(
    draw: Any,
    ops: Sequence[Op] = OPS,
    registers: Registers = BANKS,
    max_length: int = 8,
    metric: Metric = RMSE,
) -> Program:
    """What ``random_program`` makes, chosen by Hypothesis."""
    return _program(FromHypothesis(draw), ops, registers, max_length, metric)


def random_tasks(
    rng: np.random.Generator,
    features: int | None = None,
    tasks: int | None = None,
    metric: MetricName | None = None,
    epochs: int | None = None,
    max_examples: int = 12,
) -> TaskSet:
    """A small task set; what is None is drawn: F 1 … 17, T 1 … 20, any metric, 1 … 3 epochs."""
    chosen: MetricName = metric or METRIC_NAMES[rng.integers(len(METRIC_NAMES))]
    count = features or int(rng.integers(1, 18))
    count = max(count, 2) if METRICS[chosen].vector else count
    T = tasks or int(rng.integers(1, 21))
    N, M = (int(n) for n in rng.integers(1, max_examples + 1, 2))
    repeats = epochs or int(rng.integers(1, 4))
    lengths = [length for length in range(1, N * repeats + 1) if N * repeats % length == 0]
    classes = int(rng.integers(2, min(count, 5) + 1)) if METRICS[chosen].vector else None
    arrays = []
    for examples in (N, M):
        X = rng.normal(size=(T, examples, count))
        if rng.random() < 0.3:
            special = rng.random(X.shape) < 0.1
            X[special] = rng.choice(SPECIAL_EXAMPLES, int(special.sum()))
        y = rng.normal(size=(T, examples))
        if METRICS[chosen].classifies:
            y = rng.integers(0, classes or 2, (T, examples)).astype(float)
        arrays += [X, y]
    length = N if rng.random() < 0.5 else int(rng.choice(lengths))
    return TaskSet.from_arrays(*arrays, metric=chosen, epoch_length=length, epochs=repeats, classes=classes)


@st.composite
def task_sets(
    draw: Any,
    features: int | None = None,
    tasks: int | None = None,
    metric: MetricName | None = None,
    epochs: int | None = None,
    max_examples: int = 12,
) -> TaskSet:
    """What ``random_tasks`` makes; Hypothesis chooses and shrinks the shape, a seed gives the numbers."""
    chosen = metric or draw(st.sampled_from(METRIC_NAMES))
    count = features or draw(st.integers(2 if METRICS[chosen].vector else 1, 17))
    return random_tasks(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        count,
        tasks or draw(st.integers(1, 20)),
        chosen,
        epochs or draw(st.integers(1, 3)),
        max_examples,
    )


@dataclass
class Tally:
    """What a run of cases has covered, so that a test can say that it was not vacuous."""

    ops: Counter[str] = field(default_factory=Counter)
    """Live instructions seen, by op."""
    cases: int = 0
    positive: int = 0
    """Cases in which some task's fitness was above 0."""

    def add(self, program: Program, fitness: Sequence[float], metric: Metric = RMSE) -> None:
        """Count one evaluated program."""
        flags = [flag for block in liveness(program, metric) for flag in block]
        self.ops.update(i.op.name for i, live in zip(program.instructions, flags, strict=True) if live)
        self.cases += 1
        self.positive += any(value > 0 for value in fitness)

    @property
    def unseen(self) -> list[str]:
        """Ops that no live instruction used (NoOp is never live)."""
        return [op.name for op in OPS[1:] if not self.ops[op.name]]

    @property
    def share(self) -> float:
        """The share of cases with a fitness above 0."""
        return self.positive / max(self.cases, 1)
