"""The .az language: text -> ``Program`` or ``Experiment``, and the layout of text.

Everything here raises ``azdsl.SyntaxError`` for a bad text or file, with all of its errors, and
nothing else.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from azdsl.config.experiment import Experiment
from azdsl.diagnostics import Diagnostic, Source, SyntaxError
from azdsl.ir import Program
from azdsl.limits import MAX_FILE_BYTES, MAX_NESTING
from azdsl.syntax.file_builder import build
from azdsl.syntax.formatter import format_lines

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_NESTING",
    "format_source",
    "load",
    "load_experiment",
    "parse",
    "parse_experiment",
    "read_source",
]


def parse(text: str, filename: str = "<text>") -> Program:
    """The program in a text; statements about tasks and search are checked and left aside."""
    return parse_experiment(text, filename).program


def parse_experiment(text: str, filename: str = "<text>") -> Experiment:
    """Everything that a text says."""
    return build(_source(text, filename))


def load(path: str | PathLike[str]) -> Program:
    """The program in a file."""
    return load_experiment(path).program


def load_experiment(path: str | PathLike[str]) -> Experiment:
    """Everything that a file says."""
    return parse_experiment(read_source(path), str(path))


def format_source(text: str, filename: str = "<text>") -> str:
    """The text in canonical layout; names, comments, numbers and order stay as they are."""
    return format_lines(_source(text, filename))


def read_source(path: str | PathLike[str]) -> str:
    """The text of a file, refusing what cannot be a program."""
    empty = Source("", str(path))
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SyntaxError([Diagnostic("file", f"cannot read the file: {reason}")], empty) from None
    if len(data) > MAX_FILE_BYTES:
        raise SyntaxError([_too_large()], empty)
    if b"\0" in data:
        raise SyntaxError([Diagnostic("file", "this is a binary file, not a text")], empty)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"this is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
        raise SyntaxError([Diagnostic("file", message, hint="save it as UTF-8")], empty) from None


def _source(text: str, filename: str) -> Source:
    """The text as it is read: without a byte order mark."""
    if len(text) > MAX_FILE_BYTES:
        raise SyntaxError([_too_large()], Source("", filename))
    return Source(text.removeprefix("\ufeff"), filename)


def _too_large() -> Diagnostic:
    return Diagnostic("file", f"too large for a program: at most {MAX_FILE_BYTES:,} bytes are read")
