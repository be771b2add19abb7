"""Emitting LLVM IR for lanes of numbers: values, loops, memory.

A lane value holds one number for each of ``lanes`` tasks: ``<W x double>``, or a plain ``double`` when
W is 1, so that LLVM may vectorise over elements instead. No fast-math flag is ever set, so that LLVM does not reassociate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

Value = Any
"""An LLVM value; llvmlite has no type annotations."""

Index = Any
"""The index of an element: a Python int in an unrolled loop, else an LLVM i64."""

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
F32, F64 = ir.FloatType(), ir.DoubleType()
POINTER = ir.PointerType()

UNROLL = 8
"""Loops of at most this many iterations are unrolled."""

AHEAD = 8
"""How many examples ahead of their use features are fetched from memory. Tried: 1, 2, 4, 8, 16."""

PREFETCHED_BYTES = range(512, 4097)
"""Bytes of examples that are fetched ahead. For smaller ones that costs a visit more than it saves; the processor itself finds longer ones."""

LINE_BYTES = 64
"""Bytes of a line of the cache."""

SUMS_BYTES = 256
"""Bytes of the sums that one loop computes: half of the vector registers of a processor with AVX2."""


class Emitter:
    """An IRBuilder with the lane type, F and the type of numbers.

    On a GPU several threads share a task (``gpu.threads``): there ``spread``, ``put``, ``slot``, ``barrier`` and ``any`` differ.
    """

    address: Any = POINTER
    """The type of a register's address."""

    def __init__(self, builder: ir.IRBuilder, features: int, lanes: int, precision: int = 64) -> None:
        self.builder = builder
        self.features = features
        self.lanes = lanes
        self.element = F64 if precision == 64 else F32
        self.number_bytes = precision // 8
        self.type = self.wide(self.element)

    @property
    def lane_bytes(self) -> int:
        """Bytes of one lane value."""
        return self.lanes * self.number_bytes

    @property
    def together(self) -> int:
        """How many elements of a vector one loop computes, where they share what they load."""
        fitting = [n for n in (8, 4, 2) if n * self.lane_bytes <= SUMS_BYTES and self.features % n == 0]
        return fitting[0] if fitting and self.lanes > 1 else 1

    def wide(self, element: Any) -> Any:
        """The lane type over ``element``."""
        return element if self.lanes == 1 else ir.VectorType(element, self.lanes)

    # Values

    def constant(self, value: float, element: Any = None) -> Value:
        """The same number or integer in every lane."""
        element = element or self.element
        one = ir.Constant(element, value)
        return one if self.lanes == 1 else ir.Constant(self.wide(element), [one] * self.lanes)

    def per_lane(self, values: Sequence[float], element: Any = None) -> Value:
        """One given number for each lane."""
        element = element or self.element
        items = [ir.Constant(element, value) for value in values]
        return items[0] if self.lanes == 1 else ir.Constant(self.wide(element), items)

    def splat(self, value: Value) -> Value:
        """A single number in every lane."""
        if self.lanes == 1:
            return value
        wide = self.wide(value.type)
        first = self.builder.insert_element(ir.Constant(wide, ir.Undefined), value, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, ir.Constant(wide, ir.Undefined), zeros)

    def lane(self, value: Value, at: int) -> Value:
        """The number in one lane."""
        return value if self.lanes == 1 else self.builder.extract_element(value, ir.Constant(I32, at))

    def bits(self, mask: Value) -> Value:
        """A lane mask as an integer, lane 0 in the lowest bit."""
        return mask if self.lanes == 1 else self.builder.bitcast(mask, ir.IntType(self.lanes))

    def any(self, bits: Value) -> Value:
        """Whether any bit of ``bits`` is set: an i1 that is the same in all threads."""
        return self.builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    def mask(self, bits: Value) -> Value:
        """An integer of one bit per lane as a lane mask."""
        return bits if self.lanes == 1 else self.builder.bitcast(bits, self.wide(I1))

    def intrinsic(self, name: str, value: Value) -> Value:
        """``llvm.<name>`` of one argument."""
        element, lanes = (
            (value.type.element, value.type.count) if isinstance(value.type, ir.VectorType) else (value.type, 0)
        )
        suffix = (f"v{lanes}" if lanes else "") + ("f64" if element == F64 else "f32")
        function = self.declare(f"llvm.{name}.{suffix}", value.type, [value.type])
        return self.builder.call(function, [value])

    def declare(self, name: str, result: Any, arguments: list[Any]) -> Any:
        """A function of the module, declared on first use."""
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)

    # Memory

    def offset(self, pointer: Value, bytes_: Index) -> Value:
        """A pointer moved by a number of bytes."""
        return self.builder.gep(pointer, [self.index(bytes_)], source_etype=ir.IntType(8))

    def element_pointer(self, pointer: Value, index: Index) -> Value:
        """A pointer to the lane value at ``index`` of an array."""
        return self.builder.gep(pointer, [self.index(index)], source_etype=self.type)

    def load(self, pointer: Value, index: Index = 0) -> Value:
        """The lane value at ``index`` of an array; arrays are aligned to whole lane values."""
        return self.builder.load(self.element_pointer(pointer, index), align=min(self.lane_bytes, 64), typ=self.type)

    def store(self, value: Value, pointer: Value, index: Index = 0) -> None:
        """Write the lane value at ``index`` of an array."""
        self.builder.store(value, self.element_pointer(pointer, index), align=min(self.lane_bytes, 64))

    def put(self, value: Value, pointer: Value, index: Index = 0) -> None:
        """Write a lane value that every thread of a task has."""
        self.store(value, pointer, index)

    def barrier(self) -> None:
        """Let what threads wrote be read by the others of the task."""

    def clear(self, pointer: Value, bytes_: Value) -> None:
        """Write zeros to whole lane values."""
        byte, i1 = ir.IntType(8), ir.IntType(1)
        memset = self.declare("llvm.memset.p0.i64", ir.VoidType(), [POINTER, byte, I64, i1])
        self.builder.call(memset, [pointer, ir.Constant(byte, 0), bytes_, ir.Constant(i1, 0)])

    def prefetch_ahead(self, example: Value, bytes_: int) -> None:
        """Fetch the example ``AHEAD`` places behind this one from memory meanwhile; there may be none."""
        if bytes_ in PREFETCHED_BYTES:
            prefetch = self.declare("llvm.prefetch.p0", ir.VoidType(), [POINTER, I32, I32, I32])
            hints = [ir.Constant(I32, hint) for hint in (0, 3, 1)]  # to read, for long, data
            for at in range(0, bytes_, LINE_BYTES):
                self.builder.call(prefetch, [self.offset(example, AHEAD * bytes_ + at), *hints])

    def read(self, pointer: Value, index: int, type_: Any) -> Value:
        """Field ``index`` of a table of 8-byte fields."""
        return self.builder.load(self.builder.gep(pointer, [ir.Constant(I64, index)], source_etype=I64), typ=type_)

    # Integers and loops

    def index(self, index: Index) -> Value:
        """An index as an i64."""
        return ir.Constant(I64, index) if isinstance(index, int) else index

    def flat(self, *place: Index) -> Index:
        """An element's number: 0 for a scalar; those of matrices row by row."""
        if len(place) < 2:
            return place[0] if place else 0
        row, column = place
        if isinstance(row, int) and isinstance(column, int):
            return row * self.features + column
        start = self.builder.mul(self.index(row), ir.Constant(I64, self.features))
        return self.builder.add(start, self.index(column))

    def slot(self, *place: Index) -> Index:
        """An element's index in its register's array."""
        return self.flat(*place)

    def fold(
        self,
        count: int,
        start: Sequence[Value],
        step: Callable[[Index, Sequence[Value]], Sequence[Value]],
        first: int = 0,
        unroll: int = UNROLL,
    ) -> list[Value]:
        """Carry values through ``step`` for index ``first`` … ``count`` - 1; unrolled for at most ``unroll`` iterations."""
        values = list(start)
        if count <= unroll:
            for at in range(first, count):
                values = list(step(at, values))
            return values
        builder = self.builder
        before, head = builder.block, builder.append_basic_block("loop")
        after = builder.append_basic_block("done")
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(I64)
        phis = [builder.phi(value.type) for value in values]
        results = list(step(index, phis))
        following = builder.add(index, ir.Constant(I64, 1))
        index.add_incoming(ir.Constant(I64, first), before)
        index.add_incoming(following, builder.block)
        for phi, value, result in zip(phis, values, results, strict=True):
            phi.add_incoming(value, before)
            phi.add_incoming(result, builder.block)
        builder.cbranch(builder.icmp_unsigned("<", following, ir.Constant(I64, count)), head, after)
        builder.position_at_end(after)
        return results

    def each(self, count: int, body: Callable[[Index], None], unroll: int = UNROLL) -> None:
        """Run ``body`` for index 0 … ``count`` - 1; unrolled for at most ``unroll`` iterations."""

        def step(index: Index, _: Sequence[Value]) -> Sequence[Value]:
            body(index)
            return ()

        self.fold(count, (), step, unroll=unroll)

    def spread(self, count: int, body: Callable[[Index], None], unroll: int = UNROLL) -> None:
        """Run ``body`` for index 0 … ``count`` - 1, each in one of the task's threads."""
        self.each(count, body, unroll)

    def total(self, count: int, terms: Callable[[Index], Sequence[Value]]) -> list[Value]:
        """Sums of terms, left to right from the first: the language's one reduction order."""

        def step(index: Index, sums: Sequence[Value]) -> Sequence[Value]:
            return [self.builder.fadd(total, term) for total, term in zip(sums, terms(index), strict=True)]

        return self.fold(count, terms(0), step, first=1)

    # Variables and control flow

    def variable(self, type_: Any, value: Value | None = None) -> Value:
        """A stack slot, allocated in the entry block."""
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(type_)
        if value is not None:
            self.builder.store(value, slot)
        return slot

    def array(self, count: int) -> Value:
        """A stack array of lane values, allocated in the entry block."""
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(ir.ArrayType(self.type, count))
            slot.align = 64
            slot.type = POINTER  # llvmlite types it by what it points to, and would not let it be indexed otherwise
        return slot

    @contextmanager
    def repeat(self, count: Callable[[], Value]) -> Iterator[tuple[Callable[[], Value], Value]]:
        """A loop whose count, at least 1, is known at run time: ``with e.repeat(n) as (index, leave)``.

        The body may consist of several basic blocks, so ``index`` and ``count`` emit a load wherever they are called. A branch
        to the block ``leave`` ends the loop.
        """
        builder = self.builder
        slot = self.variable(I64, ir.Constant(I64, 0))
        head = builder.append_basic_block("repeat")
        leave = builder.append_basic_block("leave")
        builder.branch(head)
        builder.position_at_end(head)
        yield lambda: builder.load(slot, typ=I64), leave
        following = builder.add(builder.load(slot, typ=I64), ir.Constant(I64, 1))
        builder.store(following, slot)
        builder.cbranch(builder.icmp_unsigned("<", following, count()), head, leave)
        builder.position_at_end(leave)
