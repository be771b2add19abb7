"""The evaluation of one block of tasks in LLVM IR: training, validation, early stopping, fitness.

Both backends share it (``protocol.Backend``). Each task has a lane. A task whose training has stopped is removed from the mask of
active lanes; its lane computes on, and the results are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from llvmlite import ir

from azdsl.codegen.emitter import F64, I64, POINTER, Emitter, Value
from azdsl.codegen.metrics import Values, lowering_of, one_hot, too_far
from azdsl.codegen.protocol import Backend, Field, Part, Specialization, Visit

_NAN_BITS = 0x7FF8000000000000
_TRACE_PRIME = 0x9E3779B97F4A7C15


class Evaluation:
    """Emits one evaluation function, ``void name(arguments*)``, into a module."""

    def __init__(self, module: ir.Module, name: str, specialization: Specialization, backend: Backend) -> None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), name)
        function.attributes.add("nounwind")
        self.arguments = function.args[0]
        # allocas go to the entry block; code starts in the next block, so that they stay first
        entry = function.append_basic_block("entry")
        start = function.append_basic_block("start")
        self.builder = ir.IRBuilder(entry)
        self.builder.branch(start)
        self.builder.position_at_end(start)
        self.e = Emitter(self.builder, specialization.features, specialization.lanes, specialization.precision)
        self.specialization = specialization
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
        self.best = self._best()
        b.store(e.constant(0.0, F64), self.best, align=8)
        self.trace = e.variable(e.wide(I64), e.constant(0, I64))
        self.tracing = b.icmp_unsigned("!=", self._field(Field.TRACE), ir.Constant(I64, 0))
        # an error of at most 1 can be too large if the limit is smaller
        strict = b.fcmp_unordered("<", limit, ir.Constant(F64, 1.0))
        read = b.icmp_unsigned("==", self._field(Field.UNREAD), ir.Constant(I64, 0))
        self.squashing = b.or_(b.or_(strict, read), self.tracing)
        self.finish = b.append_basic_block("finish")
        self.example = e.variable(I64, ir.Constant(I64, 0))
        reached = e.variable(I64, ir.Constant(I64, 1))
        self.nought = e.array(1)
        e.store(e.constant(0.0), self.nought)
        backend.begin(e, self.arguments, visit)
        backend.run(Part.SETUP)
        with e.repeat(lambda: self._field(Field.EPOCHS)) as (epoch, _):
            last = b.icmp_unsigned("==", b.add(epoch(), ir.Constant(I64, 1)), self._field(Field.EPOCHS))
            self.last = e.variable(ir.IntType(1), last)
            backend.entering()
            parts = {Part.PREDICT: Part.LAST_PREDICT, Part.LEARN: Part.LAST_LEARN}
            with self._stretches(self._before_last, lambda: self._field(Field.EPOCH_LENGTH), parts) as (stretch, _, _):
                self._train(stretch)
            b.store(ir.Constant(I64, 0), reached)
            self._validate()
        b.branch(self.finish)
        b.position_at_end(self.finish)
        self._finish(b.load(reached, typ=I64))
        b.ret_void()

    def _best(self) -> Value:
        """Where each task's best fitness is kept."""
        return self._field(Field.FITNESS, POINTER)

    def _finish(self, stopped: Value) -> None:
        """Write results. Evaluation ends in training only when every task has stopped; before the first validation that means 0."""
        e, b = self.e, self.builder
        b.store(stopped, self._place(Field.STOPPED))
        with b.if_then(self.tracing):
            alive = e.mask(b.load(self.active, typ=ir.IntType(e.lanes)))
            final = b.xor(b.load(self.trace, typ=e.wide(I64)), b.zext(alive, e.wide(I64)))
            b.store(final, self._field(Field.TRACE, POINTER), align=8)

    def _place(self, field: Field) -> Value:
        return self.builder.gep(self.arguments, [ir.Constant(I64, int(field))], source_etype=I64)

    # One example

    def _place_of(self, field: Field, at: Value, count: int) -> Value:
        """The address of example ``at`` in an array of examples of ``count`` lane values."""
        e, b = self.e, self.builder
        return e.element_pointer(self._field(field, POINTER), b.mul(at, ir.Constant(I64, count)))

    @contextmanager
    def _stretches(
        self, first: Callable[[], Value], both: Callable[[], Value], parts: Mapping[Part, Part]
    ) -> Iterator[tuple[Callable[[], Value], Callable[[], Value], Value]]:
        """``both`` steps in two loops with one body, ``first`` of them in the first loop, which runs the keys of ``parts``.

        The second loop runs their values, so that no step need ask which. ``with self._stretches(…) as (stretch, step, leave)``:
        ``stretch`` is 0 or 1, ``step`` counts all steps. A branch to the block ``leave`` ends both loops.
        """
        e, b = self.e, self.builder
        at = e.variable(I64, ir.Constant(I64, 0))

        def step() -> Value:
            return b.load(at, typ=I64)

        with e.repeat(lambda: ir.Constant(I64, 2)) as (stretch, leave):
            end = e.variable(I64, b.select(b.trunc(stretch(), ir.IntType(1)), both(), first()))
            with b.if_then(b.icmp_unsigned("<", step(), b.load(end, typ=I64))):
                for part, other in parts.items():
                    self.backend.choose(part, other, stretch())
                head = b.append_basic_block("step")
                b.branch(head)
                b.position_at_end(head)
                yield stretch, step, leave
                b.store(b.add(step(), ir.Constant(I64, 1)), at)
                done = b.append_basic_block("done")
                b.cbranch(b.icmp_unsigned("<", step(), b.load(end, typ=I64)), head, done)
                b.position_at_end(done)

    def _predict(self, xs: Field, at: Value, part: Part) -> None:
        e, b, backend = self.e, self.builder, self.backend
        b.store(b.add(b.load(self.visit, typ=I64), ir.Constant(I64, 1)), self.visit)
        example = self._place_of(xs, at, e.features)
        e.prefetch_ahead(example, e.features * e.lane_bytes)
        backend.predicting(example)
        if self.specialization.metric.vector:
            e.spread(e.features, lambda i: e.store(e.constant(0.0), backend.vector(1), i))
            e.barrier()
        backend.run(part)

    def _validation_steps(self) -> AbstractContextManager[tuple[Callable[[], Value], Callable[[], Value], Value]]:
        """The stretches of a validation."""
        return self._stretches(self._settling, lambda: self._field(Field.M), {Part.VALIDATE: Part.SETTLED})

    def _settling(self) -> Value:
        """The validation examples before ``Part.SETTLED``."""
        examples, settled = self._field(Field.M), self._field(Field.SETTLED)
        return self.builder.select(self.builder.icmp_unsigned("<", settled, examples), settled, examples)

    def _before_last(self) -> Value:
        """The training steps before the one that a validation follows."""
        return self.builder.sub(self._field(Field.EPOCH_LENGTH), ir.Constant(I64, 1))

    def _train(self, stretch: Callable[[], Value]) -> None:
        """Train on the next example; in stretch 1 a validation follows."""
        e, b = self.e, self.builder
        self._predict(Field.TRAIN_X, b.load(self.example, typ=I64), Part.PREDICT)
        at = b.load(self.example, typ=I64)
        label = self._place_of(Field.TRAIN_Y, at, 1)
        y = e.load(label)
        vector = self.specialization.metric.vector
        bad = self._check_classes(y) if vector else self._check(y, stretch())
        self._stop(bad)
        following = b.add(at, ir.Constant(I64, 1))
        wrapped = b.icmp_unsigned("==", following, self._field(Field.N))
        b.store(b.select(wrapped, ir.Constant(I64, 0), following), self.example)
        self.backend.learning(self._place_of(Field.TRAIN_X, at, e.features), self.nought if vector else label)
        self.backend.run(Part.LEARN)

    def _scores(self) -> list[Value]:
        """The prediction as Predict leaves it: one lane value, or C for a vector metric."""
        e, backend = self.e, self.backend
        if not self.specialization.metric.vector:
            return [e.load(backend.prediction())]
        return [e.load(backend.vector(2), i) for i in range(self.specialization.classes)]

    def _check(self, y: Value, stretch: Value) -> Value:
        """Squash and trace a scalar prediction. Returns the lanes whose error is too large or NaN.

        A prediction that nothing reads is only checked, where the metric can do that without squashing it.
        """
        e, b = self.e, self.builder
        lowering, scores = lowering_of(self.specialization.metric), self._scores()
        if lowering.fails is None:
            return self._squash(y, scores)
        bad = e.variable(e.wide(ir.IntType(1)), lowering.fails(e, scores))
        with b.if_then(b.or_(b.trunc(stretch, ir.IntType(1)), self.squashing)):
            b.store(self._squash(y, scores), bad)
        return b.load(bad, typ=e.wide(ir.IntType(1)))

    def _squash(self, y: Value, scores: Values) -> Value:
        e, b, backend = self.e, self.builder, self.backend
        squashed = lowering_of(self.specialization.metric).squash(e, scores)
        if squashed is not scores:
            e.barrier()
            e.put(squashed[0], backend.prediction())
        self._record(squashed[0])
        return too_far(e, b.fsub(y, squashed[0]), self.limit)

    def _check_classes(self, y: Value) -> Value:
        """Squash and trace a vector prediction, and write all F entries of the one-hot label. Returns lanes as ``_check`` does."""
        e, b, backend = self.e, self.builder, self.backend
        squashed = lowering_of(self.specialization.metric).squash(e, self._scores())
        bad = None
        e.barrier()
        for i, share in enumerate(squashed):
            hot = one_hot(e, y, i)
            e.put(share, backend.vector(2), i)
            e.put(hot, backend.vector(1), i)
            self._record(share)
            far = too_far(e, b.fsub(hot, share), self.limit)
            bad = far if bad is None else b.or_(bad, far)
        for i in range(self.specialization.classes, e.features):
            e.put(e.constant(0.0), backend.vector(1), i)
        return bad

    def _stop(self, bad: Value) -> None:
        """Stop training in the lanes of ``bad``; end the evaluation when no lane remains."""
        e, b = self.e, self.builder
        lane_int = ir.IntType(e.lanes)
        active = b.load(self.active, typ=lane_int)
        failing = b.and_(e.bits(bad), active)
        with b.if_then(e.any(failing), likely=False):
            remaining = b.and_(active, b.not_(failing))
            b.store(remaining, self.active)
            go_on = b.append_basic_block("some_left")
            b.cbranch(e.any(remaining), go_on, self.finish)
            b.position_at_end(go_on)

    def _record(self, prediction: Value) -> None:
        """Mix a prediction into the trace of the lanes whose training has not stopped. All NaNs count as one."""
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
        with self._validation_steps() as (_, at, leave):
            self._predict(Field.VALID_X, at(), Part.VALIDATE)
            y = e.load(self._place_of(Field.VALID_Y, at(), 1))
            scores = self._scores()
            for score in scores:
                self._record(score)
            gain, bad = lowering_of(self.specialization.metric).gain(e, scores, y, self.limit)
            if bad is not None:
                self._fail(e.bits(bad), failed, leave)
            b.store(b.fadd(b.load(total, typ=e.type), gain), total)
        counted = b.and_(b.load(self.active, typ=lane_int), b.not_(b.load(failed, typ=lane_int)))
        # a tracing evaluation computes only the trace
        with b.if_then(b.not_(self.tracing)):
            self._improve(b.load(total, typ=e.type), counted)

    def _improve(self, total: Value, counted: Value) -> None:
        """Take this validation's fitness in the lanes where it counts and is better."""
        e, b = self.e, self.builder
        fitness = lowering_of(self.specialization.metric).fitness(e, total, self._field(Field.M))
        best = b.load(self.best, align=8, typ=e.wide(F64))
        better = b.and_(e.mask(counted), b.fcmp_ordered(">", fitness, best))
        b.store(b.select(better, fitness, best), self.best, align=8)

    def _fail(self, bad: Value, failed: Value, leave: Value) -> None:
        """Mark lanes whose fitness in this validation is 0. When all lanes are marked, the last validation ends.

        An earlier validation goes on, because it changes memory.
        """
        e, b = self.e, self.builder
        lane_int = ir.IntType(e.lanes)
        before = b.load(failed, typ=lane_int)
        after = b.or_(before, bad)
        with b.if_then(e.any(b.xor(after, before)), likely=False):
            b.store(after, failed)
            alive = b.and_(b.load(self.active, typ=lane_int), b.not_(after))
            hopeless = b.and_(b.not_(e.any(alive)), b.load(self.last, typ=ir.IntType(1)))
            go_on = b.append_basic_block("some_valid")
            b.cbranch(hopeless, leave, go_on)
            b.position_at_end(go_on)
