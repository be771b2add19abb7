"""The evaluation of one block of tasks in LLVM IR: training, validation, early stops, fitness.

Emitted once for both backends. A backend supplies the registers that the evaluation itself touches and the
code that runs Setup, Predict and Learn; see ``docs/design.md`` for the schedule. Tasks sit in lanes: a task
whose training has stopped leaves the mask, and its lane computes on unobserved.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from llvmlite import ir

from azdsl.codegen.activations import sigmoid, softmax, too_far
from azdsl.codegen.emitter import F64, I64, POINTER, Emitter, Value
from azdsl.ir import Metric


class Field(enum.IntEnum):
    """The argument table of an evaluation: 8-byte fields, in this order."""

    TRAIN_X = 0  # lane values [N, F]
    TRAIN_Y = 1  # lane values [N]
    VALID_X = 2  # lane values [M, F]
    VALID_Y = 3  # lane values [M]
    N = 4
    M = 5
    EPOCH_LENGTH = 6
    EPOCHS = 7  # validations
    MAX_ABS_ERROR = 8  # float64
    SEED = 9
    TASK = 10  # index of lane 0's task
    LANES = 11  # bit mask of the lanes that hold tasks
    FITNESS = 12  # float64 [W], written
    TRACE = 13  # uint64 [W], written; null to compute no trace
    STOPPED = 14  # written: whether every task's training stopped before its first validation
    MEMORY = 15  # room for registers
    MEMORY_BYTES = 16  # how much of it the VM clears; room for one more register follows
    CODE = 17  # the VM's records of Setup, in the next two fields those of Predict and Learn


FIELDS = int(Field.CODE) + 3
"""8-byte fields in an argument table."""


@dataclass(frozen=True)
class Visit:
    """What the current execution's random draws depend on."""

    key: tuple[Value, Value]
    number: Callable[[], Value]
    task: Value


class Backend(Protocol):
    """What runs a program inside the evaluation. Pointers are to arrays of lane values."""

    def begin(self, e: Emitter, arguments: Value, visit: Visit) -> None:
        """Make zeroed registers."""

    def prediction(self) -> Value:
        """Where s1 is."""

    def vector(self, index: int) -> Value:
        """Where v1 or v2 is, in multi-class tasks."""

    def entering(self) -> None:
        """Prepare for a loop that begins with Predict: called before the loop of training, and of validation."""

    def predicting(self, x: Value) -> None:
        """Make the features at ``x`` the value of v0 in Predict. s0 is 0 there."""

    def learning(self, x: Value, y: Value) -> None:
        """Make the features at ``x`` the value of v0 in Learn, the label at ``y`` that of s0."""

    def run(self, function: int) -> None:
        """Emit Setup (0), Predict (1) or Learn (2); leaves the builder where the program goes on."""


@dataclass(frozen=True)
class Scheme:
    """What an evaluation is specialised for."""

    features: int
    lanes: int
    metric: Metric
    classes: int = 0
    precision: int = 64


_NAN_BITS = 0x7FF8000000000000
_TRACE_PRIME = 0x9E3779B97F4A7C15


class Evaluation:
    """Emits one evaluation function, ``void name(arguments*)``, into a module."""

    def __init__(self, module: ir.Module, name: str, scheme: Scheme, backend: Backend) -> None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name)
        function.attributes.add("nounwind")
        self.arguments = function.args[0]
        # llvmlite keeps allocas in the entry block; code starts in the next so that they stay first
        entry = function.append_basic_block("entry")
        start = function.append_basic_block("start")
        self.builder = ir.IRBuilder(entry)
        self.builder.branch(start)
        self.builder.position_at_end(start)
        self.e = Emitter(self.builder, scheme.features, scheme.lanes, scheme.precision)
        self.scheme = scheme
        self.backend = backend
        self._emit()

    def _field(self, field: Field, type_: ir.Type = I64) -> Value:
        return self.e.read(self.arguments, int(field), type_)

    def _emit(self) -> None:
        e, b, backend = self.e, self.builder, self.backend
        lane_int = ir.IntType(e.lanes)
        seed = self._field(Field.SEED)
        low = ir.Constant(I64, 0xFFFFFFFF)
        self.visit = e.variable(I64, ir.Constant(I64, 0))
        task = b.add(e.splat(self._field(Field.TASK)), e.per_lane(range(e.lanes), I64))
        visit = Visit(
            (b.and_(seed, low), b.lshr(seed, ir.Constant(I64, 32))),
            lambda: b.and_(b.load(self.visit, typ=I64), low),
            task,
        )
        limit = self._field(Field.MAX_ABS_ERROR, F64)
        self.limit = e.splat(limit if e.element == F64 else b.fptrunc(limit, e.element))
        self.active = e.variable(
            lane_int, b.trunc(self._field(Field.LANES), lane_int) if e.lanes < 64 else self._field(Field.LANES)
        )
        self.best = self._field(Field.FITNESS, POINTER)
        b.store(e.constant(0.0, F64), self.best, align=8)
        self.trace = e.variable(e.wide(I64), e.constant(0, I64))
        self.tracing = b.icmp_unsigned("!=", self._field(Field.TRACE), ir.Constant(I64, 0))
        self.finish = b.append_basic_block("finish")
        self.example = e.variable(I64, ir.Constant(I64, 0))
        reached = e.variable(I64, ir.Constant(I64, 1))
        self.nought = e.array(1)
        e.store(e.constant(0.0), self.nought)
        backend.begin(e, self.arguments, visit)
        backend.run(0)
        with e.repeat(lambda: self._field(Field.EPOCHS)) as (epoch, _):
            last = b.icmp_unsigned("==", b.add(epoch(), ir.Constant(I64, 1)), self._field(Field.EPOCHS))
            self.last = e.variable(ir.IntType(1), last)
            backend.entering()
            with e.repeat(lambda: self._field(Field.EPOCH_LENGTH)):
                self._train()
            b.store(ir.Constant(I64, 0), reached)
            self._validate()
        b.branch(self.finish)
        b.position_at_end(self.finish)
        # the evaluation stops in training only when every task has: before the first validation that is fitness 0
        b.store(b.load(reached, typ=I64), self._place(Field.STOPPED))
        with b.if_then(self.tracing):
            final = b.xor(
                b.load(self.trace, typ=e.wide(I64)), b.zext(e.mask(b.load(self.active, typ=lane_int)), e.wide(I64))
            )
            b.store(final, self._field(Field.TRACE, POINTER), align=8)
        b.ret_void()

    def _place(self, field: Field) -> Value:
        return self.builder.gep(self.arguments, [ir.Constant(I64, int(field))], source_etype=I64)

    # One example

    def _place_of(self, field: Field, at: Value, count: int) -> Value:
        """Where example ``at`` of an array of ``count`` lane values each starts."""
        e, b = self.e, self.builder
        return e.element_pointer(self._field(field, POINTER), b.mul(at, ir.Constant(I64, count)))

    def _predict(self, xs: Field, at: Value) -> None:
        e, b, backend = self.e, self.builder, self.backend
        b.store(b.add(b.load(self.visit, typ=I64), ir.Constant(I64, 1)), self.visit)
        backend.predicting(self._place_of(xs, at, e.features))
        if self.scheme.metric.vector:
            e.each(e.features, lambda i: e.store(e.constant(0.0), backend.vector(1), i))
        backend.run(1)

    def _train(self) -> None:
        e, b = self.e, self.builder
        self._predict(Field.TRAIN_X, b.load(self.example, typ=I64))
        at = b.load(self.example, typ=I64)
        label = self._place_of(Field.TRAIN_Y, at, 1)
        y = e.load(label)
        vector = self.scheme.metric.vector
        bad = self._check_classes(y) if vector else self._check(y)
        self._stop(bad)
        following = b.add(at, ir.Constant(I64, 1))
        wrapped = b.icmp_unsigned("==", following, self._field(Field.N))
        b.store(b.select(wrapped, ir.Constant(I64, 0), following), self.example)
        self.backend.learning(self._place_of(Field.TRAIN_X, at, e.features), self.nought if vector else label)
        self.backend.run(2)

    def _check(self, y: Value) -> Value:
        """Squash and trace a scalar prediction; the lanes whose error is too large or NaN."""
        e, b, backend = self.e, self.builder, self.backend
        prediction = e.load(backend.prediction())
        if self.scheme.metric.name == "accuracy":
            prediction = sigmoid(e, prediction)
            e.store(prediction, backend.prediction())
        self._record(prediction)
        return too_far(e, b.fsub(y, prediction), self.limit)

    def _check_classes(self, y: Value) -> Value:
        """The same for a vector of class predictions; writes the one-hot label too, all F entries of it."""
        e, b, backend = self.e, self.builder, self.backend
        shares = softmax(e, [e.load(backend.vector(2), i) for i in range(self.scheme.classes)])
        bad = None
        for i, share in enumerate(shares):
            hot = b.select(b.fcmp_ordered("==", y, e.constant(float(i))), e.constant(1.0), e.constant(0.0))
            e.store(share, backend.vector(2), i)
            e.store(hot, backend.vector(1), i)
            self._record(share)
            far = too_far(e, b.fsub(hot, share), self.limit)
            bad = far if bad is None else b.or_(bad, far)
        for i in range(self.scheme.classes, e.features):
            e.store(e.constant(0.0), backend.vector(1), i)
        return bad

    def _stop(self, bad: Value) -> None:
        """Take lanes out of training; leave the evaluation when none remains."""
        e, b = self.e, self.builder
        lane_int = ir.IntType(e.lanes)
        active = b.load(self.active, typ=lane_int)
        failing = b.and_(e.bits(bad), active)
        with b.if_then(b.icmp_unsigned("!=", failing, ir.Constant(lane_int, 0)), likely=False):
            remaining = b.and_(active, b.not_(failing))
            b.store(remaining, self.active)
            go_on = b.append_basic_block("some_left")
            b.cbranch(b.icmp_unsigned("==", remaining, ir.Constant(lane_int, 0)), self.finish, go_on)
            b.position_at_end(go_on)

    def _record(self, prediction: Value) -> None:
        """Mix a prediction into the trace of the lanes still training (any NaN is the same NaN)."""
        e, b = self.e, self.builder
        with b.if_then(self.tracing, likely=False):
            wide = prediction if e.element == F64 else b.fpext(prediction, e.wide(F64))
            nan = b.fcmp_unordered("uno", wide, wide)
            word = b.select(nan, e.constant(_NAN_BITS, I64), b.bitcast(wide, e.wide(I64)))
            old = b.load(self.trace, typ=e.wide(I64))
            mixed = b.mul(b.xor(old, word), e.constant(_TRACE_PRIME, I64))
            mixed = b.xor(mixed, b.lshr(mixed, e.constant(29, I64)))
            alive = e.mask(b.load(self.active, typ=ir.IntType(e.lanes)))
            b.store(b.select(alive, mixed, old), self.trace)

    # Validation

    def _validate(self) -> None:
        e, b = self.e, self.builder
        lane_int = ir.IntType(e.lanes)
        total = e.variable(e.type)
        b.store(e.constant(0.0), total)
        failed = e.variable(lane_int)
        b.store(ir.Constant(lane_int, 0), failed)
        self.backend.entering()
        with e.repeat(lambda: self._field(Field.M)) as (at, leave):
            self._predict(Field.VALID_X, at())
            y = e.load(self._place_of(Field.VALID_Y, at(), 1))
            if self.scheme.metric.name == "rmse":
                prediction = e.load(self.backend.prediction())
                self._record(prediction)
                error = b.fsub(y, prediction)
                self._fail(e.bits(too_far(e, error, self.limit)), failed, leave)
                gain = b.fmul(error, error)
            else:
                gain = b.select(self._right(y), e.constant(1.0), e.constant(0.0))
            b.store(b.fadd(b.load(total, typ=e.type), gain), total)
        counted = b.and_(b.load(self.active, typ=lane_int), b.not_(b.load(failed, typ=lane_int)))
        # a trace is all that is wanted of an evaluation that makes one
        with b.if_then(b.not_(self.tracing)):
            self._improve(b.load(total, typ=e.type), counted)

    def _improve(self, total: Value, counted: Value) -> None:
        """Take this validation's fitness where it is better, task by task: it calls the C library, so not for padding."""
        e, b = self.e, self.builder
        lane_int = ir.IntType(e.lanes)
        totals = e.array(1)
        e.store(total, totals)
        with (
            b.if_then(b.icmp_unsigned("!=", counted, ir.Constant(lane_int, 0))),
            e.repeat(lambda: ir.Constant(I64, e.lanes)) as (lane, _),
        ):
            shift = b.trunc(lane(), lane_int) if e.lanes < 64 else lane()
            with b.if_then(b.trunc(b.lshr(counted, shift), ir.IntType(1))):
                fitness = self._fitness(b.load(b.gep(totals, [lane()], source_etype=e.element), typ=e.element))
                place = b.gep(self.best, [lane()], source_etype=F64)
                b.store(
                    b.select(b.fcmp_ordered(">", fitness, b.load(place, typ=F64)), fitness, b.load(place, typ=F64)),
                    place,
                )

    def _fail(self, bad: Value, failed: Value, leave: Value) -> None:
        """Mark lanes whose validation counts 0. When all have failed, the last validation need not go on
        (an earlier one must: it changes memory).
        """
        b = self.builder
        lane_int = ir.IntType(self.e.lanes)
        before = b.load(failed, typ=lane_int)
        after = b.or_(before, bad)
        with b.if_then(b.icmp_unsigned("!=", after, before), likely=False):
            b.store(after, failed)
            alive = b.and_(b.load(self.active, typ=lane_int), b.not_(after))
            hopeless = b.and_(
                b.icmp_unsigned("==", alive, ir.Constant(lane_int, 0)), b.load(self.last, typ=ir.IntType(1))
            )
            go_on = b.append_basic_block("some_valid")
            b.cbranch(hopeless, leave, go_on)
            b.position_at_end(go_on)

    def _right(self, y: Value) -> Value:
        """Lanes whose class is predicted."""
        e, b = self.e, self.builder
        if self.scheme.metric.name == "accuracy":
            prediction = e.load(self.backend.prediction())
            self._record(prediction)
            half = e.constant(0.5)
            positive = b.fcmp_ordered(">", sigmoid(e, prediction), half)
            return b.xor(b.xor(positive, b.fcmp_ordered(">", y, half)), e.constant(1, ir.IntType(1)))
        values = [e.load(self.backend.vector(2), i) for i in range(self.scheme.classes)]
        for value in values:
            self._record(value)
        best, largest = e.constant(0.0), values[0]
        number = b.fcmp_ordered("ord", largest, largest)
        for i, value in enumerate(values[1:], 1):
            number = b.and_(number, b.fcmp_ordered("ord", value, value))
            greater = b.fcmp_ordered("<", largest, value)
            largest = b.select(greater, value, largest)
            best = b.select(greater, e.constant(float(i)), best)
        return b.and_(number, b.fcmp_ordered("==", best, y))

    def _fitness(self, total: Value) -> Value:
        """Fitness of one task's validation from its squared errors or right answers, in float64."""
        e, b = self.e, self.builder
        count = self._field(Field.M)
        if self.scheme.metric.classifies:
            return b.fdiv(total if e.element == F64 else b.fpext(total, F64), b.uitofp(count, F64))
        root = e.intrinsic("sqrt", b.fdiv(total, b.uitofp(count, e.element)))
        angle = e.library_call("atan", root if e.element == F64 else b.fpext(root, F64))
        return b.fsub(ir.Constant(F64, 1.0), b.fmul(ir.Constant(F64, 2.0 / math.pi), angle))
