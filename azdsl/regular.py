"""Regular files: opened without waiting for a pipe, and not through a symbolic link where they are written."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

_ALWAYS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_to_read(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file to read; a symbolic link to one only with ``follow``. Raises ``OSError`` for anything else."""
    return _opened(path, os.O_RDONLY | (0 if follow else _NO_LINK), "rb")


def open_to_append(path: Path) -> BinaryIO:
    """Open a regular file, or create it, to read and to write at its end, without buffer. Raises ``OSError`` for anything else."""
    return _opened(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_LINK, "ab+")


def read(path: Path) -> bytes:
    """Read a regular file, also through a symbolic link. Raises ``OSError`` for anything else."""
    with open_to_read(path) as file:
        return file.read()


def _opened(path: Path, flags: int, mode: str) -> BinaryIO:
    try:
        descriptor = os.open(path, flags | _ALWAYS, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise OSError(errno.EINVAL, "a symbolic link, not a regular file", str(path)) from None
        raise
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if kind != stat.S_IFREG:
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return cast(BinaryIO, os.fdopen(descriptor, mode, buffering=0 if "+" in mode else -1))
    except BaseException:
        os.close(descriptor)
        raise
