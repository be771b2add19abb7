"""What must be the same in the search's process and in its workers' for results to be the same, bit for bit."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from azdsl import __version__

_PACKAGES = ("numpy", "numba", "llvmlite")
"""Packages that make or shape compiled code and random numbers."""

_SIGNED: tuple[Callable[[float], float], ...] = (math.sin, math.cos, math.tan, math.atan, math.exp)
_UNIT: tuple[Callable[[float], float], ...] = (math.asin, math.acos)
"""Functions of the C library that programs call, by where they are defined; and the logarithm."""

_POINTS = 2000


@cache
def facts() -> Mapping[str, str]:
    """Versions, and a digest of the arithmetic of this machine."""
    from azdsl.codegen.numba_jit import sources_digest

    installed = {name: _version(name) for name in _PACKAGES}
    return {
        "azdsl": __version__,
        "azdsl's sources": sources_digest(),
        **installed,
        "C library's functions": arithmetic(),
    }


def arithmetic() -> str:
    """A digest of the bits that the C library's functions give here.

    They differ from one library to another, and within one by what the processor can do.
    """
    digest = hashlib.blake2b(digest_size=8)
    for k in range(1, _POINTS):
        x = k * 0.6180339887498949 % 1.0
        values = [f(sign * x * 30.0) for f in _SIGNED for sign in (1.0, -1.0)]
        values += [f(sign * x) for f in _UNIT for sign in (1.0, -1.0)]
        digest.update(struct.pack(f"<{len(values) + 1}d", *values, math.log(x * 1000.0)))
    return digest.hexdigest()


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """What is different, in words."""
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return [f"{name} is {here.get(name, 'absent')} here and {there.get(name, 'absent')} there" for name in names]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
