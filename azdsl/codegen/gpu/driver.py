"""NVIDIA's driver, through its C library alone: no other software is needed where a GPU works.

Every call's result is checked. A ``Gpu`` is used by one thread.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.gpu.batch import GPU_OPS
from azdsl.codegen.gpu.kernel import NAME
from azdsl.codegen.gpu.ptx import LEAST_CAPABILITY, kernel_ptx
from azdsl.codegen.gpu.threads import Shape
from azdsl.codegen.protocol import Specialization
from azdsl.codegen.sources import sources_digest
from azdsl.codegen.target import cached_object
from azdsl.errors import AzdslError


class GpuError(AzdslError):
    """There is no GPU that can be used, or it failed; the message says what the driver says."""


_MULTIPROCESSORS, _MAJOR, _MINOR, _MOST_SHARED = 16, 75, 76, 97
"""Numbers of device attributes (``CUdevice_attribute``)."""

_DYNAMIC_SHARED = 8
"""The number of the function attribute for the most shared memory of a launch."""

_SHARED_SHARE = 9
"""The number of the function attribute for the percentage of a multiprocessor's memory that blocks share; the rest is its cache."""

_ERROR_LOG, _ERROR_LOG_BYTES = 5, 6
"""Options of the driver's translation of PTX."""

_PTX_INPUT = 1
_LOG_BYTES = 8192
_OUT_OF_MEMORY = 2
_NO_DRIVER = "no GPU: NVIDIA's driver library was not found; use the backend vm, jit or auto"


class _Library:
    """The driver's functions, by their names without the prefix ``cu``."""

    def __init__(self) -> None:
        name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        try:
            self._functions = ctypes.CDLL(name)
        except OSError:
            raise GpuError(_NO_DRIVER) from None

    def result(self, name: str, *arguments: Any) -> int:
        """Call a function and return the driver's result: 0 for success."""
        return int(getattr(self._functions, f"cu{name}")(*arguments))

    def __call__(self, name: str, *arguments: Any) -> None:
        """Call a function. Raises ``GpuError`` with the driver's message."""
        if result := self.result(name, *arguments):
            message = ctypes.c_char_p()
            self.result("GetErrorString", result, ctypes.byref(message))
            said = (message.value or b"unknown error").decode()
            raise GpuError(f"the GPU's driver reports: {said} (cu{name}, {result}); use the backend vm, jit or auto")


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel that is loaded on a GPU."""

    module: Any
    function: Any


class Buffer:
    """Memory of the GPU, freed with this object."""

    def __init__(self, library: _Library, size: int) -> None:
        self._library, self.size = library, size
        self._address = ctypes.c_uint64()
        library("MemAlloc_v2", ctypes.byref(self._address), ctypes.c_size_t(max(size, 8)))

    @property
    def address(self) -> int:
        """Its address on the GPU."""
        return int(self._address.value)

    def write(self, array: NDArray[Any]) -> None:
        """Copy an array to it."""
        data = np.ascontiguousarray(array)
        if data.nbytes:
            self._library(
                "MemcpyHtoD_v2", self._address, ctypes.c_void_p(data.ctypes.data), ctypes.c_size_t(data.nbytes)
            )

    def read(self, array: NDArray[Any]) -> None:
        """Copy it to an array, when all launches before have ended."""
        self._library("MemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), self._address, ctypes.c_size_t(array.nbytes))

    def __del__(self) -> None:
        if self._address.value:
            self._library.result("MemFree_v2", self._address)


class Gpu:
    """The first GPU of this machine: ``name``, ``capability``, ``multiprocessors``, and ``shared_bytes`` that a warp can have."""

    def __init__(self) -> None:
        self._library = library = _Library()
        self._kernels: dict[tuple[Specialization, Shape], Kernel] = {}
        if library.result("Init", 0):
            raise GpuError("no GPU: NVIDIA's driver found none that works; use the backend vm, jit or auto")
        device, context = ctypes.c_int(), ctypes.c_void_p()
        library("DeviceGet", ctypes.byref(device), 0)
        self._device = device
        library("DevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._context = context
        self.activate()
        name = ctypes.create_string_buffer(256)
        library("DeviceGetName", name, 256, device)
        self.name = name.value.decode()
        self.capability = self._attribute(_MAJOR), self._attribute(_MINOR)
        self.multiprocessors = self._attribute(_MULTIPROCESSORS)
        self.shared_bytes = self._attribute(_MOST_SHARED)
        if self.capability < LEAST_CAPABILITY:
            least = ".".join(map(str, LEAST_CAPABILITY))
            raise GpuError(
                f"{self.name} is too old: it needs compute capability {least}; use the backend vm, jit or auto"
            )

    def activate(self) -> None:
        """Make this the GPU of the calling thread."""
        self._library("CtxSetCurrent", self._context)

    @property
    def driver_version(self) -> int:
        """The version of CUDA that the driver knows: 12080 is 12.8."""
        version = ctypes.c_int()
        self._library("DriverGetVersion", ctypes.byref(version))
        return version.value

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self._library("DeviceGetAttribute", ctypes.byref(value), number, self._device)
        return value.value

    def kernel(self, specialization: Specialization, shape: Shape) -> Kernel:
        """The kernel for a specialization: loaded before, or from the cache on disk, or translated now."""
        known = self._kernels.get((specialization, shape))
        if known is None:
            key = f"gpu {specialization} {shape} {self.capability} {self.driver_version} {sources_digest(__name__)}"
            code = cached_object(key, lambda: self.translate(kernel_ptx(specialization, GPU_OPS, shape)))
            known = self._kernels[specialization, shape] = self.load(code)
        return known

    def translate(self, ptx: str) -> bytes:
        """PTX as machine code of this GPU."""
        log = ctypes.create_string_buffer(_LOG_BYTES)
        options = (ctypes.c_int * 2)(_ERROR_LOG, _ERROR_LOG_BYTES)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), _LOG_BYTES)
        state, code, size = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        self._library("LinkCreate_v2", 2, options, values, ctypes.byref(state))
        try:
            text = ptx.encode() + b"\0"
            added = self._library.result(
                "LinkAddData_v2", state, _PTX_INPUT, text, ctypes.c_size_t(len(text)), b"azdsl", 0, None, None
            )
            if added or self._library.result("LinkComplete", state, ctypes.byref(code), ctypes.byref(size)):
                raise GpuError(f"the GPU's driver rejects the kernel: {log.value.decode(errors='replace').strip()}")
            return ctypes.string_at(code.value or 0, size.value)
        finally:
            self._library("LinkDestroy", state)

    def load(self, code: bytes) -> Kernel:
        """Load machine code. Its kernel may use all of a block's memory."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._library("ModuleLoadData", ctypes.byref(module), code)
        self._library("ModuleGetFunction", ctypes.byref(function), module, NAME.encode())
        self._library("FuncSetAttribute", function, _DYNAMIC_SHARED, self.shared_bytes)
        self._library("FuncSetAttribute", function, _SHARED_SHARE, 100)
        return Kernel(module, function)

    def buffer(self, size: int) -> Buffer:
        """Memory of ``size`` bytes."""
        return Buffer(self._library, size)

    def holding(self, array: NDArray[Any]) -> Buffer:
        """Memory with the content of an array."""
        buffer = self.buffer(array.nbytes)
        buffer.write(array)
        return buffer

    def launch(self, kernel: Kernel, blocks: int, threads: int, shared: int, parameters: Sequence[int]) -> None:
        """Run a kernel with 8-byte parameters on ``blocks`` blocks, each with ``shared`` bytes of memory."""
        values = (ctypes.c_int64 * len(parameters))(*parameters)
        start = ctypes.addressof(values)
        places = (ctypes.c_void_p * len(parameters))(*(start + 8 * at for at in range(len(parameters))))
        self._library("LaunchKernel", kernel.function, blocks, 1, 1, threads, 1, 1, shared, None, places, None)

    def wait(self) -> None:
        """Wait until all launches have ended."""
        self._library("CtxSynchronize")


@cache
def gpu() -> Gpu:
    """The GPU that programs are evaluated on. Raises ``GpuError`` if there is none."""
    return Gpu()
