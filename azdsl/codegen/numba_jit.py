"""The decorators that compile the search with numba, and machine operations that Python has no operator for.

Compiled code is kept on disk. numba detects a change of a function's own file, but not of the files of functions that it calls.
The name of the directory therefore holds a digest of the sources (``sources``).
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
from numba import types
from numba.extending import intrinsic

from azdsl.cachedir import CODE_FOLDERS, cache_root, usable
from azdsl.codegen.numba_cache import KeptCode
from azdsl.codegen.sources import sources_digest

Function = TypeVar("Function", bound=Callable[..., Any])

_SOURCES = "azdsl.search.kernel"
"""The package whose modules, and what these import, are the sources of compiled code.

All of its modules count, for some are compiled into others without being imported by them (``numba.extending.overload``).
"""

KEPT_SECONDS = 14 * 86400
"""Code of other versions of the sources is removed when it was not used for this many seconds."""


def _postpone_blas() -> None:
    """Keep numba from importing SciPy's BLAS when it is imported: that takes longer than loading all compiled code of azdsl.

    At import numba only tests whether BLAS is available. Functions that multiply matrices with BLAS still import it.
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
    """Remove the code of other versions of the sources that was not used for ``KEPT_SECONDS``."""
    limit = time.time() - KEPT_SECONDS
    try:
        for directory in root.glob(CODE_FOLDERS):
            if directory != current and directory.stat().st_mtime < limit:
                shutil.rmtree(directory, ignore_errors=True)
        if current.is_dir():
            os.utime(current)
    except OSError:
        pass  # another process has removed it, or the directory is read-only


@cache
def cache_directory() -> Path:
    """The directory of compiled code for this version of the sources, in the cache directory."""
    # AZDSL_CACHE moves every cache; without it, NUMBA_CACHE_DIR moves numba's
    chosen = os.environ.get("AZDSL_CACHE") or numba.config.CACHE_DIR
    home = Path(chosen) if chosen else cache_root()
    current = home / f"search-{sources_digest(_SOURCES)}"
    if usable(home):
        remove_unused(home, current)
    return current


def jit(function: Function) -> Function:
    """Compile a function on its first call and keep the code on disk. It runs without the GIL; x/0 follows IEEE 754.

    Compiled code allocates nothing and counts no references: the caller holds the arrays. Reference counting, an atomic operation for
    every array taken out of a named tuple, would be most of the work.
    """
    return _compile(function)


def inline(function: Function) -> Function:
    """Like ``jit`` for a small step of a hot loop: LLVM inlines it into its callers, which are compiled.

    A call would copy every array of the named tuples among its arguments. Python cannot call it: the code for that would take a fifth
    of the time to compile the search.
    """
    compiled: Any = _compile(function, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)

    def add_overload(result: Any) -> None:
        """Keep code for compiled callers alone: numba would also offer it to callers in Python, who would crash."""
        compiled.overloads[tuple(result.signature.args)] = result

    def refuse(*_: Any, **__: Any) -> None:
        raise TypeError(f"{function.__qualname__} is for compiled code; call a jit function that calls it")

    compiled.add_overload, compiled._compile_for_args = add_overload, refuse
    return compiled  # type: ignore[no-any-return]  # numba has no types


def inline_callable(function: Function) -> Function:
    """Like ``inline`` for a function that Python calls, too."""
    return _compile(function, forceinline=True)


def merged(function: Function) -> Function:
    """Like ``jit`` for a step with a single caller: numba inlines it before it infers types.

    An ``inline`` function is compiled again in each of its callers, which takes seconds for the largest.
    """
    return _compile(function, inline="always")


def _compile(function: Function, **options: Any) -> Function:
    options |= {"nogil": True, "error_model": "numpy", "_nrt": False}
    compiled: Any = numba.njit(**options)(function)
    resolve = compiled.get_call_template

    def for_any_value(arguments: Any, named: Any) -> Any:
        """Resolve a call without the values of literals: numba would compile the function again for each of them."""
        return resolve([types.unliteral(argument) for argument in arguments], named)

    compiled.get_call_template = for_any_value
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(cache_directory())
    try:
        with suppress(RuntimeError):  # no directory for it: compile in every process
            compiled._cache = KeptCode(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled  # type: ignore[no-any-return]  # numba has no types


def address(function: Any, *arguments: Any) -> int:
    """The address of a ``jit`` function for arguments of the types of these; compiles it for them, or loads it from disk.

    Code that gets the address as an argument calls it by ``call``. So a function that few searches need is compiled for those
    alone, and is not compiled again into its callers.
    """
    signature = tuple(numba.typeof(argument) for argument in arguments)
    function.compile(signature)
    compiled = function.overloads[signature]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def _wide(type_: Any) -> Any:
    """The type as which an argument of this type is passed."""
    if isinstance(type_, types.Integer):
        return types.int64 if type_.signed else types.uint64
    return type_


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def call(context: Any, result: Any, address: Any, arguments: Any) -> Any:
    """Call a ``jit`` function by its ``address``, with a tuple of arguments. ``result`` is the type of what it returns.

    Integers among the arguments are passed as 64 bits.
    """
    returned = result.instance_type
    given = [_wide(types.unliteral(each)) for each in arguments]

    def generate(context: Any, builder: Any, _: Any, values: Any) -> Any:
        convention = context.call_conv
        type_ = convention.get_function_type(returned, given).as_pointer()
        function = builder.inttoptr(values[1], type_)
        unpacked = [builder.extract_value(values[2], at) for at in range(len(given))]
        return convention.call_function(builder, function, returned, given, unpacked)[1]

    return returned(result, types.int64, types.Tuple(given)), generate


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
    """The index of the lowest bit set in a uint64 other than 0."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return numba.uint64(numba.uint64), generate
