"""Programs as arrays: what compiled code reads and the search mutates.

An instruction is one word, a uint64 with 16 bits each for the op, the two inputs and the output, and three float64
constants. The functions follow each other, Setup first. Unused fields are 0, so equal programs have equal arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.passes import remove_dead_code
from azdsl.ir.program import Address, Instruction, Program
from azdsl.ops import OPS, Kind

A_SHIFT, B_SHIFT, OUT_SHIFT = np.uint64(16), np.uint64(32), np.uint64(48)
"""The lowest bit of the first input, the second input and the output in a word; the op is at bit 0."""

FIELD = np.uint64(0xFFFF)
"""The mask of one field."""

CONSTANTS = 3
"""Constants an instruction has room for."""


# The functions below take and give np.uint64 or arrays of them. Compiled code has them from
# ``azdsl.codegen.instruction_words``: numba cannot call a plain function.


def op_code(word: Any) -> Any:
    """The op of a word."""
    return word & FIELD


def first_input(word: Any) -> Any:
    """The register of a word's first input."""
    return (word >> A_SHIFT) & FIELD


def second_input(word: Any) -> Any:
    """The register of a word's second input."""
    return (word >> B_SHIFT) & FIELD


def output_register(word: Any) -> Any:
    """The register of a word's output."""
    return word >> OUT_SHIFT


def make_word(op: Any, first: Any, second: Any, output: Any) -> Any:
    """The word of an op and its registers, which may be integers of any type."""
    fields = (np.uint64(first) << A_SHIFT) | (np.uint64(second) << B_SHIFT) | (np.uint64(output) << OUT_SHIFT)
    return np.uint64(op) | fields


def with_field(word: Any, shift: Any, register: Any) -> Any:
    """The word with another register in the field at ``shift``."""
    return (word & ~(FIELD << shift)) | (np.uint64(register) << shift)


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """``lengths`` int64[3] of Setup, Predict, Learn; ``code`` uint64[L]; ``constants`` float64[L, 3].

    ``raw`` is the three as bytes: joining bytes is much the fastest way to put thousands of programs together.
    """

    lengths: NDArray[np.int64]
    code: NDArray[np.uint64]
    constants: NDArray[np.float64]
    raw: tuple[bytes, bytes, bytes]


def pack(program: Program) -> Packed:
    """Program to arrays."""
    code = np.zeros(len(program), np.uint64)
    constants = np.zeros((len(program), CONSTANTS), np.float64)
    for row, instruction in enumerate(program.instructions):
        first, second, *_ = (*(address.index for address in instruction.inputs), 0, 0)
        code[row] = make_word(instruction.op.code, first, second, instruction.output.index if instruction.output else 0)
        constants[row, : len(instruction.constants)] = instruction.constants
    lengths = np.array([len(block) for block in program.functions], np.int64)
    return Packed(lengths, code, constants, (lengths.tobytes(), code.tobytes(), constants.tobytes()))


def programs_using(kind: Kind, lengths: NDArray[np.int64], code: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of P programs use registers of a kind, bool[P]; ``lengths`` [P, 3], and ``code`` in which they follow each other."""
    using = np.array([op.uses(kind) for op in OPS])[op_code(code).astype(np.intp)]
    counts = np.concatenate([[0], np.cumsum(using)])
    ends = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))])
    return np.asarray(counts[ends[1:]] > counts[ends[:-1]])


def pack_live(program: Program, metric: Metric = RMSE) -> Packed:
    """The live program as arrays, as compiled backends run it; packed once for each metric, then kept with the program."""
    key = (pack_live, metric)
    if key not in program.derived:
        program.derived[key] = pack(remove_dead_code(program, metric))
    packed: Packed = program.derived[key]
    return packed


def unpack(lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]) -> Program:
    """Arrays to program. Raises ``InvalidProgram`` when they hold none."""
    instructions = [_instruction(word, row) for word, row in zip(code, constants, strict=True)]
    first, second = int(lengths[0]), int(lengths[0] + lengths[1])
    return Program(tuple(instructions[:first]), tuple(instructions[first:second]), tuple(instructions[second:]))


def _instruction(word: np.uint64, constants: NDArray[np.float64]) -> Instruction:
    op = OPS[int(op_code(word))]
    fields = (int(first_input(word)), int(second_input(word)))
    return Instruction(
        op,
        tuple(Address(kind, index) for kind, index in zip(op.inputs, fields, strict=False)),
        Address(op.output, int(output_register(word))) if op.output else None,
        tuple(float(c) for c in constants[: len(op.constants)]),
    )
