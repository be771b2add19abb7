"""Virtual registers -> registers. Variables that outlive a function keep one; the others share by liveness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import count

from azdsl.ir import FEATURES, LABEL, LABELS, PREDICTION, PREDICTIONS, Address, Block, Instruction, Program
from azdsl.ops import Kind
from azdsl.syntax.error_list import Report
from azdsl.syntax.lowering import BANKS, ZERO, Draft, Place, Virtual

Registers = dict[Virtual, Address]


def allocate(
    blocks: Sequence[list[Draft]], limits: Mapping[Kind, int], multiclass: bool, report: Report
) -> Program | None:
    """The program, with no register at or above ``limits``; None after reporting that they do not suffice."""
    taken = {LABEL, PREDICTION, FEATURES} | ({LABELS, PREDICTIONS} if multiclass else set())
    taken |= {p for block in blocks for draft in block for p in _places(draft) if isinstance(p, Address)}
    free = {kind: _free(kind, frozenset(taken)) for kind in Kind}
    lasting = {virtual: next(free[virtual.kind]) for virtual in _lasting(blocks)}
    taken |= set(lasting.values())
    assigned = [_local(block, lasting, taken) for block in blocks]
    if not _within(blocks, assigned, limits, report):
        return None
    return Program(*(_block(block, registers) for block, registers in zip(blocks, assigned, strict=True)))


def _places(draft: Draft) -> tuple[Place, ...]:
    """The registers of an instruction in the order of the text: output first."""
    return (*((draft.output,) if draft.output else ()), *draft.inputs)


def _reads(draft: Draft) -> tuple[Place, ...]:
    return (*draft.inputs, draft.output) if draft.op.updates and draft.output else draft.inputs


def _lasting(blocks: Iterable[list[Draft]]) -> list[Virtual]:
    """Virtual registers whose value outlives a function, in order of appearance; zeros last."""
    found: dict[Virtual, set[int]] = {}
    carried: set[Virtual] = set()
    for number, block in enumerate(blocks):
        written: set[Place] = set()
        for draft in block:
            carried |= {p for p in _reads(draft) if isinstance(p, Virtual) and p not in written}
            for place in _places(draft):
                if isinstance(place, Virtual):
                    found.setdefault(place, set()).add(number)
            if draft.output:
                written.add(draft.output)
    lasting = [virtual for virtual, where in found.items() if len(where) > 1 or virtual in carried]
    return sorted(lasting, key=lambda virtual: virtual in ZERO.values())


def _free(kind: Kind, taken: Set[Address]) -> Iterator[Address]:
    """The registers of a kind that are not taken, in order and without end."""
    return (address for address in (Address(kind, index) for index in count()) if address not in taken)


def _local(block: list[Draft], lasting: Registers, taken: Set[Address]) -> Registers:
    """Registers for one function: those that last, and for the others one that is free while they live."""
    last = {place: at for at, draft in enumerate(block) for place in _places(draft)}
    registers = dict(lasting)
    busy: dict[Virtual, Address] = {}
    for at, draft in enumerate(block):
        # Inputs are read before the output is written, so the output may take a register that dies here.
        busy = {virtual: address for virtual, address in busy.items() if last[virtual] > at}
        output = draft.output
        if isinstance(output, Virtual) and output not in registers:
            registers[output] = next(_free(output.kind, taken | set(busy.values())))
        if isinstance(output, Virtual) and output not in lasting and last[output] > at:
            busy[output] = registers[output]
    return registers


def _within(
    blocks: Sequence[list[Draft]], assigned: Sequence[Registers], limits: Mapping[Kind, int], report: Report
) -> bool:
    """Whether the limits suffice; reports, once a kind, where they do not."""
    complete = True
    uses = [
        (draft, place if isinstance(place, Address) else registers[place], isinstance(place, Virtual))
        for block, registers in zip(blocks, assigned, strict=True)
        for draft in block
        for place in _places(draft)
    ]
    for kind, limit in limits.items():
        needed = {address for _, address, _ in uses if address.kind is kind}
        beyond = [
            draft
            for draft, address, is_virtual in uses
            if address.kind is kind and address.index >= limit and is_virtual
        ]
        if beyond:
            complete = False
            fixed = {a for a in (LABEL, PREDICTION, FEATURES) if a.kind is kind}
            message = f"out of {kind.word} registers: {len(needed | fixed)} are needed, {limit} available"
            report.add(
                "registers", message, beyond[0].line, hint=f"use fewer names or raise registers({BANKS[kind]}=…)"
            )
    return complete


def _block(block: list[Draft], registers: Registers) -> Block:
    def address(place: Place) -> Address:
        return place if isinstance(place, Address) else registers[place]

    return tuple(
        Instruction(d.op, tuple(map(address, d.inputs)), address(d.output) if d.output else None, d.constants)
        for d in block
    )
