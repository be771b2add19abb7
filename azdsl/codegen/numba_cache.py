"""numba's cache of compiled code, also in a read-only directory and on a full disk.

numba's own cache does not use a read-only directory, so that every start would compile. Nor does it fall back to a directory
beside the sources here: code there would outlive a change of the other sources that it was compiled from.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator


class _Directory(UserProvidedCacheLocator):  # type: ignore[misc]  # numba has no types
    """The directory ``numba.config.CACHE_DIR``, if it can be written or exists."""

    def ensure_cache_path(self) -> None:
        try:
            super().ensure_cache_path()
        except OSError:
            if not os.path.isdir(self.get_cache_path()):
                raise


class _Format(CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    """numba's files in that directory only."""

    _locator_classes = (_Directory,)


class KeptCode(FunctionCache):  # type: ignore[misc]  # numba has no types
    """The compiled code of one function. Raises ``RuntimeError`` when its directory cannot be used."""

    _impl_class = _Format

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write code to disk. Code that cannot be written is compiled again at the next start."""
        with suppress(OSError):
            super().save_overload(sig, data)
