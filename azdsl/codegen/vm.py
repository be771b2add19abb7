"""The virtual machine: one LLVM function that evaluates any program, without compiling it.

Programs come as records of a header (four u32: op, a, b, out; registers as byte offsets into memory) and
the op's constants (float64). The records of Setup, Predict and Learn each close with ``END``. One
dispatch loop serves all three: the evaluation around it *calls* a function by setting the instruction
pointer and a resume number, and ``END`` goes back to that number.
"""

from __future__ import annotations

from collections.abc import Iterable

from llvmlite import ir

from azdsl.codegen.emitter import F64, I32, I64, POINTER, Emitter, Value
from azdsl.codegen.lowering import LOWERINGS, Draws, Lowering, Operands, Tensor
from azdsl.codegen.protocol import Evaluation, Field, Scheme, Visit
from azdsl.codegen.tensors import flat_place, memory_tensor, store_tensor
from azdsl.ops import OPS, Kind, Op, Role

END = len(OPS)
"""The record that ends a function."""

HEADER_BYTES = 16
CONSTANT_BYTES = 8


def record_bytes(op: Op) -> int:
    """Length of an op's record."""
    return HEADER_BYTES + CONSTANT_BYTES * len(op.constants)


def fixed_registers(features: int, multiclass: bool) -> dict[tuple[Kind, int], int]:
    """Where the registers that the evaluation touches are, in lane values: s0, s1, v0, then v1 and v2."""
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

    def scalar(self, index: int) -> Value:
        return self.e.element_pointer(self.memory, self.places[Kind.SCALAR, index])

    def vector(self, index: int) -> Value:
        return self.e.element_pointer(self.memory, self.places[Kind.VECTOR, index])

    def features(self, x: Value) -> None:
        e = self.e
        e.each(e.features, lambda i: e.store(e.load(x, i), self.vector(0), i))

    def run(self, function: int) -> None:
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
        table = b.switch(b.load(ip, typ=I32, align=4), impossible)
        table.add_case(ir.Constant(I32, END), end)
        for op in self.ops:
            handler = b.append_basic_block(op.name)
            table.add_case(ir.Constant(I32, op.code), handler)
            b.position_at_end(handler)
            b.store(e.offset(ip, record_bytes(op)), self.ip)
            self._emit_handler(LOWERINGS[op.code], ip)
            b.branch(self.dispatch)
        b.position_at_end(here)

    def _word(self, ip: Value, at: int) -> Value:
        e = self.e
        return e.builder.zext(e.builder.load(e.offset(ip, 4 * at), typ=I32, align=4), I64)

    def _emit_handler(self, lowering: Lowering, ip: Value) -> None:
        e, b, op = self.e, self.e.builder, lowering.op
        pointers = [e.offset(self.memory, self._word(ip, 1 + at)) for at in range(len(op.inputs))]
        out = e.offset(self.memory, self._word(ip, 3))
        raw = [b.load(e.offset(ip, HEADER_BYTES + CONSTANT_BYTES * at), typ=F64, align=8) for at in range(len(op.constants))]
        operands = Operands(
            inputs=[memory_tensor(e, kind, pointer) for kind, pointer in zip(op.inputs, pointers, strict=True)],
            constants=[self._constant(c) for c, role in zip(raw, op.constants, strict=True) if role is not Role.INDEX],
            # the linker has turned a fraction into the entry's number
            places=[b.fptosi(c, I64) for c, role in zip(raw, op.constants, strict=True) if role is Role.INDEX],
            old=memory_tensor(e, op.output, out) if op.updates and op.output else None,
            draws=Draws(self.visit.key, self._word(ip, 1), self.visit.number(), self.visit.task) if op.random else None,
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
