"""The derivative of a program's validation loss with respect to a constant, as machine code in float64.

The loss is the mean squared error of a regression, or the mean cross-entropy of a classification: smooth where the fitness is not.
Training and early stopping are those of ``evaluation``; only the validation differs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen.blocks import lay_out
from azdsl.codegen.compiled_program import jit_lanes
from azdsl.codegen.emitter import F64, POINTER, Emitter, Value
from azdsl.codegen.evaluation import Evaluation
from azdsl.codegen.jit import Inline, registers
from azdsl.codegen.memory import aligned
from azdsl.codegen.metrics import Values, lowering_of
from azdsl.codegen.protocol import FIELDS, EvaluationSettings, Field, Part, Specialization, Visit
from azdsl.codegen.target import compile_object, load_object
from azdsl.ir import Address, Program, live_exits
from azdsl.taskset import TaskSet

_PRESETS, _RESULTS = FIELDS, FIELDS + 1
"""Further fields of the argument table: the presets float64[P]; loss and slope float64[2, W], written."""

_LEVEL = 2


class _Derived(Inline):
    """A derivative program as a backend: some registers are preset, and the derivative of the squash is applied."""

    def __init__(
        self, program: Program, specialization: Specialization, presets: Sequence[Address], change: Address
    ) -> None:
        super().__init__(program, specialization.metric)
        self.specialization, self.presets, self.change = specialization, presets, change
        self.exits = live_exits(program, self.metric, frozenset({change}))

    def begin(self, e: Emitter, arguments: Value, visit: Visit) -> None:
        """Make registers with value 0, and the presets with their values."""
        super().begin(e, arguments, visit)
        self._make(self.change)
        table = e.read(arguments, _PRESETS, POINTER)
        for at, address in enumerate(self.presets):
            self._make(address)
            e.store(e.splat(e.read(table, at, F64)), self.slots[address])

    def _make(self, address: Address) -> None:
        """Make a register that the program may not name."""
        if address not in self.slots:
            slot, count = self.e.array(address.kind.size(self.e.features)), address.kind.size(self.e.features)
            self.e.each(count, lambda i: self.e.store(self.e.constant(0.0), slot, i))
            self.slots[address] = slot

    def learning(self, x: Value, y: Value) -> None:
        """Before Learn the evaluation squashes the prediction: apply the derivative of the squash to its change."""
        super().learning(x, y)
        derivative = lowering_of(self.metric).derivative
        for i, value in enumerate(derivative(self.e, self.prediction_values(), self.change_values())):
            self.e.store(value, self.slots[self.change], i)

    def prediction_values(self) -> Values:
        """The prediction: one lane value, or C for a vector metric."""
        return self._values(self.metric.prediction)

    def change_values(self) -> Values:
        """The derivative of the prediction, in the same form."""
        return self._values(self.change)

    def _values(self, address: Address) -> Values:
        count = self.metric.outputs(self.specialization.classes)
        return [self.e.load(self.slots[address], i) for i in range(count)]


class _Slope(Evaluation):
    """An evaluation whose last validation writes loss and slope, not a fitness."""

    backend: _Derived

    def _validate(self) -> None:
        e, b = self.e, self.builder
        totals = [e.variable(e.type), e.variable(e.type)]
        for total in totals:
            b.store(e.constant(0.0), total)
        with self._validation_steps() as (_, at, _):
            self._predict(Field.VALID_X, at(), Part.VALIDATE)
            scores, changes = self.backend.prediction_values(), self.backend.change_values()
            y = e.load(self._place_of(Field.VALID_Y, at(), 1))
            terms = lowering_of(self.backend.metric).loss(e, scores, changes, y)
            for total, term in zip(totals, terms, strict=True):
                b.store(b.fadd(b.load(total, typ=e.type), term), total)
        with b.if_then(b.load(self.last, typ=ir.IntType(1))):
            active = e.mask(b.load(self.active, typ=ir.IntType(e.lanes)))
            results = e.read(self.arguments, _RESULTS, POINTER)
            examples = e.splat(b.uitofp(self._field(Field.M), F64))
            for row, total in enumerate(totals):
                mean = b.fdiv(b.load(total, typ=e.type), examples)
                b.store(b.select(active, mean, e.constant(float("nan"))), e.element_pointer(results, row), align=8)


class Slopes:
    """Loss and slope of a derivative program on tasks, compiled once for all values of the presets.

    ``presets`` are the scalar registers with given values before Setup. ``change`` is the register that holds the derivative of the
    prediction.
    """

    def __init__(
        self,
        program: Program,
        presets: Sequence[Address],
        change: Address,
        tasks: TaskSet,
        *,
        seed: int = 0,
        max_abs_error: float = 100.0,
    ) -> None:
        lanes = jit_lanes(tasks.tasks, 64)
        specialization = Specialization(tasks.features, lanes, tasks.metric_definition, tasks.classes)
        module = ir.Module("slope")
        _Slope(module, "slope", specialization, _Derived(program, specialization, presets, change))
        self._code = load_object(compile_object(module, _LEVEL))
        settings = EvaluationSettings(seed, max_abs_error)
        self._blocks = [lay_out(tasks, first, lanes, settings) for first in range(0, tasks.tasks, lanes)]
        size = sum(address.kind.size(tasks.features) for address in registers(program, tasks.metric_definition))
        self._memory = aligned(size * lanes, np.float64)
        self._lanes, self._tasks = lanes, tasks.tasks

    def __call__(self, presets: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Loss and slope, float64[T] each; NaN for a task whose training stopped before its last validation."""
        values = np.array(presets, np.float64)
        results = np.full((len(self._blocks), 2, self._lanes), np.nan)
        unused = np.zeros(self._lanes)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("slope"))
        for block, result in zip(self._blocks, results, strict=True):
            arguments = np.concatenate([block.arguments, [values.ctypes.data, result.ctypes.data]])
            arguments[Field.MEMORY], arguments[Field.FITNESS] = self._memory.ctypes.data, unused.ctypes.data
            function(arguments.ctypes.data)
        together = np.concatenate(list(results), axis=1)[:, : self._tasks]
        return together[0], together[1]
