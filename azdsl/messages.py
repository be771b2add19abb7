"""The text that a terminal may show, and messages from any layer to the user.

Messages go to Python's logger ``azdsl``, which prints warnings on standard error unless the program configures it differently.
"""

from __future__ import annotations

import re
from functools import cache

_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that are not shown but change what is shown: control characters, breaks and directions of lines; and halves of characters."""


def printable(text: str) -> str:
    """The text with U+FFFD for characters that a terminal obeys or cannot show; line feeds and tabs stay."""
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """The text as part of a line: as ``printable``, without line feeds."""
    return printable(text).replace("\n", "\N{REPLACEMENT CHARACTER}")


@cache
def warn_once(message: str) -> None:
    """Warn the user; the same message only once in a process."""
    _log("WARNING", message)


def detail(message: str) -> None:
    """Tell what only ``azdsl evolve --verbose`` prints."""
    _log("INFO", message)


def _log(level: str, message: str) -> None:
    import logging  # takes milliseconds, which few starts need

    logging.getLogger("azdsl").log(getattr(logging, level), "%s", printable(message))
