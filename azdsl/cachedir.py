"""The cache directory for compiled code and image tasks."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_root() -> Path:
    """Return the directory in ``AZDSL_CACHE`` if it is set, else ``azdsl`` in the user's cache directory."""
    chosen = os.environ.get("AZDSL_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "azdsl"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "azdsl"


def trim(directory: Path, limit: int) -> None:
    """Remove the least recently used files of a directory that holds more than ``limit`` bytes, until 3/4 of ``limit`` are left."""
    try:
        files = sorted(
            (status.st_mtime, status.st_size, path) for path in directory.iterdir() for status in [path.stat()]
        )
        total = sum(size for _, size, _ in files)
        if total <= limit:
            return
        for _, size, path in files:
            if total <= limit * 3 // 4:
                break
            path.unlink(missing_ok=True)
            total -= size
    except OSError:
        pass  # another process trims the directory too, or it is read-only
