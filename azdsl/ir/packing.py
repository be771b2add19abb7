"""Programs as arrays, the form that compiled code reads and the search breeds.

An instruction is one uint64 (op, inputs, output) and three float64 constants; the functions follow
each other, Setup first. Unused fields are zero, so equal programs have equal arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.passes import remove_dead_code
from azdsl.ir.program import Address, Instruction, Program
from azdsl.ops import OPS

OP_SHIFT, A_SHIFT, B_SHIFT, OUT_SHIFT = 0, 16, 32, 48
FIELD = 0xFFFF
CONSTANTS = 3
"""Constants an instruction has room for."""


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
        fields = [instruction.op.code, 0, 0, instruction.output.index if instruction.output else 0]
        for at, address in enumerate(instruction.inputs):
            fields[1 + at] = address.index
        code[row] = sum(
            value << shift for value, shift in zip(fields, (OP_SHIFT, A_SHIFT, B_SHIFT, OUT_SHIFT), strict=True)
        )
        constants[row, : len(instruction.constants)] = instruction.constants
    lengths = np.array([len(block) for block in program.functions], np.int64)
    return Packed(lengths, code, constants, (lengths.tobytes(), code.tobytes(), constants.tobytes()))


def pack_live(program: Program, metric: Metric = RMSE) -> Packed:
    """The live program as arrays, as compiled backends run it; packed once for each metric, then kept with the program."""
    key = (pack_live, metric)
    if key not in program.derived:
        program.derived[key] = pack(remove_dead_code(program, metric))
    packed: Packed = program.derived[key]
    return packed


def unpack(lengths: NDArray[np.int64], code: NDArray[np.uint64], constants: NDArray[np.float64]) -> Program:
    """Arrays to program. Raises ``InvalidProgram`` when they hold none."""
    instructions = [_instruction(int(word), row) for word, row in zip(code, constants, strict=True)]
    first, second = int(lengths[0]), int(lengths[0] + lengths[1])
    return Program(tuple(instructions[:first]), tuple(instructions[first:second]), tuple(instructions[second:]))


def _instruction(word: int, constants: NDArray[np.float64]) -> Instruction:
    op = OPS[word >> OP_SHIFT & FIELD]
    fields = (word >> A_SHIFT & FIELD, word >> B_SHIFT & FIELD)
    return Instruction(
        op,
        tuple(Address(kind, index) for kind, index in zip(op.inputs, fields, strict=False)),
        Address(op.output, word >> OUT_SHIFT & FIELD) if op.output else None,
        tuple(float(c) for c in constants[: len(op.constants)]),
    )
