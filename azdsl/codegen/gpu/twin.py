"""The twin: the kernel compiled for this machine. Its threads take turns, in any order, from one barrier to the next.

A barrier leaves a thread for the next one (``swapcontext`` of the C library). So a missing barrier shows: a thread then reads
what others have not written yet, or have overwritten already, in some order of the threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from azdsl.codegen.backends import concatenate
from azdsl.codegen.emitter import F64, I32, I64, POINTER, Value
from azdsl.codegen.gpu.batch import GPU_OPS, examples, make_batch, numbers, specialize, words
from azdsl.codegen.gpu.kernel import NAME, POINTERS, Parameter, WarpEvaluation, open_function
from azdsl.codegen.gpu.threads import WARP, Shape
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import DEFAULTS, EvaluationSettings, Specialization
from azdsl.codegen.sources import sources_digest
from azdsl.codegen.target import Loaded, cached_object, compile_object, load_object
from azdsl.ir import Program, pack_live
from azdsl.ops import Op
from azdsl.taskset import TaskSet

_CONTEXT_BYTES = 4096
"""More than a ``ucontext_t`` of any system."""

_STACK_BYTES = 64 << 10

_STATE = ("parameters", "memory", "contexts", "following", "votes", "warp")


class _TwinThreads:
    """Threads of the twin. The addresses of what they share are in variables of the module."""

    def __init__(self, builder: ir.IRBuilder, lane: Value) -> None:
        self.builder, self.lane, module = builder, lane, builder.module
        switch = ir.FunctionType(I32, [POINTER, POINTER])
        self.switch = ir.Function(module, switch, "swapcontext")
        self.state: dict[str, Value] = {}
        for name in _STATE:
            variable = ir.GlobalVariable(module, I64, f"twin_{name}")
            variable.initializer = ir.Constant(I64, 0)
            value = builder.load(builder.bitcast(variable, POINTER), typ=I64)
            self.state[name] = value if name == "warp" else builder.inttoptr(value, POINTER)
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
def _load(specialization: Specialization, ops: Collection[Op], shape: Shape) -> Loaded:
    """The kernel for a specialization as machine code of this machine."""

    def make() -> bytes:
        module = ir.Module("twin")
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I32]), NAME)
        builder = open_function(function)
        lane = function.args[0]
        threads = _TwinThreads(builder, lane)
        types = [POINTER if p in POINTERS else F64 if p is Parameter.MAX_ABS_ERROR else I64 for p in Parameter]
        parameters = [threads.parameter(at, type_) for at, type_ in enumerate(types)]
        warp = builder.trunc(threads.state["warp"], I32)
        WarpEvaluation(builder, specialization, ops, shape, threads, lane, warp, parameters)
        return compile_object(module, 1)

    key = f"twin {specialization} {shape} {[op.code for op in ops]} {sources_digest(__name__)}"
    return load_object(cached_object(key, make))


class _Warp:
    """The contexts and stacks of a warp's threads."""

    def __init__(self, code: Loaded, order: Sequence[int]) -> None:
        self.library = ctypes.CDLL(None)
        self.code, self.order = code, list(order)
        self.contexts = aligned((WARP + 1, _CONTEXT_BYTES), np.uint8)
        self.stacks = aligned((WARP, _STACK_BYTES), np.uint8)
        self.votes = aligned(WARP, np.uint8)
        self.following = np.zeros(WARP, np.int64)
        self.following[self.order] = np.roll(self.order, -1)

    def set(self, name: str, value: int) -> None:
        """Write a variable of the module."""
        ctypes.c_int64.from_address(self.code.data_address(f"twin_{name}")).value = value

    def context(self, lane: int) -> int:
        """The address of a thread's context; number ``WARP`` is that of the caller."""
        return int(self.contexts[lane].ctypes.data)

    def run(self) -> None:
        """Run all threads to their end."""
        function = ctypes.c_void_p(self.code.address(NAME))
        for at, lane in enumerate(self.order):
            own = self.context(lane)
            self.library.getcontext(ctypes.c_void_p(own))
            after = self.order[at + 1] if at + 1 < WARP else WARP
            _Link.from_address(own).set(int(self.stacks[lane].ctypes.data), self.context(after))
            self.library.makecontext(ctypes.c_void_p(own), function, 1, ctypes.c_int(lane))
        back, first = self.context(WARP), self.context(self.order[0])
        self.library.swapcontext(ctypes.c_void_p(back), ctypes.c_void_p(first))


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


def evaluate_twin(
    programs: Sequence[Program],
    tasks: TaskSet,
    settings: EvaluationSettings = DEFAULTS,
    order: Sequence[int] = range(WARP),
    shape: Shape | None = None,
) -> NDArray[np.float64]:
    """Fitness float64[P, T] by the kernel on this machine; the threads of a warp run in ``order``. Only on Linux."""
    specialization, usual = specialize(tasks, settings)
    shape = shape or usual
    batch = make_batch(tasks, shape, *concatenate([pack_live(p, tasks.metric_definition) for p in programs]))
    fitness = np.full((len(programs), tasks.tasks), np.nan)
    arrays = examples(tasks, settings.precision)
    arrays |= {Parameter.FITNESS: fitness, Parameter.RECORDS: batch.records, Parameter.TABLE: batch.table}
    values = {**{p: a.ctypes.data for p, a in arrays.items()}, **numbers(tasks, settings, shape)}
    parameters = words([values[p] for p in Parameter])
    # what a kernel reads before anything wrote it is not 0
    memory = aligned(int(batch.warp_bytes.max()), np.uint8)
    memory[:] = 0xFF
    warp = _Warp(_load(specialization, GPU_OPS, shape), order)
    for name, array in (
        ("parameters", parameters),
        ("memory", memory),
        ("contexts", warp.contexts),
        ("following", warp.following),
        ("votes", warp.votes),
    ):
        warp.set(name, array.ctypes.data)
    for number in range(len(programs) * int(values[Parameter.GROUPS])):
        warp.set("warp", number)
        warp.run()
    return fitness
