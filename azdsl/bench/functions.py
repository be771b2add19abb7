"""Figures of the language's elementary functions: nanoseconds per lane, beside the C library's in the same process."""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir

from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.yardstick import compile_c
from azdsl.codegen import elementary
from azdsl.codegen.emitter import F64, I64, POINTER, Emitter
from azdsl.codegen.memory import aligned
from azdsl.codegen.target import compile_object, load_object
from azdsl.export.library.linker import SUFFIX

LANES = 8
NUMBERS, CALLS = 1 << 12, 200
"""Numbers of one call, and calls of which the shortest counts."""

C_NAMES = {"exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "arctan": "atan"}
"""The functions that are measured, and their names in C."""

LIMIT = 2.0
"""Most nanoseconds per lane."""

Arrays = Callable[[int, int, int], None]
"""A function of the addresses of x and of y, and the number of groups of ``LANES`` numbers."""


def compiled(lanes: int = LANES, element: ir.Type = F64) -> dict[str, Arrays]:
    """The lowering of every elementary function, applied to arrays, ``lanes`` numbers at a time."""
    module = ir.Module("elementary")
    for name in elementary.FUNCTIONS:
        _emit(module, name, lanes, element)
    code = load_object(compile_object(module, 2))
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    found: dict[str, Any] = {name: kind(code.address(_symbol(name))) for name in elementary.FUNCTIONS}
    for function in found.values():
        function.code = code  # lives as long as the functions
    return found


def _emit(module: ir.Module, name: str, lanes: int, element: ir.Type) -> None:
    """Add the function of arrays to the module."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64]), _symbol(name))
    entry, start = function.append_basic_block("entry"), function.append_basic_block("start")
    builder = ir.IRBuilder(entry)
    builder.branch(start)
    builder.position_at_end(start)
    e = Emitter(builder, 1, lanes, 64 if element == F64 else 32)
    x, y, groups = function.args
    with e.repeat(lambda: groups) as (at, _):
        e.store(elementary.apply(e, name, e.load(x, at())), y, at())
    builder.ret_void()


def _symbol(name: str) -> str:
    """The symbol of a compiled function."""
    return f"lanes_{name}"


def _library() -> ctypes.CDLL:
    """The C library's functions, applied to arrays. Raises ``Unavailable`` without a C compiler."""
    with tempfile.TemporaryDirectory(prefix="azdsl-functions-") as folder:
        library = Path(folder) / f"functions{SUFFIX}"
        compile_c("functions.c", ("-fno-builtin", "-shared", "-fPIC"), library)
        return ctypes.CDLL(str(library))


def nanoseconds(function: Arrays, name: str, calls: int) -> float:
    """The least processor time of a call, for each number. The inputs are standard normal, their magnitude for ``log``."""
    x, y = aligned(NUMBERS, np.float64), aligned(NUMBERS, np.float64)
    x[:] = np.random.default_rng(0).normal(size=NUMBERS)
    if name == "log":
        np.abs(x, out=x)
    least = float("inf")
    for _ in range(calls):
        started = time.thread_time()
        function(x.ctypes.data, y.ctypes.data, NUMBERS // LANES)
        least = min(least, time.thread_time() - started)
    return 1e9 * least / NUMBERS


def _function(name: str, scale: Scale) -> Callable[[], Sample]:
    ours, theirs = compiled()[name], getattr(_library(), f"array_{C_NAMES[name]}")
    theirs.argtypes, theirs.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64], None
    calls = scale.of(CALLS, 2)
    return lambda: Sample(nanoseconds(ours, name, calls), yardstick=nanoseconds(theirs, name, calls))


FIGURES = tuple(
    Figure(
        f"function-{name}",
        f"{name}, per number, {LANES} lanes (yardstick: the C library)",
        "ns",
        LIMIT,
        False,
        partial(_function, name),
        absolute=True,
    )
    for name in C_NAMES
)
