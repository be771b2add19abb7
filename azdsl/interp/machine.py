"""The memory of a program and the execution of its functions, in pure Python on floats and lists.

This is the definition of a program's semantics; compiled backends are tested against it. Values are immutable: an
instruction replaces the value of its output register, so registers may share lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from azdsl.interp.philox import Draws, seed_key
from azdsl.ir import FEATURES, LABEL, METRICS, RMSE, Address, Instruction, Metric, Program, liveness
from azdsl.ops import Kind, Role

PRECISIONS: dict[int, Callable[[float], Any]] = {64: float, 32: np.float32}
"""The number type of each precision."""

Step = Callable[[], None]

_FIXED = frozenset[Address]().union(*(metric.fixed for metric in METRICS.values()))
"""Registers that every machine has, whatever its metric and its program."""


class Machine:
    """The memory of one task, initially zero, and the functions of a program that run on it.

    ``features`` is F. The random draws depend on ``seed``, ``task`` and the argument ``visit`` of the methods, the number
    of the example in the evaluation. ``metric`` gives the registers of label and prediction, on which liveness depends:
    a dead random instruction has no draw number. With ``precision=32`` the methods must be called inside
    ``numpy.errstate(all="ignore")``, because NumPy warns of overflow and of invalid operations.
    """

    def __init__(
        self,
        program: Program,
        features: int,
        *,
        seed: int = 0,
        task: int = 0,
        metric: Metric = RMSE,
        precision: int = 64,
    ) -> None:
        self.features = features
        self.metric = metric
        self.number = PRECISIONS[precision]
        self._key, self._task, self._visit = seed_key(seed), task, 0
        self._memory = {address: self._zero(address.kind) for address in {*program.registers, *_FIXED}}
        setup, predict, learn = _numbered(program, metric)
        self._setup, self._predict, self._learn = (
            [self._step(*pair) for pair in block] for block in (setup, predict, learn)
        )

    def __getitem__(self, address: Address) -> Any:
        """The value of a register: a number, a list of F numbers or a list of F rows of F numbers."""
        return self._memory[address]

    @property
    def prediction(self) -> Any:
        """The value of the prediction register: a number, or F numbers for a metric with a vector prediction."""
        return self._memory[self.metric.prediction]

    @prediction.setter
    def prediction(self, value: Any) -> None:
        self._memory[self.metric.prediction] = value

    def run_setup(self) -> None:
        """Run Setup. It must run once, before any example."""
        self._run(self._setup, 0)

    def predict(self, x: Sequence[float], visit: int = 1) -> Any:
        """Run Predict on the features ``x`` [F] with a zero label. Returns the prediction, not squashed."""
        self._memory[LABEL] = self._zero(Kind.SCALAR)
        self._memory[self.metric.label] = self._zero(self.metric.label.kind)
        self._memory[FEATURES] = [self.number(value) for value in x]
        self._run(self._predict, visit)
        return self.prediction

    def learn(self, x: Sequence[float], y: float, visit: int = 1) -> None:
        """Run Learn on an example: the features ``x`` [F] and the label, for multiclass the class number."""
        self._memory[self.metric.label] = self.label(y)
        self._memory[FEATURES] = [self.number(value) for value in x]
        self._run(self._learn, visit)

    def label(self, y: float) -> Any:
        """What Learn reads as the label ``y``: a number, or F numbers with a 1 at class number ``y``."""
        if not self.metric.vector:
            return self.number(y)
        return [self.number(1.0 if at == y else 0.0) for at in range(self.features)]

    def _zero(self, kind: Kind) -> Any:
        """The initial value of a register of ``kind``."""
        zero = self.number(0.0)
        if kind is Kind.SCALAR:
            return zero
        return [zero] * self.features if kind is Kind.VECTOR else [[zero] * self.features] * self.features

    def _run(self, block: list[Step], visit: int) -> None:
        self._visit = visit
        for step in block:
            step()

    def _step(self, instruction: Instruction, draw: int) -> Step:
        """An instruction, bound to this memory. ``draw`` is its index among the live random instructions."""
        op, output = instruction.op, instruction.output
        # The entry of an index is floor(float32(F)·float32(c)) in every precision, so an index is not rounded here.
        constants = [
            c if role is Role.INDEX else self.number(c)
            for role, c in zip(op.constants, instruction.constants, strict=True)
        ]
        memory, inputs, semantics = self._memory, instruction.inputs, op.semantics
        if output is None:
            return lambda: None

        def plain() -> None:
            memory[output] = semantics(*[memory[address] for address in inputs], *constants)

        def in_context() -> None:
            given = {name: self._context(name, output, draw) for name in op.context}
            memory[output] = semantics(*[memory[address] for address in inputs], *constants, **given)

        return in_context if op.context else plain

    def _context(self, name: str, output: Address, draw: int) -> Any:
        """The value of one of an op's keyword arguments, ``Op.context``."""
        if name == "features":
            return self.features
        if name == "old":
            return self._memory[output]
        return Draws(self._key, draw, self._visit, self._task, self.features, self.number)


def _numbered(program: Program, metric: Metric) -> Iterator[list[tuple[Instruction, int]]]:
    """The instructions of each function with their draw numbers, 0 for instructions without a live draw."""
    count = 0
    for block, flags in zip(program.functions, liveness(program, metric), strict=True):
        numbered = []
        for instruction, live in zip(block, flags, strict=True):
            if not instruction.op.random:
                numbered.append((instruction, 0))
            elif live:
                numbered.append((instruction, count))
                count += 1
        yield numbered
