"""Tasks in lanes: how a task set is cut into blocks and laid out as compiled code reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import FIELDS, Field
from azdsl.taskset import TaskSet


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


def _lanes(array: NDArray[np.float64], first: int, count: int, lanes: int, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Tasks ``first`` … of [T, …] as [… , W], padded with zeros."""
    part = np.moveaxis(array[first : first + count], 0, -1)
    out = aligned((*part.shape[:-1], lanes), dtype)
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as everywhere
        out[..., :count] = part
    return out


def make_blocks(
    tasks: TaskSet, widest: int, *, seed: int, max_abs_error: float, precision: int = 64, first_task: int = 0
) -> list[Block]:
    """Lay a task set out in blocks of at most ``widest`` lanes. ``first_task`` is the first one's number where programs draw."""
    dtype = np.dtype(np.float64 if precision == 64 else np.float32)
    blocks = []
    for first, lanes in plan(tasks.tasks, widest):
        count = min(lanes, tasks.tasks - first)
        arrays = (tasks.train_X, tasks.train_y, tasks.valid_X, tasks.valid_y)
        data = tuple(_lanes(array, first, count, lanes, dtype) for array in arrays)
        arguments = np.zeros(FIELDS, np.int64)
        for field, array in zip((Field.TRAIN_X, Field.TRAIN_Y, Field.VALID_X, Field.VALID_Y), data, strict=True):
            arguments[field] = array.ctypes.data
        arguments[Field.N] = tasks.train_X.shape[1]
        arguments[Field.M] = tasks.valid_X.shape[1]
        arguments[Field.EPOCH_LENGTH] = tasks.epoch_length
        arguments[Field.EPOCHS] = tasks.steps // tasks.epoch_length
        arguments[Field.MAX_ABS_ERROR : Field.MAX_ABS_ERROR + 1].view(np.float64)[0] = max_abs_error
        arguments[Field.SEED] = np.uint64(seed).astype(np.int64)
        arguments[Field.TASK] = first_task + first
        arguments[Field.LANES] = (1 << count) - 1
        blocks.append(Block(first, count, lanes, data, arguments))
    return blocks
