"""Pruning: removes instructions that do not change the fitness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from azdsl.export.readable.rounding import TOLERANCE, Evaluate
from azdsl.ir import RMSE, Instruction, Metric, Program
from azdsl.ir.linearize import COPY
from azdsl.ir.simplify import simplify

_BATCH = 32
"""Number of candidates that are evaluated together."""


@dataclass(frozen=True)
class Pruned:
    """A pruned program, the number of removed instructions, its fitness, and the fitness of the original."""

    program: Program
    removed: int
    fitness: float
    original: float

    @property
    def words(self) -> str:
        """A note for the reader of the program; empty if nothing was removed."""
        what = "1 instruction" if self.removed == 1 else f"{self.removed} instructions"
        return f"pruned {what} without effect on the fitness" if self.removed else ""


def prune(program: Program, evaluate: Evaluate, metric: Metric = RMSE, tolerance: float = TOLERANCE) -> Pruned:
    """Remove what changes the fitness by at most ``tolerance``, the most instructions at once first.

    A step removes an instruction, replaces it by a copy of an input, or lets it read another register; the last can replace
    a state by a value of the current example. A program with fitness 0 is only simplified, because no change could
    make its fitness worse.
    """
    program = simplify(program, metric)
    before = len(program)
    original = fitness = evaluate([program])[0]
    while original != 0.0:
        found = _better(program, evaluate, metric, original, tolerance)
        if found is None:
            break
        program, fitness = found
    return Pruned(program, before - len(program), fitness, original)


def _better(
    program: Program, evaluate: Evaluate, metric: Metric, original: float, tolerance: float
) -> tuple[Program, float] | None:
    """The shortest program one step away with an equal fitness, and this fitness; None if there is none."""
    simplest = dict.fromkeys(simplify(other, metric) for other in _neighbours(program))
    candidates = sorted((smaller for smaller in simplest if len(smaller) < len(program)), key=len)
    for start in range(0, len(candidates), _BATCH):
        some = candidates[start : start + _BATCH]
        for candidate, fitness in zip(some, evaluate(some), strict=True):
            if abs(fitness - original) <= tolerance:
                return candidate, fitness
    return None


def _neighbours(program: Program) -> Iterator[Program]:
    """Programs without one instruction, with a copy in its place, or with another input register."""
    for function, block in enumerate(program.functions):
        for at, instruction in enumerate(block):
            others: list[tuple[Instruction, ...]] = [()]
            for source in dict.fromkeys(instruction.inputs):
                if instruction.output and source.kind is instruction.output.kind:
                    others.append((Instruction(COPY[source.kind], (source, source), instruction.output),))
            for slot, old in enumerate(instruction.inputs):
                for new in program.registers:
                    if new.kind is old.kind and new != old:
                        inputs = (*instruction.inputs[:slot], new, *instruction.inputs[slot + 1 :])
                        others.append((replace(instruction, inputs=inputs),))
            for other in others:
                blocks = list(program.functions)
                blocks[function] = (*block[:at], *other, *block[at + 1 :])
                yield Program(*blocks)
