"""The jit backend: one program compiled to straight-line code, with the same lowerings as the VM.

Registers are stack arrays, which LLVM promotes to processor registers where it can. A cheap result with a single reader that reads
each element once is deferred: the reader computes it, and nothing is stored. An outer product added to a matrix, for example, is most
of a network's memory traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llvmlite import ir

from azdsl.codegen.emitter import I64, POINTER, Emitter, Value
from azdsl.codegen.evaluation import Evaluation
from azdsl.codegen.lowering import LOWERINGS, Draws, Operands, Tensor
from azdsl.codegen.protocol import Field, Part, Specialization, Visit
from azdsl.codegen.tensors import memory_tensor, store_tensor
from azdsl.ir import (
    FEATURES,
    LABEL,
    PREDICTION,
    Address,
    Block,
    Instruction,
    Metric,
    Program,
    live_exits,
)
from azdsl.ops import Kind, Role
from azdsl.ops.constants import entry

DEEPEST = 16
"""The greatest depth of a deferred result: deeper ones are not faster, and emitting one recurses that deep."""

STACK_BYTES = 1 << 18
"""Registers of more bytes than this in all are in memory of the caller, not on the stack."""


@dataclass(frozen=True)
class Pending:
    """A deferred result: ``sources`` are the registers in memory that it reads (True: entry by entry only), ``depth`` is the number
    of deferred results that it is made of.
    """

    tensor: Tensor
    sources: Mapping[Address, bool]
    depth: int


def registers(program: Program, metric: Metric) -> list[Address]:
    """The registers that need memory: those of the program and those of the evaluation, sorted."""
    order = list(Kind)
    return sorted({*program.registers, *metric.fixed}, key=lambda a: (order.index(a.kind), a.index))


def memory_bytes(program: Program, specialization: Specialization) -> int:
    """Bytes of memory that a caller provides for a program's registers: 0 when they are on the stack."""
    values = sum(a.kind.size(specialization.features) for a in registers(program, specialization.metric))
    needed = values * specialization.lanes * specialization.precision // 8
    return needed if needed > STACK_BYTES else 0


class Inline:
    """A program as a backend of ``evaluation.Evaluation``: each ``run`` emits the function's code inline."""

    def __init__(self, program: Program, metric: Metric) -> None:
        self.program = program
        self.metric = metric
        self.exits = live_exits(program, metric)
        self.ordinals = draw_ordinals(program)

    def begin(self, e: Emitter, arguments: Value, visit: Visit) -> None:
        """Make registers with value 0, on the stack unless they exceed ``STACK_BYTES``."""
        self.e, self.visit = e, visit
        b = e.builder
        named = registers(self.program, self.metric)
        sizes = {a: a.kind.size(e.features) for a in named}
        total = sum(sizes.values()) * e.lane_bytes
        memory = e.read(arguments, int(Field.MEMORY), POINTER)
        memset = e.declare("llvm.memset.p0.i64", ir.VoidType(), [POINTER, ir.IntType(8), I64, ir.IntType(1)])
        self.slots: dict[Address, Value] = {}
        used = 0
        for address, size in sizes.items():
            if total > STACK_BYTES:
                slot = e.offset(memory, used)
                used += size * e.lane_bytes
            else:
                slot = e.array(size)
            self.slots[address] = slot
            length = ir.Constant(I64, size * e.lane_bytes)
            b.call(memset, [slot, ir.Constant(ir.IntType(8), 0), length, ir.Constant(ir.IntType(1), 0)])
        self.zero = self.slots[LABEL]

    def prediction(self) -> Value:
        """The address of s1."""
        return self.slots[PREDICTION]

    def vector(self, index: int) -> Value:
        """The address of v1 or v2."""
        return self.slots[Address(Kind.VECTOR, index)]

    def entering(self) -> None:
        """Do nothing: Predict is emitted inline."""

    def predicting(self, x: Value) -> None:
        """Make v0 the features at ``x``."""
        # programs only read v0 and s0, so they read the examples in place; Setup reads the zeroed slots
        self.slots |= {FEATURES: x, LABEL: self.zero}

    def learning(self, x: Value, y: Value) -> None:
        """Make v0 the features at ``x`` and s0 the label at ``y``."""
        self.slots |= {FEATURES: x, LABEL: y}

    def choose(self, part: Part, other: Part, stretch: Value) -> None:
        """Do nothing: both run the same function as a whole."""

    def run(self, part: Part) -> None:
        """Emit all instructions of the part's function."""
        self.emit_function(part.function)

    def emit_function(self, function: int) -> None:
        """Emit the instructions of Setup (0), Predict (1) or Learn (2)."""
        block = self.program.functions[function]
        pending: dict[Address, Pending] = {}
        for at, instruction in enumerate(block):
            self._execute(instruction, self.ordinals[function][at], pending, _defers(block, at, self.exits[function]))
        if pending:
            raise AssertionError("a deferred result was left over")

    def _execute(self, instruction: Instruction, ordinal: int, pending: dict[Address, Pending], defer: bool) -> None:
        e, op, out = self.e, instruction.op, instruction.output
        if out is None:
            return
        lowering = LOWERINGS[op.code]
        depth = 1 + max((pending[a].depth for a in instruction.inputs if a in pending), default=0)
        defer = defer and depth <= DEEPEST
        if not defer:
            self._settle(out, instruction.inputs, pending)
        inputs: list[Tensor] = []
        sources: dict[Address, bool] = {}
        for address in instruction.inputs:
            deferred = pending.get(address)
            same = lowering.pointwise and address.kind is op.output
            inputs.append(deferred.tensor if deferred else memory_tensor(e, address.kind, self.slots[address]))
            for source, pointwise in (deferred.sources if deferred else {address: True}).items():
                sources[source] = sources.get(source, True) and pointwise and same
        for address in instruction.inputs:
            pending.pop(address, None)
        values = list(zip(instruction.constants, op.constants, strict=True))
        operands = Operands(
            inputs=inputs,
            constants=[e.constant(c) for c, role in values if role is not Role.INDEX],
            places=[entry(c, e.features) for c, role in values if role is Role.INDEX],
            old=memory_tensor(e, out.kind, self.slots[out]) if op.updates else None,
            draws=Draws(self.visit.key, ir.Constant(I64, ordinal), self.visit.number(), self.visit.task)
            if op.random
            else None,
        )
        tensor = lowering(e, operands)
        if defer:
            pending[out] = Pending(tensor, sources, depth)
        elif op.updates:
            e.store(tensor.at(*operands.places), self.slots[out], e.flat(*operands.places))
        elif sources.get(out, True):
            store_tensor(e, tensor, self.slots[out])
        else:
            beside = e.array(out.kind.size(e.features))
            store_tensor(e, tensor, beside)
            store_tensor(e, memory_tensor(e, out.kind, beside), self.slots[out])

    def _settle(self, out: Address, exempt: Sequence[Address], pending: dict[Address, Pending]) -> None:
        """Compute and store the deferred results that read ``out``, which is about to be written.

        The inputs ``exempt`` of the instruction that writes ``out`` stay deferred: it reads them as it writes.
        """
        for address in [a for a, p in pending.items() if out in p.sources and a not in exempt]:
            if address in pending:
                deferred = pending.pop(address)
                self._settle(address, (), pending)
                store_tensor(self.e, deferred.tensor, self.slots[address])


def _defers(block: Block, at: int, after: frozenset[Address]) -> bool:
    """Whether to defer an instruction's result to its reader."""
    instruction = block[at]
    out = instruction.output
    if out is None or out.kind is Kind.SCALAR or not LOWERINGS[instruction.op.code].cheap:
        return False
    readers: list[Instruction] = []
    for later in block[at + 1 :]:
        readers += [later] * later.reads.count(out)
        if later.output == out and not later.op.updates:
            break
    else:
        if out in after:
            return False
    return len(readers) == 1 and LOWERINGS[readers[0].op.code].once and not readers[0].op.updates


def draw_ordinals(program: Program) -> list[list[int]]:
    """For each instruction of each function the number of random instructions before it in the program."""

    def number() -> Iterator[list[int]]:
        drawn = 0
        for block in program.functions:
            row = []
            for instruction in block:
                row.append(drawn)
                drawn += instruction.op.random
            yield row

    return list(number())


def emit(module: ir.Module, name: str, specialization: Specialization, program: Program) -> None:
    """Add a live program's evaluation to a module: ``void name(arguments*)``."""
    Evaluation(module, name, specialization, Inline(program, specialization.metric))
