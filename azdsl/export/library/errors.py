"""The errors of exports."""

from __future__ import annotations

from azdsl.errors import AzdslError


class ExportError(AzdslError, ValueError):
    """An export that is not possible as requested."""


class NoLinker(ExportError):
    """There is no linker for WebAssembly."""
