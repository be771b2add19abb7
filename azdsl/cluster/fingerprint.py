"""Environment fingerprint: what the search's process and its workers must have in common to compute the same bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from azdsl import __version__
from azdsl.codegen.sources import sources_digest
from azdsl.syntax.parser import grammar

_PACKAGES = ("numpy", "numba", "llvmlite")
"""Packages that generate or change compiled code and random numbers."""

_WORKER = "azdsl.cluster.remote"
"""The module with the functions that a worker runs."""


@cache
def fingerprint() -> Mapping[str, str]:
    """Versions of packages, and digests of azdsl's sources and of its grammar, by name. Processors and C libraries may differ."""
    return {
        "azdsl": __version__,
        "azdsl's sources": sources_digest(_WORKER),
        "azdsl's grammar": hashlib.blake2b(grammar().encode(), digest_size=8).hexdigest(),
        **{name: _version(name) for name in _PACKAGES},
    }


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """One phrase for each entry in which two fingerprints differ."""
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return [f"{name} is {here.get(name, 'absent')} here and {there.get(name, 'absent')} there" for name in names]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
