"""The memory layout of a standalone model, and the emitter and registers of its functions.

A model is one block of memory: its seed and its visit count (two 64-bit words), then the registers that an example inherits from the
previous one, then intermediate values too large for the stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from llvmlite import ir

from azdsl.codegen.emitter import F64, I64, POINTER, Emitter, Index, Value
from azdsl.codegen.jit import Inline, Pending, _defers
from azdsl.codegen.metrics import Values, lowering_of, one_hot, too_far
from azdsl.codegen.protocol import Visit
from azdsl.ir import FEATURES, LABEL, LABELS, RMSE, Address, Metric, Program, live_exits, remove_dead_code
from azdsl.ops import Kind

SEED, VISITS, HEADER = 0, 8, 16
"""Byte offsets of seed, visit count and first register in a model."""

STACK_BYTES = 1 << 15
"""Bytes of intermediate values of a function on the stack; further ones are in the model."""


@dataclass(frozen=True)
class Spec:
    """The specification of a model: a program for one F. ``image`` is the memory of a trained model, empty for an untrained one.

    ``classes`` is C of a multi-class metric, else 0.
    """

    source: Program
    prefix: str
    features: int
    metric: Metric = RMSE
    classes: int = 0
    precision: int = 64
    max_abs_error: float = 100.0
    seed: int = 0
    image: bytes = b""

    @property
    def outputs(self) -> int:
        """How many numbers a prediction has."""
        return self.metric.outputs(self.classes)

    @property
    def number_bytes(self) -> int:
        """Bytes of a number in a register."""
        return self.precision // 8

    @cached_property
    def program(self) -> Program:
        """The live program."""
        return remove_dead_code(self.source, self.metric)

    @cached_property
    def inherited(self) -> frozenset[Address]:
        """The registers that an example inherits from the previous one."""
        return live_exits(self.program, self.metric)[0]

    @cached_property
    def places(self) -> dict[Address, int]:
        """The byte offset in a model of each register that it keeps."""
        kinds = list(Kind)
        kept = sorted(self.inherited | {self.metric.prediction}, key=lambda a: (kinds.index(a.kind), a.index))
        places, at = {}, HEADER
        for address in kept:
            places[address] = at
            at += address.kind.size(self.features) * self.number_bytes
        return places

    @cached_property
    def state_bytes(self) -> int:
        """Bytes of a model without intermediate values, a multiple of 64."""
        last = max(self.places, key=self.places.__getitem__)
        return _rounded(self.places[last] + last.kind.size(self.features) * self.number_bytes)

    @cached_property
    def predicting(self) -> list[bool]:
        """For each instruction of Predict whether a prediction depends on it; what only Learn reads does not count."""
        live = set(self.inherited | {self.metric.prediction})
        keep = []
        for instruction in reversed(self.program.predict):
            keep.append(instruction.output in live)
            if keep[-1] and instruction.output:
                live.discard(instruction.output)
                live.update(instruction.reads)
        return keep[::-1]

    @cached_property
    def rows_independent(self) -> bool:
        """Whether predictions draw no random numbers and leave the registers that the next example inherits as they are."""
        chosen = [i for i, keep in zip(self.program.predict, self.predicting, strict=True) if keep]
        return not any(i.output in self.inherited or i.op.random for i in chosen)


def _rounded(size: int) -> int:
    return -(-size // 64) * 64


class Frame(Emitter):
    """The emitter of one function that works on a model.

    ``shared`` are arrays of single numbers: with several lanes they are read into all of them.
    """

    def __init__(self, builder: ir.IRBuilder, spec: Spec, model: Value, lanes: int = 1) -> None:
        super().__init__(builder, spec.features, lanes, spec.precision)
        self.model = model
        self.shared: list[Value] = []
        self.stack_bytes = 0
        self.model_bytes = spec.state_bytes

    def array(self, count: int) -> Value:
        """An array of lane values: on the stack up to ``STACK_BYTES``, then in the model."""
        size = count * self.lane_bytes
        if self.stack_bytes + size <= STACK_BYTES:
            self.stack_bytes += size
            return super().array(count)
        at = self.model_bytes
        self.model_bytes += _rounded(size)
        with self.builder.goto_entry_block():
            return self.offset(self.model, at)

    def load(self, pointer: Value, index: Index = 0) -> Value:
        """The lane value at ``index`` of an array."""
        if not any(pointer is array for array in self.shared):
            return super().load(pointer, index)
        place = self.builder.gep(pointer, [self.index(index)], source_etype=self.element)
        return self.splat(self.builder.load(place, align=self.number_bytes, typ=self.element))

    def clear(self, pointer: Value, size: int) -> None:
        """Set bytes to zero."""
        byte, flag = ir.IntType(8), ir.IntType(1)
        memset = self.declare("llvm.memset.p0.i64", ir.VoidType(), [POINTER, byte, I64, flag])
        self.builder.call(memset, [pointer, ir.Constant(byte, 0), ir.Constant(I64, size), ir.Constant(flag, 0)])

    def copy(self, target: Value, source: Value, size: int) -> None:
        """Copy bytes between arrays that do not overlap."""
        flag = ir.IntType(1)
        memcpy = self.declare("llvm.memcpy.p0.p0.i64", ir.VoidType(), [POINTER, POINTER, I64, flag])
        self.builder.call(memcpy, [target, source, ir.Constant(I64, size), ir.Constant(flag, 0)])


class Registers(dict[Address, Value]):
    """The addresses of registers. A missing one gets an array, filled with zeros if ``cleared``."""

    def __init__(self, frame: Frame, cleared: bool = False) -> None:
        super().__init__()
        self.frame = frame
        self.cleared = cleared
        self.copies: list[tuple[Value, Value, int]] = []

    def __missing__(self, address: Address) -> Value:
        frame, count = self.frame, address.kind.size(self.frame.features)
        array = self[address] = frame.array(count)
        if self.cleared:
            frame.clear(array, count * frame.lane_bytes)
        return array

    def keep(self, spec: Spec, copied_bytes: int = 0) -> None:
        """Use the registers in the model; of those of at most ``copied_bytes``, a copy."""
        for address, at in spec.places.items():
            own, size = self.frame.offset(self.frame.model, at), address.kind.size(spec.features) * spec.number_bytes
            if size > copied_bytes:
                self[address] = own
            else:
                self.frame.copy(self[address], own, size)
                self.copies.append((self[address], own, size))

    def put_back(self) -> None:
        """Write the copies back to the model."""
        for copy, own, size in self.copies:
            self.frame.copy(own, copy, size)


class Functions(Inline):
    """Setup, Predict and Learn of a model, emitted inline into one function."""

    def __init__(self, spec: Spec, frame: Frame, visit: Visit, registers: Registers) -> None:
        super().__init__(spec.program, spec.metric)
        self.spec, self.frame = spec, frame
        self.e, self.visit, self.slots = frame, visit, registers

    def predict_only(self) -> None:
        """Emit Predict without the instructions that only Learn needs."""
        keep = self.spec.predicting
        chosen = [at for at, kept in enumerate(keep) if kept]
        block = tuple(self.program.predict[at] for at in chosen)
        after = self.spec.inherited | {self.spec.metric.prediction}
        pending: dict[Address, Pending] = {}
        for place, at in enumerate(chosen):
            self._execute(block[place], self.ordinals[1][at], pending, _defers(block, place, after))

    def label(self, value: Value) -> None:
        """Store ``value`` to s0."""
        self.e.store(value, self.slots[LABEL])

    def begin_visit(self, visits: Value, features: Value) -> None:
        """Count a visit, and set v0 and the label registers as Predict expects them."""
        frame, b = self.frame, self.frame.builder
        b.store(b.add(b.load(visits, typ=I64), ir.Constant(I64, 1)), visits)
        self.slots[FEATURES] = features
        self.label(frame.constant(0.0))
        if self.spec.metric.vector:
            frame.each(frame.features, lambda i: frame.store(frame.constant(0.0), self.slots[LABELS], i))

    def squashed(self) -> Values:
        """The squashed prediction: one lane value, or C for a vector metric."""
        scores = [self.frame.load(self.slots[self.spec.metric.prediction], i) for i in range(self.spec.outputs)]
        return lowering_of(self.spec.metric).squash(self.frame, scores)

    def give(self, squashed: Sequence[Value], out: Value) -> None:
        """Store a squashed prediction to the array ``out`` of the caller."""
        b = self.frame.builder
        for i, value in enumerate(squashed):
            wide = value if self.frame.element == F64 else b.fpext(value, F64)
            b.store(wide, b.gep(out, [ir.Constant(I64, i)], source_etype=F64), align=8)

    def reveal(self, squashed: Sequence[Value], y: Value) -> Value:
        """Store the squashed prediction and the label for Learn. Returns whether the error exceeds the limit."""
        frame, b, spec = self.frame, self.frame.builder, self.spec
        y = y if frame.element == F64 else b.fptrunc(y, frame.element)
        limit = frame.constant(spec.max_abs_error)
        for i, value in enumerate(squashed):
            frame.store(value, self.slots[spec.metric.prediction], i)
        if not spec.metric.vector:
            self.label(y)
            return too_far(frame, b.fsub(y, squashed[0]), limit)
        labels, bad = self.slots[LABELS], ir.Constant(ir.IntType(1), 0)
        frame.each(frame.features, lambda i: frame.store(frame.constant(0.0), labels, i))
        for i, value in enumerate(squashed):
            hot = one_hot(frame, y, i)
            frame.store(hot, labels, i)
            bad = b.or_(bad, too_far(frame, b.fsub(hot, value), limit))
        return bad
