"""Programs, instructions and addresses, all immutable. ``str`` gives the canonical text."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from azdsl.errors import AzdslError
from azdsl.limits import MAX_INSTRUCTIONS, MAX_REGISTERS
from azdsl.ops import Kind, Op, Role

FUNCTIONS = ("Setup", "Predict", "Learn")
"""The component functions in canonical order."""


class InvalidProgram(AzdslError, ValueError):
    """A program violates a rule of the language; the message says which."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A register: ``Address(Kind.SCALAR, 3)`` is s3."""

    kind: Kind
    index: int

    def __str__(self) -> str:
        return f"{self.kind.value}{self.index}"


LABEL = Address(Kind.SCALAR, 0)
PREDICTION = Address(Kind.SCALAR, 1)
FEATURES = Address(Kind.VECTOR, 0)
LABELS = Address(Kind.VECTOR, 1)
"""The one-hot label of multi-class tasks."""
PREDICTIONS = Address(Kind.VECTOR, 2)
"""The prediction of multi-class tasks."""

READ_ONLY = {LABEL: "s0 is the label and cannot be written", FEATURES: "v0 is the features and cannot be written"}
"""Registers that programs must not write, with the message."""


def constant_error(role: Role, value: float) -> str | None:
    """Why a constant is invalid, or None."""
    if not math.isfinite(value):
        return f"a constant must be a finite number, not {value}"
    if role is Role.INDEX and not 0 <= value < 1:
        return f"an index must be at least 0 and below 1, not {value!r}: it is a fraction of the entries"
    return None


def output_error(address: Address) -> str | None:
    """Why an instruction must not write ``address``, or None."""
    return READ_ONLY.get(address) or register_error(address)


def register_error(address: Address) -> str | None:
    """Why ``address`` is not a register, or None."""
    if not 0 <= address.index < MAX_REGISTERS:
        last = Address(address.kind, MAX_REGISTERS - 1)
        return f"{address} is out of range: {address.kind.word}s run from {address.kind.value}0 to {last}"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """An op with its registers and constants. Instructions are equal if these are equal, constants bit for bit.

    Raises ``InvalidProgram`` when the registers or constants do not fit the op.
    """

    op: Op
    inputs: tuple[Address, ...] = ()
    output: Address | None = None
    constants: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        kinds = tuple(address.kind for address in self.inputs)
        if kinds != self.op.inputs or (self.output and self.output.kind) != self.op.output:
            raise InvalidProgram(f"{self.op.name} is {self.op.shape}: other operands do not fit")
        if len(self.constants) != len(self.op.constants):
            raise InvalidProgram(f"{self.op.name} takes {len(self.op.constants)} constants")
        errors = [constant_error(role, c) for role, c in zip(self.op.constants, self.constants, strict=True)]
        errors += [register_error(address) for address in self.inputs]
        errors += [output_error(self.output)] if self.output else []
        for error in errors:
            if error:
                raise InvalidProgram(error)

    @property
    def reads(self) -> tuple[Address, ...]:
        """The registers that the instruction reads, including the output of an op that updates it."""
        return (*self.inputs, self.output) if self.op.updates and self.output else self.inputs

    @property
    def _key(self) -> tuple[object, ...]:
        return self.op.code, self.inputs, self.output, struct.pack(f"{len(self.constants)}d", *self.constants)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instruction) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        slots: dict[str, str] = {f"c{i}": format_constant(c) for i, c in enumerate(self.constants)}
        slots |= {slot: str(address) for slot, address in zip("ab", self.inputs, strict=False)}
        return self.op.template.format(out=self.output, **slots)


def format_constant(value: float) -> str:
    """The shortest decimal text that parses to the same float64."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") and text != "-0.0" else text


Block = tuple[Instruction, ...]


@dataclass(frozen=True)
class Program:
    """Setup, Predict and Learn as sequences of instructions. ``parse(str(program)) == program``.

    Raises ``InvalidProgram`` when a function has more than ``MAX_INSTRUCTIONS`` instructions.
    """

    setup: Block = ()
    predict: Block = ()
    learn: Block = ()

    def __post_init__(self) -> None:
        for name, block in zip(FUNCTIONS, self.functions, strict=True):
            if len(block) > MAX_INSTRUCTIONS:
                raise InvalidProgram(f"{name} has {len(block)} instructions; at most {MAX_INSTRUCTIONS} are allowed")

    @property
    def functions(self) -> tuple[Block, Block, Block]:
        """Setup, Predict and Learn."""
        return self.setup, self.predict, self.learn

    @property
    def instructions(self) -> Iterator[Instruction]:
        """All instructions of Setup, Predict and Learn, in this order."""
        return (instruction for block in self.functions for instruction in block)

    def __len__(self) -> int:
        return sum(map(len, self.functions))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Computed once: compiled code is looked up by program at every evaluation."""
        return hash(self.functions)

    def __repr__(self) -> str:
        """The canonical text, short enough for the ``repr`` of an estimator."""
        return f"azdsl.parse({str(self)!r})"

    @cached_property
    def registers(self) -> tuple[Address, ...]:
        """The registers that instructions name, in order of first appearance, inputs before the output."""
        named = (a for i in self.instructions for a in (*i.inputs, *((i.output,) if i.output else ())))
        return tuple(dict.fromkeys(named))

    @cached_property
    def derived(self) -> dict[object, Any]:
        """A cache of results that are computed from the program, freed with it. A module includes its function in its keys."""
        return {}

    def __getstate__(self) -> dict[str, Block]:
        return {"setup": self.setup, "predict": self.predict, "learn": self.learn}

    def __str__(self) -> str:
        lines: list[str] = []
        for name, block in zip(FUNCTIONS, self.functions, strict=True):
            lines.append(f"def {name}():")
            lines += [f"  {instruction}" for instruction in block]
        return "\n".join(lines) + "\n"
