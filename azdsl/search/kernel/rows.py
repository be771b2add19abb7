"""Elementary changes of a row of packed instructions: fresh constants, copies and shifts."""

from __future__ import annotations

from typing import Any

from azdsl.codegen.numba_jit import inline
from azdsl.ir.packing import CONSTANTS
from azdsl.ops import Role
from azdsl.search.kernel.rng import Words, uniform
from azdsl.search.kernel.space import ROLES

INDEX, STD = ROLES.index(Role.INDEX), ROLES.index(Role.STD)
"""Numbers of the roles of constants that are never negative."""


@inline
def order(constants: Any, at: Any, low: Any, high: Any) -> None:
    """Swap the lower and the upper bound of a uniform draw if they are out of order."""
    low, high = CONSTANTS * at + low, CONSTANTS * at + high
    if low != high and constants[low] > constants[high]:
        constants[low], constants[high] = constants[high], constants[low]


@inline
def fresh_constant(state: Words, role: Any) -> Any:
    """A constant of a random instruction: U(0, 1) for an index or a standard deviation, else U(-1, 1)."""
    u = uniform(state)
    return u if role in (INDEX, STD) else 2.0 * u - 1.0


@inline
def fresh_constants(state: Words, record: Any, constants: Any, at: Any) -> None:
    """Write random constants for the instruction at index ``at``, whose op has the table entry ``record``."""
    for i in range(CONSTANTS):
        constants[CONSTANTS * at + i] = 0.0
    for i in range(record.constants):
        constants[CONSTANTS * at + i] = fresh_constant(state, record.roles[i])
    order(constants, at, record.low, record.high)


@inline
def move(code: Any, constants: Any, source: Any, target: Any) -> None:
    """Copy one instruction."""
    code[target] = code[source]
    for i in range(CONSTANTS):
        constants[CONSTANTS * target + i] = constants[CONSTANTS * source + i]


@inline
def shift(code: Any, constants: Any, gap: Any, to: Any) -> None:
    """Move the gap at index ``gap`` to index ``to`` by shifting the instructions between them."""
    for at in range(gap, to):
        move(code, constants, at + 1, at)
    for at in range(gap, to, -1):
        move(code, constants, at - 1, at)
