"""The twin: the kernel compiled for this machine. Its threads take turns, in any order, from one barrier to the next.

A barrier leaves a thread for the next one (``swapcontext`` of the C library). So a missing barrier shows: a thread then reads
what others have not written yet, or have overwritten already, in some order of the threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen.emitter import I32, I64, POINTER, Value
from azdsl.codegen.gpu.batch import GPU_OPS
from azdsl.codegen.gpu.evaluate import TasksOnDevice
from azdsl.codegen.gpu.kernel import NAME, TYPES, WarpEvaluation, open_function
from azdsl.codegen.gpu.threads import WARP, Shape
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import DEFAULTS, EvaluationSettings, Specialization
from azdsl.codegen.sources import sources_digest
from azdsl.codegen.target import Loaded, cached_object, compile_object, load_object
from azdsl.ir import Program
from azdsl.taskset import TaskSet

_CONTEXT_BYTES = 4096
"""More than a ``ucontext_t`` of any system."""

_STACK_BYTES = 64 << 10

_ARRAYS = ("parameters", "memory", "contexts", "following", "votes")
_BLOCK = "block"
"""The variables of the module: addresses, and the number of the block, which is a warp."""


class _TwinThreads:
    """Threads of the twin. The addresses of what they share are in variables of the module."""

    def __init__(self, builder: ir.IRBuilder, lane: Value) -> None:
        self.builder, self.lane, module = builder, lane, builder.module
        switch = ir.FunctionType(I32, [POINTER, POINTER])
        self.switch = ir.Function(module, switch, "swapcontext")
        self.state: dict[str, Value] = {}
        for name in (*_ARRAYS, _BLOCK):
            variable = ir.GlobalVariable(module, I64, f"twin_{name}")
            variable.initializer = ir.Constant(I64, 0)
            value = builder.load(builder.bitcast(variable, POINTER), typ=I64)
            self.state[name] = value if name == _BLOCK else builder.inttoptr(value, POINTER)
        wide = builder.zext(lane, I64)
        self.vote = builder.gep(self.state["votes"], [wide], source_etype=ir.IntType(8))
        self.own = builder.gep(self.state["contexts"], [self._bytes(wide)], source_etype=ir.IntType(8))
        self.place = builder.gep(self.state["following"], [wide], source_etype=I64)

    def _bytes(self, lane: Value) -> Value:
        return self.builder.mul(lane, ir.Constant(I64, _CONTEXT_BYTES))

    def parameter(self, at: int, type_: ir.Type) -> Value:
        """A parameter of the kernel."""
        place = self.builder.gep(self.state["parameters"], [ir.Constant(I64, at)], source_etype=I64)
        return self.builder.load(place, typ=type_)

    def register(self, offset: Value) -> Value:
        """A pointer to the warp's memory."""
        return self.builder.gep(self.state["memory"], [self.builder.zext(offset, I64)], source_etype=ir.IntType(8))

    def barrier(self, builder: ir.IRBuilder) -> None:
        """Emit: go on with the thread after this one."""
        following = builder.load(self.place, typ=I64)
        other = builder.gep(self.state["contexts"], [self._bytes(following)], source_etype=ir.IntType(8))
        builder.call(self.switch, [self.own, other])

    def any(self, builder: ir.IRBuilder, bit: Value) -> Value:
        """Emit: write this thread's bit, and read all when they are written."""
        builder.store(builder.zext(bit, ir.IntType(8)), self.vote)
        self.barrier(builder)
        wide = ir.VectorType(ir.IntType(8), WARP)
        votes = builder.load(self.state["votes"], typ=wide, align=1)
        together = builder.bitcast(votes, ir.IntType(8 * WARP))
        found = builder.icmp_unsigned("!=", together, ir.Constant(together.type, 0))
        self.barrier(builder)
        return found


@lru_cache(maxsize=32)
def _load(specialization: Specialization, shape: Shape) -> Loaded:
    """The kernel for a specialization as machine code of this machine."""

    def make() -> bytes:
        module = ir.Module("twin")
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I32]), NAME)
        builder = open_function(function)
        lane = function.args[0]
        threads = _TwinThreads(builder, lane)
        parameters = [threads.parameter(at, type_) for at, type_ in enumerate(TYPES)]
        warp = builder.trunc(threads.state[_BLOCK], I32)
        WarpEvaluation(builder, specialization, GPU_OPS, shape, threads, lane, warp, parameters)
        return compile_object(module, 1)

    key = f"twin {specialization} {shape} {sources_digest(__name__)}"
    return load_object(cached_object(key, make))


class _Link(ctypes.Structure):
    """The first fields of a ``ucontext_t`` of Linux, which say where the thread's stack is and what runs after it."""

    _fields_ = [
        ("flags", ctypes.c_ulong),
        ("link", ctypes.c_void_p),
        ("stack", ctypes.c_void_p),
        ("stack_flags", ctypes.c_int),
        ("stack_bytes", ctypes.c_size_t),
    ]

    def set(self, stack: int, link: int) -> None:
        """Name the stack and the context that follows."""
        self.link, self.stack, self.stack_bytes = link, stack, _STACK_BYTES


@dataclass(frozen=True, eq=False)
class _HostMemory:
    """Memory of this machine as memory of a device."""

    array: NDArray[Any]

    @property
    def address(self) -> int:
        """Its address."""
        return int(self.array.ctypes.data)

    def read(self, array: NDArray[Any]) -> None:
        """Copy it to an array."""
        array[:] = self.array


class Twin:
    """This machine as a device for kernels; the threads of a warp run in ``order``. Only on Linux."""

    def __init__(self, order: Sequence[int] = range(WARP), shared_bytes: int = 227 << 10) -> None:
        self.order, self.shared_bytes = list(order), shared_bytes
        self._library = ctypes.CDLL(None)
        self._contexts = aligned((WARP + 1, _CONTEXT_BYTES), np.uint8)
        self._stacks = aligned((WARP, _STACK_BYTES), np.uint8)
        self._votes = aligned(WARP, np.uint8)
        self._following = np.zeros(WARP, np.int64)
        self._following[self.order] = np.roll(self.order, -1)

    def kernel(self, specialization: Specialization, shape: Shape) -> Loaded:
        """The kernel for a specialization."""
        return _load(specialization, shape)

    def holding(self, array: NDArray[Any]) -> _HostMemory:
        """Memory with the content of an array."""
        return _HostMemory(array.copy())

    def launch(self, kernel: Loaded, blocks: int, threads: int, shared: int, parameters: Sequence[int]) -> None:
        """Run a kernel."""
        if threads != WARP or shared > self.shared_bytes:
            raise ValueError(f"a block is a warp of {WARP} threads with at most {self.shared_bytes} bytes of memory")
        values = np.array(parameters, np.int64)
        memory = aligned(shared, np.uint8)
        memory[:] = 0xFF  # what a kernel reads before anything wrote it is not 0
        arrays = (values, memory, self._contexts, self._following, self._votes)
        for name, array in zip(_ARRAYS, arrays, strict=True):
            _set(kernel, name, array.ctypes.data)
        for block in range(blocks):
            _set(kernel, _BLOCK, block)
            self._run(ctypes.c_void_p(kernel.address(NAME)))

    def wait(self) -> None:
        """Do nothing: launches have ended."""

    def _context(self, lane: int) -> int:
        """The address of a thread's context; number ``WARP`` is that of the caller."""
        return int(self._contexts[lane].ctypes.data)

    def _run(self, function: ctypes.c_void_p) -> None:
        """Run all threads of a warp to their end."""
        for lane, following in zip(self.order, [*self.order[1:], WARP], strict=True):
            own = self._context(lane)
            self._library.getcontext(ctypes.c_void_p(own))
            _Link.from_address(own).set(int(self._stacks[lane].ctypes.data), self._context(following))
            self._library.makecontext(ctypes.c_void_p(own), function, 1, ctypes.c_int(lane))
        back, first = self._context(WARP), self._context(self.order[0])
        self._library.swapcontext(ctypes.c_void_p(back), ctypes.c_void_p(first))


def _set(code: Loaded, name: str, value: int) -> None:
    """Write a variable of the module."""
    ctypes.c_int64.from_address(code.data_address(f"twin_{name}")).value = value


def evaluate_twin(
    programs: Sequence[Program],
    tasks: TaskSet,
    settings: EvaluationSettings = DEFAULTS,
    twin: Twin | None = None,
    shape: Shape | None = None,
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the kernel on this machine."""
    return TasksOnDevice(twin or Twin(), tasks, settings, shape).evaluate(programs)
