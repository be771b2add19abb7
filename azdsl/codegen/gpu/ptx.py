"""The kernel as PTX, NVIDIA's assembly language, which the driver translates for its GPU."""

from __future__ import annotations

from collections.abc import Collection

from llvmlite import ir

from azdsl.codegen.emitter import I1, I32, Value
from azdsl.codegen.gpu.kernel import NAME, TYPES, WarpEvaluation, open_function
from azdsl.codegen.gpu.threads import Shape
from azdsl.codegen.protocol import Specialization
from azdsl.codegen.target import Host, optimize
from azdsl.ops import Op

LEAST_CAPABILITY = (7, 5)
"""The oldest GPUs: Turing, of 2018. The driver translates this PTX for all later ones."""

NVIDIA = Host("nvptx64-nvidia-cuda", "sm_75", "+ptx64")

_SHARED = 3
"""The address space of the memory that the threads of a block share."""

_ALL = -1
"""The mask of all threads of a warp."""


class _GpuThreads:
    """Threads of a GPU. A warp is a block of its own, so that its memory starts where the block's does."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        memory = ir.GlobalVariable(module, ir.ArrayType(ir.IntType(8), 0), "memory", addrspace=_SHARED)
        memory.linkage, memory.align = "external", 16
        memory.type = ir.PointerType(addrspace=_SHARED)  # llvmlite types it by what it points to
        self.memory = memory
        self.builder: ir.IRBuilder | None = None

    def number(self, builder: ir.IRBuilder, name: str) -> Value:
        """A special register."""
        self.builder = builder
        return builder.call(self._intrinsic(f"read.ptx.sreg.{name}.x", I32, []), [])

    def register(self, offset: Value) -> Value:
        """A pointer to shared memory."""
        assert self.builder is not None
        return self.builder.gep(self.memory, [offset], source_etype=ir.IntType(8))

    def barrier(self, builder: ir.IRBuilder) -> None:
        """Emit a barrier of the warp."""
        builder.call(self._intrinsic("bar.warp.sync", ir.VoidType(), [I32]), [ir.Constant(I32, _ALL)])

    def any(self, builder: ir.IRBuilder, bit: Value) -> Value:
        """Emit a vote."""
        vote = self._intrinsic("vote.any.sync", I1, [I32, I1])
        return builder.call(vote, [ir.Constant(I32, _ALL), bit])

    def _intrinsic(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
        full = f"llvm.nvvm.{name}"
        known = self.module.globals.get(full)
        return known or ir.Function(self.module, ir.FunctionType(result, arguments), full)


def kernel_ptx(specialization: Specialization, ops: Collection[Op], shape: Shape) -> str:
    """The kernel for ``ops``. All ops must have outputs."""
    module = ir.Module("gpu")
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), TYPES), NAME)
    function.calling_convention = "ptx_kernel"
    builder, threads = open_function(function), _GpuThreads(module)
    lane, warp = threads.number(builder, "tid"), threads.number(builder, "ctaid")
    WarpEvaluation(builder, specialization, ops, shape, threads, lane, warp, function.args)
    parsed, generator = optimize(module, 2, NVIDIA)
    return str(generator.emit_assembly(parsed))
