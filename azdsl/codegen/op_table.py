"""The ops as rows of an array, for compiled code."""

from __future__ import annotations

import enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen import vm
from azdsl.ops import OPS, Kind, Op, Role

_KINDS = tuple(Kind)
NO_KIND = len(_KINDS)


class Column(enum.IntEnum):
    """The columns of ``Engine.table``: an op's row. Kinds are 0, 1, 2; ``NO_KIND`` is none."""

    A = 0
    B = 1
    OUT = 2
    CONSTANTS = 3  # how many
    INDEX = 4  # whether a constant is an index: this column and the next two
    RANDOM = 7
    CONSUMER = 8  # the op that it may be fused with, or -1
    FUSED = 9  # the first handler of the pair
    HANDLER = 10  # the first handler of the op


@lru_cache(maxsize=32)
def op_table(ops: tuple[Op, ...]) -> NDArray[np.int64]:
    """The rows of ``Column``s for a VM with these ops. Engines share the array, which nothing writes."""

    def number(kind: Kind | None) -> int:
        return NO_KIND if kind is None else _KINDS.index(kind)

    table = np.zeros((len(OPS), len(Column) + 2), np.int64)  # an op has up to three INDEX columns
    table[:, Column.CONSUMER] = -1
    for row, op in zip(table, OPS, strict=True):
        row[Column.A], row[Column.B] = [number(kind) for kind in (*op.inputs, None, None)[:2]]
        row[Column.OUT], row[Column.CONSTANTS], row[Column.RANDOM] = number(op.output), len(op.constants), op.random
        for at, role in enumerate(op.constants):
            row[Column.INDEX + at] = role is Role.INDEX
    for (op, *consumers), first in vm.handlers(ops).items():
        table[op.code, Column.FUSED if consumers else Column.HANDLER] = first
        if consumers:
            table[op.code, Column.CONSUMER] = consumers[0].code
    return table
