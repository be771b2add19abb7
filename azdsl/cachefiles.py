"""Files of the cache: each has a checksum over its key and its content, and is read only if no other user can write it.

A file that is truncated, changed, of another key or not trusted is treated as missing: it is made again and replaced. Files are written
atomically, so that several processes can start at the same time, for their owner to write and for all to read, less the umask.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from azdsl import atomic, regular
from azdsl.cachedir import others
from azdsl.messages import detail

PERMISSIONS = 0o644
"""The permissions of a new file, less the umask."""

_DIGEST_BYTES = 32


def opened(path: Path) -> BinaryIO | None:
    """Open a file to read. Returns None if it does not exist, or if it is no regular file that only its owner can write."""
    try:
        file = regular.open_to_read(path, follow=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse(path, error.strerror or str(error))
        return None
    if reason := others(os.fstat(file.fileno())):
        file.close()
        refuse(path, f"it {reason}")
        return None
    return file


def refuse(path: Path, reason: str) -> None:
    """Tell that a file is not used."""
    detail(f"cache     {path} is made again: {reason}")


def read(path: Path, title: bytes, key: bytes) -> bytes | None:
    """The content that ``write`` stored in a file under the same title and key; None if there is none."""
    file = opened(path)
    if file is None:
        return None
    try:
        with file:
            data = file.read()
    except OSError as error:
        refuse(path, error.strerror or str(error))
        return None
    start = len(title) + _DIGEST_BYTES
    content = data[start:]
    if not data.startswith(title) or data[len(title) : start] != _digest(title, key, content):
        refuse(path, "its checksum is wrong")
        return None
    return content


def write(path: Path, title: bytes, key: bytes, content: bytes) -> bool:
    """Write a file; whether it was written. ``title`` names the kind of file and the version of its content."""
    try:
        data = title + _digest(title, key, content) + content
        atomic.write(path, data, shared=True, sync=False, permissions=PERMISSIONS)
    except OSError:
        return False
    return True


def _digest(title: bytes, key: bytes, content: bytes) -> bytes:
    digest = hashlib.sha256(b"%d %d\n" % (len(title), len(key)) + title + key)
    digest.update(content)
    return digest.digest()
