"""Where compiled code is kept: numba's cache, also in a directory that can be read and not written, or on a full disk.

numba by itself leaves such a directory aside, so that every start compiles, and keeps the code beside the sources instead, where it
would outlive a change in what was compiled in from other files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator


class _Directory(UserProvidedCacheLocator):  # type: ignore[misc]  # numba has no types
    """The directory that the settings name, if it can be written or is there."""

    def ensure_cache_path(self) -> None:
        try:
            super().ensure_cache_path()
        except OSError:
            if not os.path.isdir(self.get_cache_path()):
                raise


class _Format(CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    """numba's files, there and nowhere else."""

    _locator_classes = (_Directory,)


class KeptCode(FunctionCache):  # type: ignore[misc]  # numba has no types
    """Code of one function. Raises ``RuntimeError`` when there is no directory for it."""

    _impl_class = _Format

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep code, if it can be: the next start compiles what could not."""
        with suppress(OSError):
            super().save_overload(sig, data)
