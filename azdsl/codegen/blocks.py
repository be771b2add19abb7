"""Tasks in lanes: how a task set is cut into blocks and laid out as compiled code reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import FIELDS, Field
from azdsl.taskset import TaskSet

_PIECE = 16 << 20
"""Mapped examples are laid out so many bytes at a time, and not kept in memory any longer."""


def plan(tasks: int, widest: int) -> list[tuple[int, int]]:
    """Cut T tasks into blocks: (first task, lanes), ``widest`` lanes as long as they fill.

    What remains takes the narrowest power of two that holds it, so 1, 2, 7, 10 and 100 tasks pad little.
    """
    blocks, first = [], 0
    while tasks - first >= widest:
        blocks.append((first, widest))
        first += widest
    if tasks > first:
        blocks.append((first, 1 << (tasks - first - 1).bit_length()))
    return blocks


@dataclass(frozen=True, eq=False)
class Block:
    """Some tasks in lanes: train X [N, F, W], train y [N, W], valid X [M, F, W], valid y [M, W].

    ``arguments`` is the evaluation's argument table but for program, memory and results; it holds the
    addresses of ``data``, which must live as long as it is used.
    """

    first: int
    count: int
    lanes: int
    data: tuple[NDArray[np.generic], ...]
    arguments: NDArray[np.int64]


def _lanes(tasks: TaskSet, array: NDArray[np.float64], lanes: int, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """One of the arrays of some tasks, [T, …], as [… , W], padded with zeros."""
    part = np.moveaxis(array, 0, -1)
    out = aligned((*part.shape[:-1], lanes), dtype)
    examples = max(1, _PIECE // part[0].nbytes)
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as everywhere
        for at in range(0, len(part), examples):
            out[at : at + examples, ..., : len(array)] = part[at : at + examples]
            tasks.rest()
    return out


def lay_out(
    tasks: TaskSet,
    first: int,
    lanes: int,
    *,
    seed: int,
    max_abs_error: float,
    precision: int = 64,
    first_task: int = 0,
    prefix_of: Sequence[Block] = (),
) -> Block:
    """Lay the tasks from number ``first`` on out in ``lanes`` lanes.

    ``first_task`` is the set's first one's number where programs draw. ``prefix_of`` are blocks of tasks that begin with these
    tasks, whose examples begin with these examples: what is laid out there already is used where it fits.
    """
    dtype = np.dtype(np.float64 if precision == 64 else np.float32)
    count = min(lanes, tasks.tasks - first)
    arrays = [array[first : first + count] for array in (tasks.train_X, tasks.train_y, tasks.valid_X, tasks.valid_y)]
    whole = next(
        (block for block in prefix_of if (block.first, block.lanes) == (first, lanes) and block.count >= count), None
    )
    if whole is None:
        data = tuple(_lanes(tasks, array, lanes, dtype) for array in arrays)
    else:
        data = tuple(there[: array.shape[1]] for there, array in zip(whole.data, arrays, strict=True))
    arguments = np.zeros(FIELDS, np.int64)
    for field, laid in zip((Field.TRAIN_X, Field.TRAIN_Y, Field.VALID_X, Field.VALID_Y), data, strict=True):
        arguments[field] = laid.ctypes.data
    arguments[Field.N] = tasks.train_X.shape[1]
    arguments[Field.M] = tasks.valid_X.shape[1]
    arguments[Field.EPOCH_LENGTH] = tasks.epoch_length
    arguments[Field.EPOCHS] = tasks.steps // tasks.epoch_length
    arguments[Field.MAX_ABS_ERROR : Field.MAX_ABS_ERROR + 1].view(np.float64)[0] = max_abs_error
    arguments[Field.SEED] = np.uint64(seed).astype(np.int64)
    arguments[Field.TASK] = first_task + first
    arguments[Field.LANES] = (1 << count) - 1
    return Block(first, count, lanes, data, arguments)


def make_blocks(tasks: TaskSet, widest: int, **settings: Any) -> list[Block]:
    """A task set in blocks of at most ``widest`` lanes. Settings are those of ``lay_out``."""
    return [lay_out(tasks, first, lanes, **settings) for first, lanes in plan(tasks.tasks, widest)]
