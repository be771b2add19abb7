"""How the search is compiled: one decorator, and the one machine operation that Python has no word for.

Compiled code is kept on disk. numba notices a change in a function's own file but not in the files
of what it calls, so the directory's name carries a digest of every source that can be compiled in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite import ir
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

_COMPILED_IN = ("ops", "ir", "codegen", "search")
"""Packages whose sources end up in compiled code."""


@cache
def cache_directory() -> Path:
    """Where compiled code is kept: under the user's cache, in a directory of this version of the sources."""
    package = Path(__file__).parents[1]
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(path for name in _COMPILED_IN for path in (package / name).glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    home = numba.config.CACHE_DIR or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "azdsl")
    return Path(home) / f"search-{digest.hexdigest()}"


def jit(function: Function) -> Function:
    """Compile on first call, without the GIL, kept on disk; x/0 is IEEE's, not an exception.

    Compiled code allocates nothing and counts no references: the caller holds the arrays. Counting them
    would be most of the work, an atomic operation for every array that is taken out of a named tuple.
    """
    return _compile(function)


def inline(function: Function) -> Function:
    """The same for a small step of a hot loop: its callers get its code, not a call.

    A call would copy every array of the named tuples it is given.
    """
    return _compile(function, forceinline=True)


def _compile(function: Function, **options: Any) -> Function:
    options |= {"nogil": True, "error_model": "numpy", "_nrt": False}
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(cache_directory())
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]  # numba has no types
    except RuntimeError:  # no directory can be written: compile in every process
        return numba.njit(**options)(function)  # type: ignore[no-any-return]  # numba has no types
    finally:
        numba.config.CACHE_DIR = before


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def multiply_high(context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of the 128-bit product of two uint64."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        x, y = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(x, y), ir.Constant(wide, 64)), ir.IntType(64))

    return numba.uint64(numba.uint64, numba.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def lowest_bit(context: Any, word: Any) -> Any:
    """The place of the lowest bit that is set in a uint64 other than 0."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return numba.uint64(numba.uint64), generate
