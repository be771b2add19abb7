"""The base class of all user errors."""

from __future__ import annotations


class AzdslError(Exception):
    """A user error: the message says what is wrong, where, and what to do.

    Every public exception class of the package derives from this one; an exception whose name starts with an
    underscore never leaves its module.
    """

    @property
    def report(self) -> str:
        """The error as the command line prints it."""
        return f"error: {self}"
