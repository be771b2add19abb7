"""numba's cache of compiled code, with checksums, also in a read-only directory and on a full disk.

numba's own cache trusts its files, which are pickles with machine code: a truncated one is a traceback, a changed one is code that
runs. It does not use a read-only directory, so that every start would compile. Nor does it fall back to a directory beside the
sources here: code there would outlive a change of the other sources that it was compiled from.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from numba.core.serialize import dumps

from azdsl import cachefiles
from azdsl.cachedir import usable

_TITLE = b"azdsl numba 1\n"

_VERSIONS = f"numba {numba.__version__}, llvmlite {llvmlite.__version__}, NumPy {np.__version__}"
"""What compiled code depends on beside the sources and the version of Python, which are in the file's path."""


class _Directory(UserProvidedCacheLocator):
    """The directory ``numba.config.CACHE_DIR``, if it can be created or exists, and is trusted."""

    _cache_path: str

    def ensure_cache_path(self) -> None:
        directory = usable(Path(self._cache_path))
        if directory is None:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), self._cache_path)
        self._cache_path = str(directory)


class _Format(CompileResultCacheImpl):
    """numba's files in that directory only."""

    _locator_classes = (_Directory,)


class _Files:
    """The files of one function, one for each key: a signature, a processor and the function's bytecode.

    numba's own files are an index and numbered data files, of which two processes that compile at the same time can make a pair that
    does not belong together. Here a file holds its key; it is named for the key's text, which is not always the same for equal keys.
    """

    def __init__(self, directory: str, function: str, source_stamp: Any) -> None:
        self._directory, self._function, self._stamp = Path(directory), function, source_stamp

    def load(self, key: Any) -> Any:
        """The code for a key; None if there is none."""
        path = self._path(key)
        content = cachefiles.read(path, _TITLE, self._identity(path))
        found, stamp, data = (None, None, None) if content is None else pickle.loads(content)
        return data if (found, stamp) == (key, self._stamp) else None

    def save(self, key: Any, data: Any) -> None:
        """Write code; if it cannot be written, it is compiled again at the next start."""
        path = self._path(key)
        cachefiles.write(path, _TITLE, self._identity(path), dumps((key, self._stamp, data)))

    def flush(self) -> None:
        """Remove the files, when numba is asked to compile the function again."""
        for path in self._directory.glob(f"{glob.escape(self._function)}.*.nbc"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        digest = hashlib.blake2b(str(key).encode(), digest_size=16).hexdigest()
        return self._directory / f"{self._function}.{digest}.nbc"

    def _identity(self, path: Path) -> bytes:
        return f"{_VERSIONS}\n{path.name}".encode()


class KeptCode(FunctionCache):
    """The compiled code of one function. Raises ``RuntimeError`` when its directory cannot be used."""

    _impl_class = _Format

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_path = locator.get_cache_path()
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, locator.get_source_stamp())

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write code to disk, unless its directory is gone and cannot be created."""
        with suppress(OSError):
            super().save_overload(sig, data)
