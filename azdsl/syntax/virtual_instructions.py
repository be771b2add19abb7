"""The intermediate code between lowering and register allocation: instructions on virtual registers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from azdsl.ir import Address
from azdsl.ops import Kind, Op
from azdsl.syntax.error_list import Line


@dataclass(frozen=True, slots=True)
class VirtualRegister:
    """A register before allocation: of the variable ``name``, or the temporary of number ``number`` without a name."""

    kind: Kind
    name: str = ""
    number: int = 0


Operand = Address | VirtualRegister

ZERO = {kind: VirtualRegister(kind, "0") for kind in Kind}
"""Registers that no instruction writes: they are zero, as memory is initialized to zero."""

BANKS = {kind: f"{kind.word}s" if kind is not Kind.MATRIX else "matrices" for kind in Kind}
"""The keys of ``registers(…)`` by kind."""


@dataclass(frozen=True, slots=True)
class VirtualInstruction:
    """An instruction on virtual registers, and the line of its statement."""

    op: Op
    inputs: tuple[Operand, ...]
    output: Operand | None
    constants: tuple[float, ...]
    line: Line


@dataclass(frozen=True)
class Emitter:
    """Appends the instructions of the statement in ``line`` to ``block``; ``numbers`` are those of new temporaries."""

    line: Line
    block: list[VirtualInstruction]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def emit(
        self, op: Op, inputs: tuple[Operand, ...], output: Operand | None, constants: tuple[float, ...] = ()
    ) -> None:
        """Append an instruction."""
        self.block.append(VirtualInstruction(op, inputs, output, constants, self.line))

    def temporary(self, kind: Kind) -> VirtualRegister:
        """A new virtual register."""
        return VirtualRegister(kind, "", next(self.numbers))
