"""A program's memory and the execution of its functions, in pure Python on floats and lists.

This is what a program means; compiled backends are tested against it. Values are never changed in
place: an instruction replaces its output register, so registers may share lists.
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
    """One task's memory, all zero at first, and a program's functions that run on it.

    ``features`` is F. ``seed`` and ``task`` choose the random draws; ``visit`` in the methods says
    which example of the schedule it is for. ``metric`` decides where labels and predictions stand,
    and so which instructions are live: dead random ones are neither counted as draws nor run. With
    ``precision=32`` call the methods inside ``numpy.errstate(all="ignore")``: NumPy warns of what IEEE
    arithmetic means to do.
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
        """A register's value: a number, F numbers, or F rows of F numbers."""
        return self._memory[address]

    @property
    def prediction(self) -> Any:
        """What Predict left: s1, or v2 [F] of a multi-class task."""
        return self._memory[self.metric.prediction]

    @prediction.setter
    def prediction(self, value: Any) -> None:
        self._memory[self.metric.prediction] = value

    def run_setup(self) -> None:
        """Run Setup, once, before any example."""
        self._run(self._setup, 0)

    def predict(self, x: Sequence[float], visit: int = 1) -> Any:
        """Run Predict on the features ``x`` [F], the label out of sight. Returns the prediction as it is, not squashed."""
        self._memory[LABEL] = self._zero(Kind.SCALAR)
        self._memory[self.metric.label] = self._zero(self.metric.label.kind)
        self._memory[FEATURES] = [self.number(value) for value in x]
        self._run(self._predict, visit)
        return self.prediction

    def learn(self, x: Sequence[float], y: float, visit: int = 1) -> None:
        """Run Learn on an example: its features ``x`` [F] and its label (multi-class: the class number)."""
        self._memory[self.metric.label] = self.label(y)
        self._memory[FEATURES] = [self.number(value) for value in x]
        self._run(self._learn, visit)

    def label(self, y: float) -> Any:
        """What Learn reads as the label ``y``: a number, or F numbers with a 1 at class number ``y``."""
        if not self.metric.vector:
            return self.number(y)
        return [self.number(1.0 if at == y else 0.0) for at in range(self.features)]

    def _zero(self, kind: Kind) -> Any:
        """The value of a register of ``kind`` when a task starts."""
        zero = self.number(0.0)
        if kind is Kind.SCALAR:
            return zero
        return [zero] * self.features if kind is Kind.VECTOR else [[zero] * self.features] * self.features

    def _run(self, block: list[Step], visit: int) -> None:
        self._visit = visit
        for step in block:
            step()

    def _step(self, instruction: Instruction, draw: int) -> Step:
        """An instruction, bound to this memory. ``draw`` is its number among the live random ones."""
        op, output = instruction.op, instruction.output
        # An index is compared with float32(F)·float32(c) whatever the precision, so it is not rounded here.
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
        """What an op asks for beside its inputs and constants."""
        if name == "features":
            return self.features
        if name == "old":
            return self._memory[output]
        return Draws(self._key, draw, self._visit, self._task, self.features, self.number)


def _numbered(program: Program, metric: Metric) -> Iterator[list[tuple[Instruction, int]]]:
    """Each function's instructions with their draw numbers (0 for those that draw nothing)."""
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
