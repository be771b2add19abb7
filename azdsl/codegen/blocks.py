"""Tasks in lanes: how a task set is cut into blocks, and laid out in memory as compiled code reads it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import FIELDS, EvaluationSettings, Field
from azdsl.taskset import TaskSet

_PIECE_BYTES = 16 << 20
"""Examples are laid out in pieces of this size; the pages of mapped examples are released after each piece."""

KEPT_BYTES = 128 << 20
"""Layouts of at most this size in all are kept for each task set."""

Layout = tuple[NDArray[np.generic], ...]
"""The examples of some tasks in W lanes: train X [N, F, W], train y [N, W], valid X [M, F, W], valid y [M, W]."""


def plan(tasks: int, widest: int) -> list[tuple[int, int]]:
    """Cut T tasks into blocks (first task, lanes): as many of ``widest`` lanes as T fills.

    The tasks that remain get one block; its width is the least power of two that holds them.
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
    """``count`` tasks from number ``first`` on, in ``lanes`` lanes.

    ``arguments`` is the evaluation's argument table (``protocol.Field``), in which program, memory and results are still
    missing. It holds the addresses of ``layout``.
    """

    first: int
    count: int
    lanes: int
    layout: Layout
    arguments: NDArray[np.int64]


class _Layouts:
    """The layouts made last of every living task set: at most ``KEPT_BYTES`` for each. Threads may share it."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[TaskSet, OrderedDict[tuple[int, int, int], Layout]] = WeakKeyDictionary()
        self._lock = Lock()

    def get(self, tasks: TaskSet, first: int, lanes: int, dtype: np.dtype[np.generic]) -> Layout:
        """The tasks from number ``first`` on in ``lanes`` lanes."""
        key = first, lanes, dtype.itemsize
        with self._lock:
            kept = self._kept.setdefault(tasks, OrderedDict())
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
        layout = tuple(_in_lanes(tasks, array, lanes, dtype) for array in _arrays(tasks, first, lanes))
        with self._lock:
            kept[key] = layout
            while sum(_bytes(each) for each in kept.values()) > KEPT_BYTES:
                kept.popitem(last=False)
        return layout


_LAYOUTS = _Layouts()


def _bytes(layout: Layout) -> int:
    return sum(array.nbytes for array in layout)


def _arrays(tasks: TaskSet, first: int, count: int) -> list[NDArray[np.float64]]:
    """The arrays of at most ``count`` tasks, from number ``first`` on."""
    return [array[first : first + count] for array in (tasks.train_X, tasks.train_y, tasks.valid_X, tasks.valid_y)]


def _in_lanes(
    tasks: TaskSet, array: NDArray[np.float64], lanes: int, dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """An array [T, …] of some of the tasks as [… , W], padded with zeros."""
    part = np.moveaxis(array, 0, -1)
    out = aligned((*part.shape[:-1], lanes), dtype)
    examples = max(1, _PIECE_BYTES // part[0].nbytes)
    with np.errstate(over="ignore"):  # beyond float32 is infinity, as everywhere
        for at in range(0, len(part), examples):
            out[at : at + examples, ..., : len(array)] = part[at : at + examples]
            tasks.rest()
    out.flags.writeable = False
    return out


def lay_out(
    tasks: TaskSet, first: int, lanes: int, settings: EvaluationSettings, prefix_of: Sequence[Block] = ()
) -> Block:
    """The tasks from number ``first`` on as a block of ``lanes`` lanes.

    ``prefix_of`` are blocks of tasks that begin with these tasks, and whose examples begin with theirs: a layout that fits is
    used, not made again.
    """
    dtype = np.dtype(np.float64 if settings.precision == 64 else np.float32)
    count = min(lanes, tasks.tasks - first)
    longer = next((b for b in prefix_of if (b.first, b.lanes) == (first, lanes) and b.count >= count), None)
    if longer:
        layout = tuple(
            there[: array.shape[1]] for there, array in zip(longer.layout, _arrays(tasks, first, count), strict=True)
        )
    else:
        layout = _LAYOUTS.get(tasks, first, lanes, dtype)
    arguments = np.zeros(FIELDS, np.int64)
    for field, array in zip((Field.TRAIN_X, Field.TRAIN_Y, Field.VALID_X, Field.VALID_Y), layout, strict=True):
        arguments[field] = array.ctypes.data
    arguments[Field.N] = tasks.train_X.shape[1]
    arguments[Field.M] = tasks.valid_X.shape[1]
    arguments[Field.EPOCH_LENGTH] = tasks.epoch_length
    arguments[Field.EPOCHS] = tasks.validations
    arguments[Field.MAX_ABS_ERROR : Field.MAX_ABS_ERROR + 1].view(np.float64)[0] = settings.max_abs_error
    arguments[Field.SEED] = np.uint64(settings.seed).astype(np.int64)
    arguments[Field.TASK] = settings.first_task + first
    arguments[Field.LANES] = (1 << count) - 1
    return Block(first, count, lanes, layout, arguments)


def make_blocks(
    tasks: TaskSet, widest: int, settings: EvaluationSettings, prefix_of: Sequence[Block] = ()
) -> tuple[Block, ...]:
    """A task set in blocks of at most ``widest`` lanes."""
    return tuple(lay_out(tasks, first, lanes, settings, prefix_of) for first, lanes in plan(tasks.tasks, widest))
