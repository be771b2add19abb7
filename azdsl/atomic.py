"""Atomic file writes: a file has its old content or its new content, never a part of either."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".new"
"""The suffix of a temporary file, which stands beside the file that it replaces."""


def write(
    path: Path,
    data: str | bytes,
    *,
    backup: Path | None = None,
    shared: bool = False,
    sync: bool = True,
    permissions: int | None = None,
    devices: bool = False,
) -> None:
    """Write ``data`` (text as UTF-8) to ``path`` as ``replacing`` does. Raises ``OSError``."""
    with replacing(path, backup=backup, shared=shared, sync=sync, permissions=permissions, devices=devices) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(
    path: Path,
    *,
    backup: Path | None = None,
    shared: bool = False,
    sync: bool = True,
    permissions: int | None = None,
    devices: bool = False,
) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` when the block ends without an error, else is removed.

    Nothing at ``path`` is opened: a symbolic link, a pipe or a device is replaced as a file is. With ``devices``, for output that the
    user named, a pipe or a device is written directly instead. An existing file keeps its permissions and, with ``backup``, is first
    renamed to that. With ``permissions``, the file has these, less the umask. ``shared`` gives the temporary file a unique name: for
    directories without a lock. ``sync=False`` saves the wait for the disk: for files that carry a checksum.
    Raises ``OSError`` with ``path`` as its file name.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}{SUFFIX}" if shared else path.name + SUFFIX)
    with naming(path, temporary):
        before = _mode(path)
        if devices and before is not None and not stat.S_ISREG(before) and not stat.S_ISDIR(before):
            with path.open("wb") as file:
                yield file
            return
        try:
            temporary.unlink(missing_ok=True)  # a process that was killed may have left one
            with _create(temporary, 0o666 if permissions is None else permissions) as file:
                if permissions is None and before is not None and stat.S_ISREG(before):
                    temporary.chmod(stat.S_IMODE(before) & _PERMISSIONS)
                yield file
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            if backup and path.is_file() and not path.is_symlink():
                os.replace(path, backup)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


_PERMISSIONS = 0o777
"""The bits of a mode that a new file takes over: not those by which a program runs as its owner."""


def _create(path: Path, permissions: int) -> BinaryIO:
    """Create a file, which must not exist, to read and write."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, permissions), "w+b")


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Give an ``OSError`` the file name ``path`` if it has none, as after a failed write, or that of ``temporary``."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, str(temporary), temporary):
            error.filename, error.filename2 = str(path), None
        raise


def _mode(path: Path) -> int | None:
    """The type and permissions of a file, those of its target for a link; None if there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
