"""The functions of a standalone model, in LLVM IR with the C calling convention.

There is no global state: a function works on the model that it is given. It computes the same bits as the interpreter.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from functools import partial

from llvmlite import ir

from azdsl.codegen.aot.batch_predict import column, rows_at_once, scatter
from azdsl.codegen.aot.frames import SEED, VISITS, Frame, Functions, Registers, Spec
from azdsl.codegen.aot.traced import TRACE_FUNCTIONS, TracedFunctions
from azdsl.codegen.emitter import F64, I32, I64, POINTER, Value
from azdsl.codegen.protocol import Visit
from azdsl.ir import METRICS

I8 = ir.IntType(8)
_LOW = 0xFFFFFFFF
_EXPONENT = 0x7FF << 52
COPY_BYTES = 256
"""Functions work on a copy of each register of at most this many bytes."""


class Code(enum.IntEnum):
    """The status that a function returns."""

    OK = 0
    STOPPED = 1
    NOT_FINITE = 2
    BAD_LABEL = 3
    NULL = 4


class Writer:
    """Adds all functions of one model to a module; ``vector_bytes`` is the width of the processor's vectors.

    A ``long`` program compiles faster: training and prediction share one copy of Predict where that hardly slows predictions, and
    Setup uses no vectors. A ``traced`` model also has ``TRACE_FUNCTIONS``.
    """

    def __init__(
        self, module: ir.Module, spec: Spec, vector_bytes: int, version: str, long: bool = False, traced: bool = False
    ) -> None:
        self.module = module
        self.spec = spec
        self.rows = rows_at_once(spec, vector_bytes)
        self.long = long
        self.traced = traced
        self.sharing = long and (self.rows > 1 or all(spec.predicting))
        self.version = version
        self.model_bytes = spec.state_bytes

    def write(self) -> None:
        """Add every function."""
        finite = self._finite()
        check = self._check(finite)
        setup = self._setup()
        train = self._visit_all("train", learns=True, predicts=self.sharing)
        in_order = train if self.sharing else self._visit_all("predict_in_order", learns=False, predicts=True)
        self._init(setup)
        self._learn_one(check, train)
        self._fit(check, train, setup)
        self._predict_one(self._predict(finite, in_order, self._predict_rows() if self.rows > 1 else None))
        if self.traced:
            trace_setup, trace = TRACE_FUNCTIONS
            self._setup(trace_setup, traced=True)
            self._visit_all(trace, learns=True, predicts=False, traced=True)
        self._metadata()
        self._create()

    # Frames

    def _open(
        self, name: str, result: ir.Type, parameters: Sequence[ir.Type], public: bool = True, lanes: int = 1
    ) -> Frame:
        function = ir.Function(self.module, ir.FunctionType(result, parameters), f"{self.spec.prefix}{name}")
        function.attributes.add("nounwind")
        if not public or name in ("setup", "predict"):
            function.attributes.add("noinline")
        if not public:
            function.linkage = "internal"
        for argument in function.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        # allocas go to the entry block; code starts in the next block, so that they stay first
        entry, start = function.append_basic_block("entry"), function.append_basic_block("start")
        builder = ir.IRBuilder(entry)
        builder.branch(start)
        builder.position_at_end(start)
        return Frame(builder, self.spec, function.args[0] if function.args else None, lanes)

    def _close(self, frame: Frame) -> None:
        self.model_bytes = max(self.model_bytes, frame.model_bytes)

    def _refuse_null(self, frame: Frame) -> None:
        b = frame.builder
        null = ir.Constant(POINTER, None)
        tests = [b.icmp_unsigned("==", a, null) for a in b.function.args if a.type == POINTER]
        bad = tests[0]
        for test in tests[1:]:
            bad = b.or_(bad, test)
        self._return_if(frame, bad, Code.NULL)

    def _return_if(self, frame: Frame, bad: Value, code: Code | Value) -> None:
        with frame.builder.if_then(bad, likely=False):
            frame.builder.ret(ir.Constant(I32, int(code)) if isinstance(code, Code) else code)

    def _functions(self, frame: Frame, visits: Value, registers: Registers, trace: Value | None = None) -> Functions:
        b = frame.builder
        seed = b.load(frame.offset(frame.model, SEED), typ=I64)
        key = (b.and_(seed, ir.Constant(I64, _LOW)), b.lshr(seed, ir.Constant(I64, 32)))
        number = lambda: b.and_(b.load(visits, typ=I64), ir.Constant(I64, _LOW))  # noqa: E731
        visit = Visit(key, number, frame.constant(0, I64))
        if trace is not None:
            return TracedFunctions(self.spec, frame, visit, registers, trace)
        return Functions(self.spec, frame, visit, registers)

    # Checks

    def _finite(self) -> ir.Function:
        """``int finite(const double *values, size_t count)``: whether all values are finite."""
        frame = self._open("finite", I32, [POINTER, I64])
        b = frame.builder
        values, count = b.function.args
        self._return_if(frame, b.icmp_unsigned("==", count, ir.Constant(I64, 0)), Code(1))
        seen = frame.variable(I64, ir.Constant(I64, 0))
        with frame.repeat(lambda: count) as (at, _):
            self._look(frame, b.load(b.gep(values, [at()], source_etype=I64), typ=I64), seen)
        b.ret(b.zext(b.icmp_signed(">=", b.load(seen, typ=I64), ir.Constant(I64, 0)), I32))
        return b.function

    def _look(self, frame: Frame, word: Value, seen: Value) -> None:
        """Set the sign bit of ``seen`` if the float64 with the bits ``word`` is not finite: its exponent carries into the sign."""
        b = frame.builder
        carried = b.add(b.and_(word, frame.constant(_EXPONENT, I64)), frame.constant(1 << 52, I64))
        b.store(b.or_(b.load(seen, typ=word.type), carried), seen)

    def _check(self, finite: ir.Function) -> ir.Function:
        """``int check(const double *X, const double *y, size_t n)``: the status for n training examples."""
        frame = self._open("check", I32, [POINTER, POINTER, I64], public=False)
        b = frame.builder
        X, y, n = b.function.args
        for values, count in ((X, b.mul(n, ir.Constant(I64, self.spec.features))), (y, n)):
            good = b.icmp_unsigned("!=", b.call(finite, [values, count]), ir.Constant(I32, 0))
            self._return_if(frame, b.not_(good), Code.NOT_FINITE)
        if self.spec.metric.classifies:
            self._return_if(frame, b.icmp_unsigned("==", n, ir.Constant(I64, 0)), Code.OK)
            bad = frame.variable(ir.IntType(1), ir.Constant(ir.IntType(1), 0))
            most = ir.Constant(F64, float(max(self.spec.classes, 2) - 1))
            with frame.repeat(lambda: n) as (at, _):
                label = b.load(b.gep(y, [at()], source_etype=F64), typ=F64)
                outside = b.or_(b.fcmp_ordered("<", label, ir.Constant(F64, 0.0)), b.fcmp_ordered(">", label, most))
                inside = b.select(outside, ir.Constant(F64, 0.0), label)
                broken = b.fcmp_ordered("!=", b.sitofp(b.fptosi(inside, I64), F64), inside)
                b.store(b.or_(b.load(bad, typ=ir.IntType(1)), b.or_(outside, broken)), bad)
            self._return_if(frame, b.load(bad, typ=ir.IntType(1)), Code.BAD_LABEL)
        b.ret(ir.Constant(I32, Code.OK))
        return b.function

    # Training

    def _setup(self, name: str = "setup", traced: bool = False) -> ir.Function:
        """``int name(model, seed)``; a traced one has the parameter ``trace`` too."""
        frame = self._open(name, I32, [POINTER, I64, *([POINTER] if traced else [])])
        b = frame.builder
        if self.long:
            # Setup runs once: vectors would save less time than compiling them takes. The attribute forbids them.
            b.function.attributes.add("noimplicitfloat")
        model, seed, *rest = b.function.args
        self._refuse_null(frame)
        frame.clear(model, self.spec.state_bytes)
        b.store(seed, frame.offset(model, SEED))
        registers = Registers(frame, cleared=True)
        registers.keep(self.spec)
        self._functions(frame, frame.offset(model, VISITS), registers, *rest).emit_function(0)
        b.ret(ir.Constant(I32, Code.OK))
        self._close(frame)
        return b.function

    def _init(self, setup: ir.Function) -> None:
        frame = self._open("init", I32, [POINTER])
        b = frame.builder
        if self.spec.image:
            self._refuse_null(frame)
            image = self._bytes("image", self.spec.image)
            frame.copy(frame.model, image, len(self.spec.image))
            b.ret(ir.Constant(I32, Code.OK))
        else:
            b.ret(b.call(setup, [frame.model, ir.Constant(I64, self.spec.seed)]))

    def _learn_one(self, check: ir.Function, train: ir.Function) -> None:
        frame = self._open("learn_one", I32, [POINTER, POINTER, F64])
        b = frame.builder
        model, x, y = b.function.args
        self._refuse_null(frame)
        label = frame.variable(F64, y)
        code = b.call(check, [x, label, ir.Constant(I64, 1)])
        self._return_if(frame, b.icmp_unsigned("!=", code, ir.Constant(I32, 0)), code)
        b.ret(b.call(train, [model, x, label, ir.Constant(I64, 1), ir.Constant(POINTER, None)]))

    def _visit_all(self, name: str, learns: bool, predicts: bool, traced: bool = False) -> ir.Function:
        """``int name(model, X, y, n, out)``: visit n checked examples in order, n at least 1.

        A function that both learns and predicts learns if ``y`` is given, and predicts if it is NULL. ``out`` is for predictions, or
        for the trace.
        """
        frame = self._open(name, I32, [POINTER, POINTER, POINTER, I64, POINTER], public=traced)
        b, spec = frame.builder, self.spec
        model, X, y, n, out = b.function.args
        registers = self._registers(frame, read_only=spec.rows_independent and not learns)
        visits = frame.variable(I64, b.load(frame.offset(model, VISITS), typ=I64))
        functions = self._functions(frame, visits, registers, out if traced else None)
        code = frame.variable(I32, ir.Constant(I32, Code.OK))
        with frame.repeat(lambda: n) as (at, leave):
            row = b.gep(X, [b.mul(at(), ir.Constant(I64, spec.features))], source_etype=F64)
            functions.begin_visit(visits, self._example(frame, row))
            if learns:
                functions.emit_function(1)
            else:
                functions.predict_only()
            squashed = functions.squashed()

            def give() -> None:
                functions.give(squashed, b.gep(out, [b.mul(at(), ir.Constant(I64, spec.outputs))], source_etype=F64))

            def learn() -> None:
                label = b.load(b.gep(y, [at()], source_etype=F64), typ=F64)
                with b.if_then(functions.reveal(squashed, label), likely=False):
                    b.store(ir.Constant(I32, Code.STOPPED), code)
                    b.branch(leave)
                functions.emit_function(2)

            if learns and predicts:
                with b.if_else(b.icmp_unsigned("==", y, ir.Constant(POINTER, None))) as (unlabelled, labelled):
                    with unlabelled:
                        give()
                    with labelled:
                        learn()
            elif learns:
                learn()
            else:
                give()
        registers.put_back()
        b.store(b.load(visits, typ=I64), frame.offset(model, VISITS))
        b.ret(b.load(code, typ=I32))
        self._close(frame)
        return b.function

    def _fit(self, check: ir.Function, train: ir.Function, setup: ir.Function) -> None:
        for name, afresh in (("fit", True), ("partial_fit", False)):
            frame = self._open(name, I32, [POINTER, POINTER, POINTER, I64])
            b = frame.builder
            model, X, y, n = b.function.args
            self._refuse_null(frame)
            code = b.call(check, [X, y, n])
            self._return_if(frame, b.icmp_unsigned("!=", code, ir.Constant(I32, 0)), code)
            if afresh:
                b.call(setup, [model, b.load(frame.offset(model, SEED), typ=I64)])
            self._return_if(frame, b.icmp_unsigned("==", n, ir.Constant(I64, 0)), Code.OK)
            b.ret(b.call(train, [model, X, y, n, ir.Constant(POINTER, None)]))

    def _registers(self, frame: Frame, read_only: bool = False) -> Registers:
        """The model's registers; of those of at most ``COPY_BYTES`` a copy, which LLVM can keep in processor registers."""
        registers = Registers(frame)
        registers.keep(self.spec, 0 if read_only else COPY_BYTES)
        return registers

    def _example(self, frame: Frame, row: Value) -> Value:
        """The address of a row's features as numbers of the model's type."""
        if frame.element == F64:
            return row
        b, own = frame.builder, frame.array(frame.features)

        def narrow(i: Value) -> None:
            place = b.gep(row, [frame.index(i)], source_etype=F64)
            frame.store(b.fptrunc(b.load(place, align=8, typ=F64), frame.element), own, i)

        frame.each(frame.features, narrow)
        return own

    # Prediction

    def _predict_one(self, predict: ir.Function) -> None:
        frame = self._open("predict_one", I32, [POINTER, POINTER, POINTER])
        model, x, out = frame.builder.function.args
        frame.builder.ret(frame.builder.call(predict, [model, x, ir.Constant(I64, 1), out]))

    def _predict(self, finite: ir.Function, in_order: ir.Function, rows: ir.Function | None) -> ir.Function:
        """``int predict(model, X, n, out)``: complete groups of rows at once, the others (at least one) in order."""
        frame = self._open("predict", I32, [POINTER, POINTER, I64, POINTER])
        b, spec = frame.builder, self.spec
        model, X, n, out = b.function.args
        self._refuse_null(frame)
        self._return_if(frame, b.icmp_unsigned("==", n, ir.Constant(I64, 0)), Code.OK)
        start = ir.Constant(I64, 0)
        if rows:
            groups = b.udiv(b.sub(n, ir.Constant(I64, 1)), ir.Constant(I64, self.rows))
            with b.if_then(b.icmp_unsigned("!=", groups, ir.Constant(I64, 0))):
                good = b.call(rows, [model, X, groups, out])
                self._return_if(frame, b.not_(good), Code.NOT_FINITE)
            start = b.mul(groups, ir.Constant(I64, self.rows))
        width = ir.Constant(I64, spec.features)
        rest = b.gep(X, [b.mul(start, width)], source_etype=F64)
        good = b.call(finite, [rest, b.mul(b.sub(n, start), width)])
        self._return_if(frame, b.icmp_unsigned("==", good, ir.Constant(I32, 0)), Code.NOT_FINITE)
        visits = frame.offset(model, VISITS)
        b.store(b.add(b.load(visits, typ=I64), start), visits)
        target = b.gep(out, [b.mul(start, ir.Constant(I64, spec.outputs))], source_etype=F64)
        b.ret(b.call(in_order, [model, rest, ir.Constant(POINTER, None), b.sub(n, start), target]))
        return b.function

    def _predict_rows(self) -> ir.Function:
        """Predict groups of rows, one row in each lane. Rows do not depend on each other here.

        The function returns whether all features were finite.
        """
        frame = self._open(
            "predict_rows", ir.IntType(1), [POINTER, POINTER, I64, POINTER], public=False, lanes=self.rows
        )
        b, spec, rows = frame.builder, self.spec, self.rows
        model, X, groups, out = b.function.args
        registers = Registers(frame)
        for address in spec.inherited:
            registers[address] = frame.offset(model, spec.places[address])
            frame.shared.append(registers[address])
        visits = frame.variable(I64, ir.Constant(I64, 0))
        functions = self._functions(frame, visits, registers)
        features = frame.array(spec.features)
        seen = frame.variable(frame.wide(I64), frame.constant(0, I64))

        def transpose(first: Value, i: Value) -> None:
            value = column(frame, first, i)
            self._look(frame, b.bitcast(value, frame.wide(I64)), seen)
            frame.store(value if frame.element == F64 else b.fptrunc(value, frame.type), features, i)

        with frame.repeat(lambda: groups) as (group, _):
            first = b.gep(X, [b.mul(group(), ir.Constant(I64, rows * spec.features))], source_etype=F64)
            frame.each(spec.features, partial(transpose, first))
            functions.begin_visit(visits, features)
            functions.predict_only()
            target = b.gep(out, [b.mul(group(), ir.Constant(I64, rows * spec.outputs))], source_etype=F64)
            scatter(frame, functions.squashed(), target)
        bad = frame.bits(b.icmp_signed("<", b.load(seen, typ=frame.wide(I64)), frame.constant(0, I64)))
        b.ret(b.icmp_unsigned("==", bad, ir.Constant(bad.type, 0)))
        self._close(frame)
        return b.function

    # Metadata and memory

    def _metadata(self) -> None:
        spec = self.spec
        numbers = {
            "features": spec.features,
            "outputs": spec.outputs,
            "metric": list(METRICS).index(spec.metric.name),
            "precision": spec.precision,
            "trained": int(bool(spec.image)),
        }
        for name, value in numbers.items():
            self._open(name, I32, []).builder.ret(ir.Constant(I32, value))
        self._open("size", I64, []).builder.ret(ir.Constant(I64, self.model_bytes))
        text = self._bytes("version_text", f"azdsl {self.version}".encode() + b"\0")
        self._open("version", POINTER, []).builder.ret(text)

    def _create(self) -> None:
        frame = self._open("create", POINTER, [])
        b = frame.builder
        model = b.call(frame.declare("malloc", POINTER, [I64]), [ir.Constant(I64, self.model_bytes)])
        with b.if_then(b.icmp_unsigned("!=", model, ir.Constant(POINTER, None))):
            b.call(self.module.globals[f"{self.spec.prefix}init"], [model])
        b.ret(model)
        frame = self._open("free", ir.VoidType(), [POINTER])
        b = frame.builder
        b.call(frame.declare("free", ir.VoidType(), [POINTER]), [frame.model])
        b.ret_void()

    def _bytes(self, name: str, data: bytes) -> Value:
        """The address of a new constant array."""
        type_ = ir.ArrayType(I8, len(data))
        array = ir.GlobalVariable(self.module, type_, f"{self.spec.prefix}{name}")
        array.linkage, array.global_constant, array.align = "internal", True, 16
        array.initializer = ir.Constant(type_, bytearray(data))
        return array


__all__ = ["Code", "Spec", "Writer"]
