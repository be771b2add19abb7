"""The base class of all user errors."""

from __future__ import annotations

import errno
import os


class AzdslError(Exception):
    """A user error: the message says what is wrong, where, and what to do.

    Every public exception class of the package derives from this one; an exception whose name starts with an
    underscore never leaves its module.
    """

    @property
    def report(self) -> str:
        """The error as the command line prints it."""
        return f"error: {self}"


class MissingFile(AzdslError, FileNotFoundError):
    """A file that does not exist: ``filename`` is its path, ``strerror`` what is missing."""

    def __init__(self, path: str | os.PathLike[str], reason: str = "no such file") -> None:
        super().__init__(errno.ENOENT, reason, os.fspath(path))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"

    def __reduce__(self) -> tuple[type[MissingFile], tuple[str, str]]:
        return type(self), (self.filename, self.strerror or "")
