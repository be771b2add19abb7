"""Register allocation: virtual registers -> registers.

A value that is live across functions keeps a register of its own; the others share registers within a function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import count

from azdsl.ir import FEATURES, LABEL, PREDICTION, Address, Block, Instruction, Metric, Program
from azdsl.ops import Kind
from azdsl.syntax.error_list import ErrorList
from azdsl.syntax.virtual_instructions import BANKS, ZERO, Operand, VirtualInstruction, VirtualRegister

Registers = dict[VirtualRegister, Address]


def allocate(
    blocks: Sequence[list[VirtualInstruction]], limits: Mapping[Kind, int], metric: Metric, errors: ErrorList
) -> Program | None:
    """The program, with registers below ``limits`` of each kind; None after reporting that they do not suffice."""
    taken = metric.fixed | {
        p for block in blocks for instruction in block for p in _operands(instruction) if isinstance(p, Address)
    }
    free = {kind: _free(kind, frozenset(taken)) for kind in Kind}
    persistent = {virtual: next(free[virtual.kind]) for virtual in _persistent(blocks)}
    taken |= set(persistent.values())
    assigned = [_local(block, persistent, taken) for block in blocks]
    if not _within(blocks, assigned, limits, errors):
        return None
    return Program(*(_block(block, registers) for block, registers in zip(blocks, assigned, strict=True)))


def _operands(instruction: VirtualInstruction) -> tuple[Operand, ...]:
    """The registers of an instruction in the order of the text: output first."""
    return (*((instruction.output,) if instruction.output else ()), *instruction.inputs)


def _reads(instruction: VirtualInstruction) -> tuple[Operand, ...]:
    """The registers that an instruction reads; an op that updates its output also reads it."""
    return (
        (*instruction.inputs, instruction.output)
        if instruction.op.updates and instruction.output
        else instruction.inputs
    )


def _persistent(blocks: Iterable[list[VirtualInstruction]]) -> list[VirtualRegister]:
    """The virtual registers that are live across functions, in order of appearance; zeros last."""
    found: dict[VirtualRegister, set[int]] = {}
    carried: set[VirtualRegister] = set()
    for number, block in enumerate(blocks):
        written: set[Operand] = set()
        for instruction in block:
            carried |= {p for p in _reads(instruction) if isinstance(p, VirtualRegister) and p not in written}
            for operand in _operands(instruction):
                if isinstance(operand, VirtualRegister):
                    found.setdefault(operand, set()).add(number)
            if instruction.output:
                written.add(instruction.output)
    persistent = [virtual for virtual, where in found.items() if len(where) > 1 or virtual in carried]
    return sorted(persistent, key=lambda virtual: virtual in ZERO.values())


def _free(kind: Kind, taken: Set[Address]) -> Iterator[Address]:
    """The registers of a kind that are not in ``taken``, in order; an infinite iterator."""
    return (address for address in (Address(kind, index) for index in count()) if address not in taken)


def _local(block: list[VirtualInstruction], persistent: Registers, taken: Set[Address]) -> Registers:
    """The registers of one function: persistent ones, and for the others one that is free while they are live."""
    last = {operand: at for at, instruction in enumerate(block) for operand in _operands(instruction)}
    registers = dict(persistent)
    busy: dict[VirtualRegister, Address] = {}
    for at, instruction in enumerate(block):
        # Inputs are read before the output is written, so the output may reuse a register whose last use this is.
        busy = {virtual: address for virtual, address in busy.items() if last[virtual] > at}
        output = instruction.output
        if isinstance(output, VirtualRegister) and output not in registers:
            registers[output] = next(_free(output.kind, taken | set(busy.values())))
        if isinstance(output, VirtualRegister) and output not in persistent and last[output] > at:
            busy[output] = registers[output]
    return registers


def _within(
    blocks: Sequence[list[VirtualInstruction]],
    assigned: Sequence[Registers],
    limits: Mapping[Kind, int],
    errors: ErrorList,
) -> bool:
    """Whether the limits suffice; the first instruction beyond the limit of each kind is reported."""
    complete = True
    uses = [
        (
            instruction,
            operand if isinstance(operand, Address) else registers[operand],
            isinstance(operand, VirtualRegister),
        )
        for block, registers in zip(blocks, assigned, strict=True)
        for instruction in block
        for operand in _operands(instruction)
    ]
    for kind, limit in limits.items():
        needed = {address for _, address, _ in uses if address.kind is kind}
        beyond = [
            instruction
            for instruction, address, is_virtual in uses
            if address.kind is kind and address.index >= limit and is_virtual
        ]
        if beyond:
            complete = False
            fixed = {a for a in (LABEL, PREDICTION, FEATURES) if a.kind is kind}
            message = f"out of {kind.word} registers: {len(needed | fixed)} are needed, {limit} available"
            errors.add(
                "registers", message, beyond[0].line, hint=f"use fewer names or raise registers({BANKS[kind]}=…)"
            )
    return complete


def _block(block: list[VirtualInstruction], registers: Registers) -> Block:
    """The instructions with the registers assigned."""

    def address(operand: Operand) -> Address:
        return operand if isinstance(operand, Address) else registers[operand]

    return tuple(
        Instruction(i.op, tuple(map(address, i.inputs)), address(i.output) if i.output else None, i.constants)
        for i in block
    )
