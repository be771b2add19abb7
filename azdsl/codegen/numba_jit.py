"""How the search is compiled: one decorator, and the one machine operation that Python has no word for.

Compiled code is kept on disk. numba notices a change in a function's own file but not in the files
of what it calls, so the directory's name carries a digest of every source that can be compiled in.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite import ir
from numba.extending import intrinsic

from azdsl.cachedir import cache_root
from azdsl.codegen.numba_cache import KeptCode
from azdsl.codegen.sources import sources_digest

Function = TypeVar("Function", bound=Callable[..., Any])

_SOURCES = "azdsl.search.kernel"
"""The package whose modules, and what these import, are the sources of compiled code.

All of its modules count, for some are compiled into others without being imported by them (``numba.extending.overload``).
"""

KEPT_SECONDS = 14 * 86400
"""Code of other sources is removed when it was not used for this long: several versions may be in use at once."""


def _postpone_blas() -> None:
    """Keep numba from importing SciPy's BLAS at its start, which takes longer than loading all our code.

    It only wants to know there whether it could; functions that multiply matrices with BLAS import it still.
    """
    if "numba.np.arraymath" in sys.modules:
        return
    from numba.np import linalg

    ensure = getattr(linalg, "ensure_blas", None)
    if ensure is None:
        return

    def installed() -> None:
        if find_spec("scipy") is None:
            raise ImportError("no SciPy")

    linalg.ensure_blas = installed
    try:
        from numba.np import arraymath

        arraymath.ensure_blas = ensure
    finally:
        linalg.ensure_blas = ensure


_postpone_blas()


def remove_unused(root: Path, current: Path) -> None:
    """Remove the code of other versions of the sources that nothing has used for a while."""
    limit = time.time() - KEPT_SECONDS
    try:
        for directory in root.glob("search-*"):
            if directory != current and directory.stat().st_mtime < limit:
                shutil.rmtree(directory, ignore_errors=True)
        if current.is_dir():
            os.utime(current)
    except OSError:
        pass  # another process was faster, or the directory is not ours to change


@cache
def cache_directory() -> Path:
    """Where compiled code is kept: in the cache directory, in a directory of this version of the sources."""
    # AZDSL_CACHE moves everything; without it numba's own setting counts for numba's code
    chosen = os.environ.get("AZDSL_CACHE") or numba.config.CACHE_DIR
    home = Path(chosen) if chosen else cache_root()
    current = home / f"search-{sources_digest(_SOURCES)}"
    remove_unused(home, current)
    return current


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


def merged(function: Function) -> Function:
    """The same for a step with a single caller: it becomes part of the caller before types are inferred.

    A layer of ``inline`` functions is compiled once more in every layer above it; that of the largest takes seconds.
    """
    return _compile(function, inline="always")


def _compile(function: Function, **options: Any) -> Function:
    options |= {"nogil": True, "error_model": "numpy", "_nrt": False}
    compiled: Any = numba.njit(**options)(function)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(cache_directory())
    try:
        with suppress(RuntimeError):  # no directory for it: compile in every process
            compiled._cache = KeptCode(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled  # type: ignore[no-any-return]  # numba has no types


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
