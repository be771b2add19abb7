"""The cache directory for compiled code and image tasks, and whom it can be trusted for.

Files of the cache run as code. A directory or file counts only if no other user can change it, except for the administrator: it and
all directories above it belong to this user or the administrator, and only the owner may write (or, in a directory such as /tmp, only
the owner may replace files).
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from azdsl.messages import warn_once

CODE_FOLDERS = f"search-{'[0-9a-f]' * 16}"
"""Glob pattern of the directories with the compiled search, one for each version of its sources."""


def cache_root() -> Path:
    """Return the directory in ``AZDSL_CACHE`` if it is set, else ``azdsl`` in the user's cache directory."""
    chosen = os.environ.get("AZDSL_CACHE")
    if chosen:
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:  # a user without an entry in the user database, as in containers
        return Path(tempfile.gettempdir()) / f"azdsl-{os.getuid()}"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "azdsl"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "azdsl"


def usable(directory: Path) -> Path | None:
    """The path without symbolic links of a directory of the cache, which is created if it is missing.

    Returns None if it cannot be created or, after a message, if it is not trusted.
    """
    path = Path(os.path.realpath(directory))
    reason = distrust(path)
    if reason is None and not path.is_dir():
        try:
            _create(path)
        except OSError:
            return None
        reason = distrust(path)
    if reason is None:
        return path
    warn_once(
        f"{reason}: the cache there is not used, for another user's code could be in it, and every start compiles; "
        "name a directory of your own in the environment variable AZDSL_CACHE"
    )
    return None


def distrust(path: Path) -> str | None:
    """The reason not to trust a path without symbolic links, existing or not; None if there is none."""
    for part in (path, *path.parents):
        with suppress(OSError):  # it does not exist, or cannot be read either
            if reason := others(os.lstat(part)):
                return f"{part} {reason}"
    return None


def others(status: os.stat_result) -> str | None:
    """How another user could change a file or directory; None if only its owner, this user or the administrator, can."""
    if not hasattr(os, "geteuid"):
        return None
    if status.st_uid not in (os.geteuid(), *_administrator()):
        return f"belongs to user {status.st_uid}"
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return None
    if status.st_mode & stat.S_IWOTH:
        return "may be written by every user"
    if status.st_mode & stat.S_IWGRP and not _alone_in(status.st_gid):
        return f"may be written by group {status.st_gid}"
    return None


@cache
def _administrator() -> tuple[int, int]:
    """User 0, and the owner of the root directory: in a user namespace, user 0 outside has another number."""
    return 0, os.stat("/").st_uid


@cache
def _alone_in(group: int) -> bool:
    """Whether a group has no member but this user and the administrator: group 0, or the user's private group of the same name."""
    import grp
    import pwd

    try:
        entry, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid())
    except KeyError:
        return group == 0
    own = entry.gr_gid == user.pw_gid and entry.gr_name == user.pw_name
    return group == 0 or (own and set(entry.gr_mem) <= {user.pw_name})


def _create(path: Path) -> None:
    """Create a directory and its parents, for the owner to write and for all to read, less the umask."""
    if not path.parent.is_dir():
        _create(path.parent)
    with suppress(FileExistsError):
        path.mkdir(0o755)


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
