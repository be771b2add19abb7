"""Rounding: constants with as few digits as the fitness allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from azdsl.ir import Instruction, Program
from azdsl.ops import Role

TOLERANCE = 5e-7
"""The largest change of a fitness: it stays the same to six decimals."""

MOST_DIGITS = 17

Evaluate = Callable[[Sequence[Program]], Sequence[float]]
"""Computes the fitness of programs on the same tasks."""


def round_constants(program: Program, *evaluates: Evaluate, tolerance: float = TOLERANCE) -> Program:
    """Round each constant in turn to the fewest digits with which no fitness of ``evaluates`` changes by more than ``tolerance``.

    Indexes are not rounded: they are fractions that select an entry. A program with fitness 0 is returned
    unchanged, because its fitness would stay 0 with any constants.
    """
    originals = [evaluate([program])[0] for evaluate in evaluates]
    if 0.0 in originals:
        return program
    for at, instruction in enumerate(program.instructions):
        for slot, role in enumerate(instruction.op.constants):
            if role is Role.INDEX:
                continue
            candidates = _shorter(program, at, instruction, slot)
            scores = zip(*(evaluate(candidates) for evaluate in evaluates), strict=True) if candidates else ()
            for candidate, found in zip(candidates, scores, strict=False):
                if all(abs(score - original) <= tolerance for score, original in zip(found, originals, strict=True)):
                    program = candidate
                    break
            instruction = list(program.instructions)[at]
    return program


def _shorter(program: Program, at: int, instruction: Instruction, slot: int) -> list[Program]:
    """Programs with fewer digits in one constant, the fewest first."""
    value = instruction.constants[slot]
    found: dict[float, Program] = {}
    for digits in range(1, MOST_DIGITS):
        shorter = float(f"{value:.{digits}g}")
        if shorter == value:
            break
        constants = (*instruction.constants[:slot], shorter, *instruction.constants[slot + 1 :])
        found.setdefault(shorter, _with(program, at, replace(instruction, constants=constants)))
    return list(found.values())


def _with(program: Program, at: int, instruction: Instruction) -> Program:
    """The program with another instruction number ``at``, counted over all functions."""
    blocks = []
    for block in program.functions:
        blocks.append((*block[:at], instruction, *block[at + 1 :]) if 0 <= at < len(block) else block)
        at -= len(block)
    return Program(*blocks)
