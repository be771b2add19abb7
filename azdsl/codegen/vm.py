"""The virtual machine: one LLVM function that evaluates any program, without compiling it.

Programs come as records of 8-byte words: the op, where its inputs and its output are in memory (a random op
has its draw number for a first input), then its constants. The records of Setup, Predict and Learn each
close with the word ``END``. One dispatch loop serves all three: the evaluation around it *calls* a function
by setting the instruction pointer and a resume number, and ``END`` goes back to that number.

Programs read features and label where the examples are: before each function the few operands that name
v0 or s0 are pointed at the example (``Patch``), which is cheaper than copying it into memory.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from llvmlite import ir

from azdsl.codegen.emitter import F64, I32, I64, POINTER, Emitter, Value
from azdsl.codegen.lowering import LOWERINGS, Draws, Lowering, Operands, Tensor
from azdsl.codegen.protocol import Evaluation, Field, Scheme, Visit
from azdsl.codegen.tensors import flat_place, memory_tensor, store_tensor
from azdsl.ops import BY_NAME, OPS, Kind, Op, Role

END = len(OPS)
"""The record that ends a function."""

HEADER_WORDS = 4
WORD = 8

FUSED: tuple[tuple[Op, Op], ...] = tuple(
    (BY_NAME[producer], BY_NAME[consumer])
    for producer, consumer in (("vector_scale", "vector_add"), ("matrix_scale", "matrix_add"), ("outer", "matrix_add"))
)
"""Pairs that run as one instruction, ``END`` + 1 and so on, when nothing else reads the first one's result: it
is then neither written nor read again. The record holds the first one's inputs, the second one's output and, in
place of a constant, the second one's other input (its order does not matter: a sum is commutative)."""


class Patch(enum.IntEnum):
    """The lists of operands to point at an example: a count, then the address of each operand's word."""

    PREDICT_FEATURES = 0
    LEARN_FEATURES = 1
    LEARN_LABEL = 2


def record_words(op: Op) -> int:
    """Length of an op's record."""
    return HEADER_WORDS + len(op.constants)


def fixed_registers(features: int, multiclass: bool) -> dict[tuple[Kind, int], int]:
    """Where the registers that the evaluation knows are, in lane values: s0, s1, v0, then v1 and v2."""
    places = {(Kind.SCALAR, 0): 0, (Kind.SCALAR, 1): 1, (Kind.VECTOR, 0): 2}
    if multiclass:
        places |= {(Kind.VECTOR, 1): 2 + features, (Kind.VECTOR, 2): 2 + 2 * features}
    return places


class Machine:
    """The VM as a backend of ``protocol.Evaluation``."""

    def __init__(self, ops: Iterable[Op], multiclass: bool) -> None:
        self.ops = sorted((op for op in ops if op.output), key=lambda op: op.code)
        self.multiclass = multiclass

    def begin(self, e: Emitter, arguments: Value, visit: Visit) -> None:
        """Clear the registers and emit the dispatch loop."""
        b = e.builder
        self.e, self.arguments, self.visit = e, arguments, visit
        self.memory = e.read(arguments, int(Field.MEMORY), POINTER)
        self.cleared = e.read(arguments, int(Field.MEMORY_BYTES), I64)
        self.places = fixed_registers(e.features, self.multiclass)
        memset = e.declare("llvm.memset.p0.i64", ir.VoidType(), [POINTER, ir.IntType(8), I64, ir.IntType(1)])
        b.call(memset, [self.memory, ir.Constant(ir.IntType(8), 0), self.cleared, ir.Constant(ir.IntType(1), 0)])
        self.ip = e.variable(POINTER)
        self.resume = e.variable(I32)
        self.calls = 0
        self._emit_dispatch()

    def prediction(self) -> Value:
        """Where s1 is."""
        return self.e.element_pointer(self.memory, self.places[Kind.SCALAR, 1])

    def vector(self, index: int) -> Value:
        """Where v1 or v2 is."""
        return self.e.element_pointer(self.memory, self.places[Kind.VECTOR, index])

    def predicting(self, x: Value) -> None:
        """Point Predict's operands that name v0 at ``x``."""
        self._patch(Patch.PREDICT_FEATURES, x)

    def learning(self, x: Value, y: Value) -> None:
        """Point Learn's operands that name v0 at ``x``, those that name s0 at ``y``."""
        self._patch(Patch.LEARN_FEATURES, x)
        self._patch(Patch.LEARN_LABEL, y)

    def _patch(self, patch: Patch, target: Value) -> None:
        """Point every operand of a list at ``target``."""
        e, b = self.e, self.e.builder
        operands = e.read(self.arguments, int(Field.PATCHES) + int(patch), POINTER)
        count = b.load(operands, typ=I64)
        with b.if_then(b.icmp_unsigned("!=", count, ir.Constant(I64, 0))), e.repeat(lambda: count) as (at, _):
            place = b.gep(operands, [b.add(at(), ir.Constant(I64, 1))], source_etype=I64)
            b.store(target, b.load(place, typ=POINTER))

    def run(self, function: int) -> None:
        """Emit a call of a function's records; goes on where it returns."""
        b = self.e.builder
        b.store(self.e.read(self.arguments, int(Field.CODE) + function, POINTER), self.ip)
        b.store(ir.Constant(I32, self.calls), self.resume)
        b.branch(self.dispatch)
        back = b.append_basic_block("back")
        self.returns.add_case(ir.Constant(I32, self.calls), back)
        self.calls += 1
        b.position_at_end(back)

    def _emit_dispatch(self) -> None:
        e, b = self.e, self.e.builder
        here = b.block
        self.dispatch = b.append_basic_block("dispatch")
        impossible, end = b.append_basic_block("impossible"), b.append_basic_block("end")
        b.position_at_end(impossible)
        b.unreachable()
        b.position_at_end(end)
        self.returns = b.switch(b.load(self.resume, typ=I32), impossible)
        b.position_at_end(self.dispatch)
        ip = b.load(self.ip, typ=POINTER)
        table = b.switch(b.load(ip, typ=I64), impossible)
        table.add_case(ir.Constant(I64, END), end)
        for op in self.ops:
            handler = b.append_basic_block(op.name)
            table.add_case(ir.Constant(I64, op.code), handler)
            b.position_at_end(handler)
            b.store(e.offset(ip, WORD * record_words(op)), self.ip)
            self._emit_handler(LOWERINGS[op.code], ip)
            b.branch(self.dispatch)
        for at, (producer, consumer) in enumerate(FUSED):
            if producer in self.ops and consumer in self.ops:
                handler = b.append_basic_block(f"{producer.name}_{consumer.name}")
                table.add_case(ir.Constant(I64, END + 1 + at), handler)
                b.position_at_end(handler)
                b.store(e.offset(ip, WORD * (HEADER_WORDS + 1)), self.ip)
                self._emit_fused(producer, consumer, ip)
                b.branch(self.dispatch)
        b.position_at_end(here)

    def _inputs(self, op: Op, ip: Value) -> list[Tensor]:
        """The registers that a record names as its inputs."""
        return [memory_tensor(self.e, kind, self.e.read(ip, 1 + at, POINTER)) for at, kind in enumerate(op.inputs)]

    def _emit_fused(self, producer: Op, consumer: Op, ip: Value) -> None:
        """A pair of ``FUSED``: both entry by entry, so the output may overwrite an input of the same kind."""
        e = self.e
        first = LOWERINGS[producer.code](e, Operands(inputs=self._inputs(producer, ip)))
        other = memory_tensor(e, first.kind, e.read(ip, HEADER_WORDS, POINTER))
        both = LOWERINGS[consumer.code](e, Operands(inputs=[other, first]))
        store_tensor(e, both, e.read(ip, HEADER_WORDS - 1, POINTER))

    def _emit_handler(self, lowering: Lowering, ip: Value) -> None:
        e, b, op = self.e, self.e.builder, lowering.op
        pointers = [e.read(ip, 1 + at, POINTER) for at in range(len(op.inputs))]
        out = e.read(ip, HEADER_WORDS - 1, POINTER)
        raw = [e.read(ip, HEADER_WORDS + at, F64) for at in range(len(op.constants))]
        operands = Operands(
            inputs=self._inputs(op, ip),
            constants=[self._constant(c) for c, role in zip(raw, op.constants, strict=True) if role is not Role.INDEX],
            # the linker has turned a fraction into the entry's number
            places=[b.fptosi(c, I64) for c, role in zip(raw, op.constants, strict=True) if role is Role.INDEX],
            old=memory_tensor(e, op.output, out) if op.updates and op.output else None,
            draws=Draws(self.visit.key, e.read(ip, 1, I64), self.visit.number(), self.visit.task) if op.random else None,
        )
        tensor = lowering(e, operands)
        if op.updates:
            e.store(tensor.at(*operands.places), out, flat_place(e, tuple(operands.places)))
        elif lowering.pointwise or op.output not in op.inputs:
            store_tensor(e, tensor, out)
        else:
            self._store_beside(tensor, pointers, out)

    def _constant(self, raw: Value) -> Value:
        e = self.e
        return e.splat(raw if e.element == F64 else e.builder.fptrunc(raw, e.element))

    def _store_beside(self, tensor: Tensor, inputs: list[Value], out: Value) -> None:
        """Write an output that may also be an input: beside the registers first, then copied."""
        e, b = self.e, self.e.builder
        same = [b.icmp_unsigned("==", pointer, out) for pointer in inputs]
        aliased = same[0] if len(same) == 1 else b.or_(*same)
        target = b.select(aliased, e.offset(self.memory, self.cleared), out)
        store_tensor(e, tensor, target)
        with b.if_then(aliased):
            store_tensor(e, memory_tensor(e, tensor.kind, target), out)


def emit(module: ir.Module, name: str, scheme: Scheme, ops: Iterable[Op]) -> None:
    """Add the VM for these ops to a module, as ``void name(arguments*)``."""
    Evaluation(module, name, scheme, Machine(ops, scheme.metric == "multiclass"))
