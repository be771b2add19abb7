"""Emitting code for a warp: threads share a task's registers, and each computes some of their rows.

A register's element is followed by that of the warp's next task, so that threads read neighbouring memory; the rows of a matrix
are one element longer than F, so that a column lies in different banks. Addresses of registers are 32-bit offsets into the
warp's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from llvmlite import ir

from azdsl.codegen.emitter import I1, I32, I64, POINTER, UNROLL, Emitter, Index, Value

WARP = 32
"""Threads of a warp: one instruction runs in all of them at a time."""

FEWEST_ROWS = 8
"""With fewer features than this a task has one thread."""


@dataclass(frozen=True)
class Shape:
    """How the registers of tasks with F features lie in a warp's memory. ``rows`` is a power of two: the threads of a task."""

    features: int
    precision: int
    rows: int

    @classmethod
    def usual(cls, features: int, precision: int) -> Shape:
        """A thread for each row up to ``WARP``; one thread for a task with few features."""
        rows = 1 if features < FEWEST_ROWS else min(WARP, 1 << (features - 1).bit_length())
        return cls(features, precision, rows)

    @property
    def tasks(self) -> int:
        """Tasks of a warp."""
        return WARP // self.rows

    @property
    def number_bytes(self) -> int:
        """Bytes of a number."""
        return self.precision // 8

    @property
    def stride(self) -> int:
        """Bytes from one element of a register to the next."""
        return self.tasks * self.number_bytes

    @property
    def row(self) -> int:
        """Elements from one row of a matrix to the next."""
        return self.features + (self.rows > 1)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Elements of a scalar, a vector, a matrix."""
        return 1, self.features, self.features * self.row


class Threads(Protocol):
    """What code for a warp takes from where it runs: a GPU, or the twin."""

    def register(self, offset: Value) -> Value:
        """A pointer to the warp's memory at an offset."""

    def barrier(self, builder: ir.IRBuilder) -> None:
        """Emit: wait for the other threads of the warp."""

    def any(self, builder: ir.IRBuilder, bit: Value) -> Value:
        """Emit: whether a bit is set in any thread of the warp."""


class WarpEmitter(Emitter):
    """An emitter for one thread: of row ``lane`` mod ``rows`` of the warp's task number ``lane`` / ``rows``.

    ``fields`` are the entries of the argument table (``protocol.Field``) as values.
    """

    address: Any = I32

    def __init__(
        self, builder: ir.IRBuilder, shape: Shape, threads: Threads, lane: Value, fields: Mapping[int, Value]
    ) -> None:
        super().__init__(builder, shape.features, 1, shape.precision)
        self.shape, self.threads, self.thread, self.fields = shape, threads, lane, fields
        self.lane_row = builder.and_(lane, ir.Constant(I32, shape.rows - 1))
        place = builder.udiv(lane, ir.Constant(I32, shape.rows))
        self.own = builder.mul(place, ir.Constant(I32, shape.number_bytes))
        self.leads = builder.icmp_unsigned("==", self.lane_row, ir.Constant(I32, 0))

    def offset(self, pointer: Value, bytes_: Index) -> Value:
        """An address of the warp's memory moved by a number of bytes."""
        return self.builder.add(pointer, self._short(bytes_))

    def element_pointer(self, pointer: Value, index: Index) -> Value:
        """The address of an element of a register, or a pointer to a number of an example."""
        if pointer.type == POINTER:
            return super().element_pointer(pointer, index)
        if isinstance(index, int):
            return self.offset(pointer, index * self.shape.stride) if index else pointer
        scaled = self.builder.mul(self._short(index), ir.Constant(I32, self.shape.stride))
        return self.builder.add(pointer, scaled)

    def load(self, pointer: Value, index: Index = 0) -> Value:
        """An element of a register for this thread's task, or a number of an example."""
        place = self.element_pointer(pointer, index)
        return self.builder.load(self._reach(place), align=self.number_bytes, typ=self.type)

    def store(self, value: Value, pointer: Value, index: Index = 0) -> None:
        """Write an element of a register for this thread's task."""
        self.builder.store(value, self._reach(self.element_pointer(pointer, index)), align=self.number_bytes)

    def put(self, value: Value, pointer: Value, index: Index = 0) -> None:
        """Write an element of a register in the first thread of the task."""
        if self.shape.rows == 1:
            self.store(value, pointer, index)
        else:
            with self.builder.if_then(self.leads):
                self.store(value, pointer, index)

    def barrier(self) -> None:
        """Wait for the other threads of the warp. Threads that share no task need not."""
        if self.shape.rows > 1:
            self.threads.barrier(self.builder)

    def any(self, bits: Value) -> Value:
        """Whether a bit is set in any thread of the warp."""
        return self.threads.any(self.builder, bits if bits.type == I1 else super().any(bits))

    def clear(self, pointer: Value, bytes_: Value) -> None:
        """Write zeros to a register of ``bytes_`` bytes: whole lane values of all tasks."""
        b, zero = self.builder, self.constant(0.0)
        slot = self.variable(I32, b.mul(self.thread, ir.Constant(I32, self.number_bytes)))
        head, body, after = (b.append_basic_block(name) for name in ("clear", "clear_one", "cleared"))
        b.branch(head)
        b.position_at_end(head)
        at = b.load(slot, typ=I32)
        b.cbranch(b.icmp_unsigned("<", at, bytes_), body, after)
        b.position_at_end(body)
        b.store(zero, self.threads.register(b.add(pointer, at)), align=self.number_bytes)
        b.store(b.add(at, ir.Constant(I32, WARP * self.number_bytes)), slot)
        b.branch(head)
        b.position_at_end(after)

    def prefetch_ahead(self, example: Value, bytes_: int) -> None:
        """Do nothing: other warps run while one waits for memory."""

    def read(self, pointer: Value, index: int, type_: Any) -> Value:
        """A field of the argument table, where ``pointer`` is None, or of a record."""
        return super().read(pointer, index, type_) if pointer is not None else self.fields[index]

    def slot(self, *place: Index) -> Index:
        """An element's index in its register's array."""
        if len(place) < 2:
            return self.flat(*place)
        row, column = place
        if isinstance(row, int) and isinstance(column, int):
            return row * self.shape.row + column
        start = self.builder.mul(self.index(row), ir.Constant(I64, self.shape.row))
        return self.builder.add(start, self.index(column))

    def spread(self, count: int, body: Callable[[Index], None], unroll: int = UNROLL) -> None:
        """Run ``body`` for each index in the thread of that row."""
        rows = self.shape.rows
        if rows == 1:
            self.each(count, body, unroll)
            return

        def part(turn: Index) -> None:
            b = self.builder
            index = b.add(b.mul(self.index(turn), ir.Constant(I64, rows)), b.zext(self.lane_row, I64))
            if count % rows:
                with b.if_then(b.icmp_unsigned("<", index, ir.Constant(I64, count))):
                    body(index)
            else:
                body(index)

        self.each(-(-count // rows), part, unroll)

    def _short(self, index: Index) -> Value:
        if isinstance(index, int):
            return ir.Constant(I32, index)
        return self.builder.trunc(index, I32) if index.type == I64 else index

    def _reach(self, place: Value) -> Value:
        return place if place.type == POINTER else self.threads.register(self.builder.add(place, self.own))
