"""Environment fingerprint: what the search's process and its workers must have in common to compute the same bits."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from azdsl import __version__
from azdsl.codegen.sources import sources_digest
from azdsl.syntax.parser import grammar

_PACKAGES = ("numpy", "numba", "llvmlite")
"""Packages that generate or change compiled code and random numbers."""

_REAL: tuple[Callable[[float], float], ...] = (math.sin, math.cos, math.tan, math.atan, math.exp)
"""Functions of the C library that programs call and that are defined for all real numbers."""

_UNIT: tuple[Callable[[float], float], ...] = (math.asin, math.acos)
"""Functions of the C library that programs call and that are defined from -1 to 1."""

_POINTS = 2000
"""Arguments at which ``arithmetic`` computes each function."""

_WORKER = "azdsl.cluster.remote"
"""The module with the functions that a worker runs."""


@cache
def fingerprint() -> Mapping[str, str]:
    """Versions of packages, and digests of azdsl's sources, of its grammar and of this machine's arithmetic, by name."""
    return {
        "azdsl": __version__,
        "azdsl's sources": sources_digest(_WORKER),
        "azdsl's grammar": hashlib.blake2b(grammar().encode(), digest_size=8).hexdigest(),
        **{name: _version(name) for name in _PACKAGES},
        "C library's functions": arithmetic(),
    }


def arithmetic() -> str:
    """A digest of the values of the C library's functions on this machine.

    The values depend on the library's version, and within one version on the features of the processor.
    """
    digest = hashlib.blake2b(digest_size=8)
    for k in range(1, _POINTS):
        x = k * 0.6180339887498949 % 1.0
        values = [f(sign * x * 30.0) for f in _REAL for sign in (1.0, -1.0)]
        values += [f(sign * x) for f in _UNIT for sign in (1.0, -1.0)]
        digest.update(struct.pack(f"<{len(values) + 1}d", *values, math.log(x * 1000.0)))
    return digest.hexdigest()


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """One phrase for each entry in which two fingerprints differ."""
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return [f"{name} is {here.get(name, 'absent')} here and {there.get(name, 'absent')} there" for name in names]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
