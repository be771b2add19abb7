"""The cache of task sets: files that are mapped into memory, computed once and shared by all processes.

A file contains float64 arrays after a header with their shapes and a digest. Its name is a digest of its inputs. Files are
written atomically, so that several processes can start at the same time. A file that is damaged, or that another user could have
written, is computed again. The size of the cache is bounded: the least recently used files are removed first. If the cache cannot be
written, the arrays are held in memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from azdsl import atomic, cachefiles
from azdsl.cachedir import cache_root, trim, usable

Array = NDArray[np.float64]
Shapes = tuple[tuple[int, ...], ...]

LIMIT_BYTES = 2_000_000_000
"""Maximum size of the cache, in bytes."""

_SCHEMA = b"azdsl tasks 2\n"
_HEADER = 4096
_ALIGN = 64
_DIGEST = 16
_PIECE = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """The arrays to compute: their ``shapes`` [T, …]; for each task the part [1:] of every array; ``facts`` as JSON values."""

    shapes: Shapes
    facts: Mapping[str, Any]
    tasks: Iterable[tuple[Array, ...]]


@dataclass(frozen=True, eq=False)
class Stored:
    """The arrays and facts of a recipe.

    ``mapping`` is the mapped file of which the arrays are read-only views, None if they are in memory.
    """

    arrays: tuple[Array, ...]
    facts: Mapping[str, Any]
    mapping: mmap.mmap | None = None


def folder() -> Path:
    """Return the directory of the cache."""
    return cache_root() / "image-tasks"


def stored(identity: str, make: Callable[[], Recipe]) -> Stored:
    """Return the arrays with the name ``identity``, from the cache or computed by ``make``."""
    directory = usable(folder())
    if directory is None:
        return _in_memory(make())
    path = directory / (hashlib.blake2b(identity.encode(), digest_size=20).hexdigest() + ".tasks")
    found = _open(path)
    if found is not None:
        return found
    recipe = make()
    if not _has_room(directory, sum(math.prod(shape) for shape in recipe.shapes) * 8):
        return _in_memory(recipe)
    try:
        with atomic.replacing(path, shared=True, permissions=cachefiles.PERMISSIONS) as file:
            _write(file, path.stem, recipe)
        kept = _open(path)
    except OSError:
        kept = None
    if kept is None:
        return _in_memory(make())
    trim(directory, LIMIT_BYTES)
    return kept


def _has_room(directory: Path, size: int) -> bool:
    """Whether the disk has room for ``size`` bytes of arrays."""
    if not hasattr(os, "statvfs"):
        return True
    try:
        system = os.statvfs(directory)
    except OSError:
        return False
    return system.f_bavail * system.f_frsize >= size + _HEADER


def _in_memory(recipe: Recipe) -> Stored:
    arrays = tuple(np.empty(shape) for shape in recipe.shapes)
    for t, parts in enumerate(recipe.tasks):
        for array, part in zip(arrays, parts, strict=True):
            array[t] = part
    for array in arrays:
        array.flags.writeable = False  # so that a task set uses the array without a copy
    return Stored(arrays, recipe.facts)


def _offsets(shapes: Shapes) -> list[int]:
    """Return the offset of each array in the file, and the size of the file, in bytes."""
    found, end = [], _HEADER
    for shape in shapes:
        found.append(end)
        end += -(-math.prod(shape) * 8 // _ALIGN) * _ALIGN
    return [*found, end]


def _write(file: BinaryIO, name: str, recipe: Recipe) -> None:
    """Write the arrays task by task, then the header with their digest."""
    *starts, end = _offsets(recipe.shapes)
    for t, parts in enumerate(recipe.tasks):
        for start, shape, part in zip(starts, recipe.shapes, parts, strict=True):
            file.seek(start + t * math.prod(shape[1:]) * 8)
            file.write(np.ascontiguousarray(part, np.float64).data)
    file.truncate(end)
    file.flush()
    arrays = _digest(file)
    facts = json.dumps({"shapes": recipe.shapes, "facts": recipe.facts}).encode()
    file.seek(0)
    file.write(_SCHEMA + _checksum(name, arrays, facts) + facts)
    file.flush()


def _digest(file: BinaryIO) -> bytes:
    """Compute a digest of the arrays. The file is read in pieces, because a mapping would bring all of it into memory."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    file.seek(_HEADER)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.digest()


def _checksum(name: str, arrays: bytes, facts: bytes) -> bytes:
    """The checksum of a file: of its name, the digest of its arrays, and its facts."""
    return hashlib.blake2b(name.encode() + arrays + facts, digest_size=_DIGEST).digest()


def _open(path: Path) -> Stored | None:
    """Map the arrays of a file. Returns None if it does not exist, is damaged, has another schema or is not trusted."""
    opened = cachefiles.opened(path)
    if opened is None:
        return None
    try:
        with opened as file:
            head, arrays = file.read(_HEADER), _digest(file)
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        cachefiles.refuse(path, str(error))
        return None
    digest, facts = head[len(_SCHEMA) : len(_SCHEMA) + _DIGEST], head[len(_SCHEMA) + _DIGEST :].rstrip(b"\0")
    if not head.startswith(_SCHEMA) or _checksum(path.stem, arrays, facts) != digest:
        cachefiles.refuse(path, "its checksum is wrong")
        return None
    header = json.loads(facts)
    shapes = tuple(map(tuple, header["shapes"]))
    views = tuple(
        np.frombuffer(content, np.float64, math.prod(shape), start).reshape(shape)
        for shape, start in zip(shapes, _offsets(shapes), strict=False)
    )
    with suppress(OSError):
        os.utime(path)  # marks the file as recently used
    return Stored(views, header["facts"], content)
