"""The virtual machine: one LLVM function that evaluates any program, without compiling it.

A program is a sequence of records of 8-byte words: the address of the instruction's *handler*, the addresses of its inputs and its
output (a random op has its draw number as first input), then its constants. A handler ends with a jump to the handler of the next
record (direct threading). The records of a part of the evaluation (``protocol.Part``) end with the address of the code that follows
its call. In short evaluations training and validation share the records of Predict: the word that ends them is changed in between.

The latency from one instruction to the next decides the speed. The scalar computed last is therefore kept in processor registers,
the *accumulator*; an op has one handler for each choice of scalar inputs that it takes from there. Features are read from the
examples, without a copy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llvmlite import ir

from azdsl.codegen.emitter import F64, I1, I64, POINTER, Emitter, Value
from azdsl.codegen.evaluation import Evaluation
from azdsl.codegen.lowering import LOWERINGS, Draws, Lowering, Operands, Tensor
from azdsl.codegen.protocol import Field, Part, Specialization, Visit
from azdsl.codegen.tensors import memory_tensor, store_tensor
from azdsl.ir import Metric
from azdsl.ops import BY_NAME, Kind, Op, Role

CALLS = 4
"""The calls of functions in an evaluation: of Setup, of Predict in training, of Learn, of Predict in validation."""

FEATURES = 0
"""The null pointer as the address of a vector: v0, the features of the current example."""

HEADER_WORDS = 4
WORD = 8

FUSED: tuple[tuple[Op, Op], ...] = tuple(
    (BY_NAME[producer], BY_NAME[consumer])
    for producer, consumer in (("vector_scale", "vector_add"), ("matrix_scale", "matrix_add"), ("outer", "matrix_add"))
)
"""Pairs of ops that run as one instruction when only the second reads the result of the first, which is then not stored.

The record holds the inputs of the first, the output of the second and, in place of a constant, the other input of the second; the
order of its inputs does not matter, because a sum is commutative.
"""


def accumulations(op: Op) -> list[tuple[bool, bool]]:
    """For each handler of an op, whether it takes the first and the second input from the accumulator: bits 0 and 1 of its number.

    In every op scalar inputs precede others.
    """
    scalars = op.inputs.count(Kind.SCALAR)
    return [(bool(n & 1), bool(n & 2)) for n in range(1 << scalars)]


def handlers(ops: Collection[Op]) -> dict[tuple[Op, ...], int]:
    """The index of the first handler of each op and each pair in the VM's table, whose first ``CALLS`` entries end functions."""
    places: dict[tuple[Op, ...], int] = {}
    following = CALLS
    for chain in (*((op,) for op in ops), *(pair for pair in FUSED if set(pair) <= set(ops))):
        places[chain] = following
        following += len(accumulations(chain[0]))
    return places


def record_words(op: Op) -> int:
    """Words of an op's record."""
    return HEADER_WORDS + len(op.constants)


def fixed_registers(features: int, metric: Metric) -> dict[tuple[Kind, int], int]:
    """The offsets, in lane values, of the registers that the evaluation uses: s0, s1, v0; then v1 and v2 for a vector metric."""
    places = {(Kind.SCALAR, 0): 0, (Kind.SCALAR, 1): 1, (Kind.VECTOR, 0): 2}
    if metric.vector:
        places |= {(Kind.VECTOR, 1): 2 + features, (Kind.VECTOR, 2): 2 + 2 * features}
    return places


class Machine:
    """The VM as a backend of ``evaluation.Evaluation``."""

    def __init__(self, ops: Collection[Op], metric: Metric) -> None:
        self.ops = ops
        self.metric = metric

    def begin(self, e: Emitter, arguments: Value, visit: Visit) -> None:
        """Clear the registers and emit the handlers."""
        b = e.builder
        self.e, self.arguments, self.visit = e, arguments, visit
        self.memory = e.read(arguments, int(Field.MEMORY), e.address)
        self.cleared = e.read(arguments, int(Field.MEMORY_BYTES), I64)
        self.places = fixed_registers(e.features, self.metric)
        e.clear(self.memory, self.cleared)
        e.barrier()
        self.ip = e.variable(POINTER)
        self.records = {part: e.variable(POINTER) for part in Part}
        self.choose(Part.SETUP, Part.SETUP, ir.Constant(I64, 0))
        self.accumulator = e.variable(e.type)
        self.features = e.variable(e.address, e.element_pointer(self.memory, self.places[Kind.VECTOR, 0]))
        self.returns = [b.append_basic_block("back") for _ in range(CALLS)]
        self.calls = 0
        self._emit_handlers()

    def prediction(self) -> Value:
        """The address of s1."""
        return self.e.element_pointer(self.memory, self.places[Kind.SCALAR, 1])

    def vector(self, index: int) -> Value:
        """The address of v1 or v2."""
        return self.e.element_pointer(self.memory, self.places[Kind.VECTOR, index])

    def entering(self) -> None:
        """Make shared records of Predict return to the call that is emitted next."""
        word = self.e.read(self.arguments, int(Field.RETURN), POINTER)
        self.e.builder.store(self._address(self.returns[self.calls]), word)

    def predicting(self, x: Value) -> None:
        """Make v0 the features at ``x``."""
        self.e.builder.store(x, self.features)

    def learning(self, x: Value, y: Value) -> None:
        """Make v0 the features at ``x``, and s0 the label at ``y``. The linker makes Predict read the 0 of s0 from elsewhere."""
        self.e.builder.store(x, self.features)
        self.e.store(self.e.load(y), self.e.element_pointer(self.memory, self.places[Kind.SCALAR, 0]))

    def choose(self, part: Part, other: Part, stretch: Value) -> None:
        """Make the next runs of ``part`` run ``other`` where ``stretch`` is 1, not 0."""
        b = self.e.builder
        records = [self.e.read(self.arguments, Field.CODE + each, POINTER) for each in (other, part)]
        b.store(b.select(b.trunc(stretch, I1), *records), self.records[part])

    def run(self, part: Part) -> None:
        """Emit a call of a part's records; the builder then stands where it returns."""
        b = self.e.builder
        b.store(b.load(self.records[part], typ=POINTER), self.ip)
        b.store(ir.Constant(self.e.type, ir.Undefined), self.accumulator)
        b.branch(self.dispatch)
        b.position_at_end(self.returns[self.calls])
        self.calls += 1

    def _address(self, block: ir.Block) -> Value:
        return ir.BlockAddress(self.e.builder.function, block)

    def _emit_handlers(self) -> None:
        e, b = self.e, self.e.builder
        here = b.block
        self.dispatch = b.append_basic_block("dispatch")
        b.position_at_end(self.dispatch)
        ip = b.load(self.ip, typ=POINTER)
        table = list(self.returns)
        for op, *consumers in handlers(self.ops):
            for accumulated in accumulations(op):
                table.append(b.append_basic_block(op.name))
                b.position_at_end(table[-1])
                inputs = self._inputs(op, accumulated, ip)
                if consumers:
                    self._emit_fused(op, consumers[0], inputs, ip)
                else:
                    self._emit_handler(LOWERINGS[op.code], inputs, ip)
                e.barrier()
                b.store(b.gep(ip, [ir.Constant(I64, record_words(op) + len(consumers))], source_etype=I64), self.ip)
                b.branch(self.dispatch)
        b.position_at_end(self.dispatch)
        self._jump(ip, table)
        b.position_at_end(here)

    def _jump(self, ip: Value, table: Sequence[ir.Block]) -> None:
        """Emit the jump to the handler of the record at ``ip``, which holds the handler's address."""
        b = self.e.builder
        jump = b.branch_indirect(b.load(ip, typ=POINTER))
        for block in table:
            jump.add_destination(block)
        addresses = ir.GlobalVariable(b.module, ir.ArrayType(POINTER, len(table)), f"{b.function.name}_handlers")
        addresses.initializer = ir.Constant(addresses.value_type, [self._address(block) for block in table])
        addresses.global_constant = True

    def _operand(self, kind: Kind, pointer: Value) -> Tensor:
        """The register at an address; v0 for the null pointer."""
        e, b = self.e, self.e.builder
        if kind is Kind.VECTOR:
            nowhere = b.icmp_unsigned("==", pointer, ir.Constant(e.address, None))
            pointer = b.select(nowhere, b.load(self.features, typ=e.address), pointer)
        return memory_tensor(self.e, kind, pointer)

    def _inputs(self, op: Op, accumulated: tuple[bool, bool], ip: Value) -> list[Tensor]:
        """The inputs of a record. Scalars in the accumulator are not loaded from memory."""
        e = self.e
        value = e.builder.load(self.accumulator, typ=e.type)
        return [
            Tensor(kind, lambda: value) if here else self._operand(kind, e.read(ip, 1 + at, e.address))
            for at, (kind, here) in enumerate(zip(op.inputs, accumulated, strict=False))
        ]

    def _emit_fused(self, producer: Op, consumer: Op, inputs: list[Tensor], ip: Value) -> None:
        """The handler of a pair. Both ops work entry by entry, so the output may overwrite an input of the same kind."""
        e = self.e
        first = LOWERINGS[producer.code](e, Operands(inputs=inputs))
        other = self._operand(first.kind, e.read(ip, HEADER_WORDS, e.address))
        both = LOWERINGS[consumer.code](e, Operands(inputs=[other, first]))
        store_tensor(e, both, e.read(ip, HEADER_WORDS - 1, e.address))

    def _emit_handler(self, lowering: Lowering, inputs: list[Tensor], ip: Value) -> None:
        e, b, op = self.e, self.e.builder, lowering.op
        pointers = [e.read(ip, 1 + at, e.address) for at in range(len(op.inputs))]
        out = e.read(ip, HEADER_WORDS - 1, e.address)
        raw = [e.read(ip, HEADER_WORDS + at, F64) for at in range(len(op.constants))]
        operands = Operands(
            inputs=inputs,
            constants=[self._constant(c) for c, role in zip(raw, op.constants, strict=True) if role is not Role.INDEX],
            # the linker has replaced the fraction by the index of the entry
            places=[b.fptosi(c, I64) for c, role in zip(raw, op.constants, strict=True) if role is Role.INDEX],
            old=memory_tensor(e, op.output, out) if op.updates and op.output else None,
            draws=Draws(self.visit.key, e.read(ip, 1, I64), self.visit.number(), self.visit.task)
            if op.random
            else None,
        )
        tensor = lowering(e, operands)
        if op.updates:
            e.put(tensor.at(*operands.places), out, e.slot(*operands.places))
        elif op.output is Kind.SCALAR:
            value = tensor.at()
            if Kind.SCALAR in op.inputs:
                e.barrier()  # all threads have read the inputs, of which the output may be one
            e.put(value, out)
            b.store(value, self.accumulator)
        elif lowering.pointwise or op.output not in op.inputs:
            store_tensor(e, tensor, out)
        else:
            self._store_beside(tensor, pointers, out)

    def _constant(self, raw: Value) -> Value:
        e = self.e
        return e.splat(raw if e.element == F64 else e.builder.fptrunc(raw, e.element))

    def _store_beside(self, tensor: Tensor, inputs: list[Value], out: Value) -> None:
        """Store an output that may also be an input: first behind the registers, then copy it."""
        e, b = self.e, self.e.builder
        same = [b.icmp_unsigned("==", pointer, out) for pointer in inputs]
        aliased = same[0] if len(same) == 1 else b.or_(*same)
        target = b.select(aliased, self._spare(), out)
        store_tensor(e, tensor, target)
        e.barrier()
        with b.if_then(aliased):
            store_tensor(e, memory_tensor(e, tensor.kind, target), out)

    def _spare(self) -> Value:
        """The address of memory for one more register."""
        return self.e.offset(self.memory, self.cleared)


def emit(module: ir.Module, name: str, specialization: Specialization, ops: Collection[Op]) -> None:
    """Add the VM for ``ops`` to a module: ``void name(arguments*)``, and the addresses of its handlers as ``name_handlers``.

    All ops must have outputs.
    """
    Evaluation(module, name, specialization, Machine(ops, specialization.metric))
