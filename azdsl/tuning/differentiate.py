"""The derivative of a program with respect to its constants, as a program: forward differentiation.

Every register whose value depends on a tuned constant gets a second register with its derivative. The
rules are those of the op table (``Op.derivative`` and ``Op.general``), which are text of the language; so is
the derivative, which is parsed like any program and compiled like one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from azdsl.diagnostics import SyntaxError
from azdsl.errors import AzdslError
from azdsl.ir import (
    FUNCTIONS,
    MAX_REGISTERS,
    METRICS,
    RMSE,
    Address,
    Instruction,
    Metric,
    Program,
    format_constant,
)
from azdsl.ops import Kind, Role
from azdsl.syntax import parse

Place = tuple[int, int, int]
"""A constant of a program: function, index of the instruction, index among the constants of the instruction."""

NO_CHANGE = "0"
"""The rule of an op whose output is constant in its input, except for steps."""


class TooLarge(AzdslError, ValueError):
    """The derivative needs more registers or instructions than a program can have."""


@dataclass(frozen=True)
class Derivative:
    """The result of ``differentiate``.

    Before Setup, the registers ``constants`` must hold the tuned constants and ``changes`` the direction of the derivative.
    ``program`` then computes the prediction and, in the register ``prediction``, its derivative (None if no tuned constant
    reaches the prediction).
    """

    program: Program
    constants: tuple[Address, ...]
    changes: tuple[Address, ...]
    prediction: Address | None


def differentiate(program: Program, places: Sequence[Place], metric: Metric = RMSE) -> Derivative:
    """The derivative of a live program with respect to the constants at ``places``.

    It is the derivative almost everywhere: steps have derivative 0, and the minimum and maximum of two equal numbers have
    the derivative of one of them. Raises ``TooLarge``.
    """
    constants = _registers(Kind.SCALAR, _taken(program))
    tuned = {place: next(constants) for place in places}
    program = _parsed(_with_registers(program, tuned), metric)
    active = _dependent(program, frozenset(tuned.values()))
    taken = _taken(program) | frozenset(tuned.values())
    free = {kind: _registers(kind, taken) for kind in Kind}
    change = {address: next(free[address.kind]) for address in sorted(active, key=str)}
    return Derivative(
        _parsed(_with_changes(program, change, metric), metric),
        tuple(tuned.values()),
        tuple(change[address] for address in tuned.values()),
        change.get(metric.prediction),
    )


def _taken(program: Program) -> frozenset[Address]:
    """The registers in use, and those with a fixed meaning."""
    return frozenset(program.registers).union(*(metric.fixed for metric in METRICS.values()))


def _registers(kind: Kind, taken: frozenset[Address]) -> Iterator[Address]:
    """The free registers of ``kind``. Raises ``TooLarge`` after the last one."""
    for index in count():
        if index >= MAX_REGISTERS:
            raise TooLarge(f"the derivative needs more than {MAX_REGISTERS} {kind.word} registers")
        if Address(kind, index) not in taken:
            yield Address(kind, index)


def _parsed(blocks: Iterable[Sequence[str]], metric: Metric) -> Program:
    """The program of these statements."""
    # With a multi-class task, variables are not assigned to the registers that the evaluation writes.
    lines = ["task sklearn(digits)"] if metric.vector else []
    lines.append(f"registers(scalars={MAX_REGISTERS}, vectors={MAX_REGISTERS}, matrices={MAX_REGISTERS})")
    for name, statements in zip(FUNCTIONS, blocks, strict=True):
        lines.append(f"def {name}():")
        lines += [f"  {line}" for statement in statements for line in statement.split("\n")]
    try:
        return parse("\n".join(lines) + "\n", "<derivative>")
    except SyntaxError as error:
        if {found.code for found in error.diagnostics} <= {"registers", "too-long"}:
            raise TooLarge("the derivative needs more registers or instructions than a program can have") from None
        raise


def _with_registers(program: Program, tuned: Mapping[Place, Address]) -> list[list[str]]:
    """The statements of the program, with the constants at ``tuned`` read from registers."""

    def statement(function: int, at: int, instruction: Instruction) -> str:
        registers = {slot: tuned.get((function, at, slot)) for slot in range(len(instruction.constants))}
        general = instruction.op.general
        if general is None or not any(registers.values()):
            return str(instruction)
        texts = [
            str(registers[slot] or f"({format_constant(value)})" if role is not Role.INDEX else format_constant(value))
            for slot, (role, value) in enumerate(zip(instruction.op.constants, instruction.constants, strict=True))
        ]
        return general.format(out=instruction.output, **{f"c{slot}": text for slot, text in enumerate(texts)})

    return [
        [statement(function, at, instruction) for at, instruction in enumerate(block)]
        for function, block in enumerate(program.functions)
    ]


def _dependent(program: Program, sources: frozenset[Address]) -> frozenset[Address]:
    """The registers that ever hold a value that depends on ``sources``, including these."""
    found = set(sources)
    while True:
        more = {
            i.output
            for i in program.instructions
            if i.output and any(a in found for a, _ in _parts(i)) and i.output not in found
        }
        if not more:
            return frozenset(found)
        found |= more


def _parts(instruction: Instruction) -> Iterator[tuple[Address, Callable[..., str]]]:
    """The inputs that the output of an instruction depends on, with the text of each one's contribution to its derivative."""
    for slot, address, rule in zip("ab", instruction.inputs, instruction.op.derivative, strict=False):
        if rule != NO_CHANGE:
            yield address, lambda change, rule=rule, slot=slot, **names: rule.format(**{f"d{slot}": change}, **names)


def _with_changes(program: Program, change: Mapping[Address, Address], metric: Metric) -> Iterator[list[str]]:
    """The statements of the program; those that write a register in ``change`` also compute its derivative."""
    for function, block in enumerate(program.functions):
        # The evaluation overwrites the label before Predict and Learn.
        lines = [f"{change[metric.label]} = 0"] if function and metric.label in change else []
        for instruction in block:
            lines += _statements(instruction, change) if instruction.output in change else [str(instruction)]
        yield lines


def _statements(instruction: Instruction, change: Mapping[Address, Address]) -> Iterator[str]:
    """An instruction and the derivative of its output."""
    op, out = instruction.op, instruction.output
    assert out is not None
    changed = change[out]
    slots: dict[str, str] = {slot: str(address) for slot, address in zip("ab", instruction.inputs, strict=False)}
    if op.updates:
        # The entry becomes a constant that is not tuned; the derivatives of the others stay.
        still = [c if role is Role.INDEX else 0.0 for role, c in zip(op.constants, instruction.constants, strict=True)]
        yield str(instruction)
        yield str(Instruction(op, (), changed, tuple(still)))
        return
    # An output that is also an input keeps its old value until its derivative is computed.
    aside = f"new_{out.kind.word}" if out in instruction.inputs else str(out)
    texts = {f"c{slot}": format_constant(value) for slot, value in enumerate(instruction.constants)}
    parts = [
        text(str(change[address]), **slots, out=aside) for address, text in _parts(instruction) if address in change
    ]
    yield op.template.format(out=aside, **slots, **texts)
    yield f"{changed} = " + (" + ".join(f"({part})" for part in parts) if parts else "0")
    if aside != str(out):
        yield f"{out} = {aside}"
