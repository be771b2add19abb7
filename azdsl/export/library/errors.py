"""What can be wrong with an export."""

from __future__ import annotations

from azdsl.errors import AzdslError


class ExportError(AzdslError, ValueError):
    """An export that cannot be made; the message says why and what to do."""
