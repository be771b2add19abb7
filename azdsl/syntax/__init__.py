"""The .az language: text -> ``Program`` or ``Experiment``, and text -> canonical layout.

An invalid text or file raises ``azdsl.SyntaxError`` with all of its errors, and no other exception.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from azdsl import regular
from azdsl.config.experiment import Experiment
from azdsl.diagnostics import Diagnostic, Source, SyntaxError
from azdsl.errors import MissingFile
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
    """The program in a text; its other statements are validated and dropped."""
    return parse_experiment(text, filename).program


def parse_experiment(text: str, filename: str = "<text>") -> Experiment:
    """The experiment in a text."""
    return build(_source(text, filename))


def load(path: str | PathLike[str]) -> Program:
    """The program in a file."""
    return load_experiment(path).program


def load_experiment(path: str | PathLike[str], *, regular_only: bool = False) -> Experiment:
    """The experiment in a file."""
    return parse_experiment(read_source(path, regular_only=regular_only), str(path))


def format_source(text: str, filename: str = "<text>") -> str:
    """The text in canonical layout, with its names, comments, numbers and order."""
    return format_lines(_source(text, filename))


def read_source(path: str | PathLike[str], *, regular_only: bool = False) -> str:
    """The text of a file of at most ``MAX_FILE_BYTES`` in UTF-8. Raises ``SyntaxError`` for any other, and ``MissingFile``.

    ``regular_only`` refuses pipes and devices, for files that nobody has named: a pipe could keep a reader waiting.
    """
    empty = Source("", str(path))
    try:
        with regular.open_to_read(Path(path)) if regular_only else Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise MissingFile(path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SyntaxError([Diagnostic("file", f"cannot read the file: {reason}")], empty) from None
    if len(data) > MAX_FILE_BYTES:
        raise SyntaxError([_too_large()], empty)
    if b"\0" in data:
        raise SyntaxError([Diagnostic("file", "this is a binary file, not a text file")], empty)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"this is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
        raise SyntaxError([Diagnostic("file", message, hint="save it as UTF-8")], empty) from None


def _source(text: str, filename: str) -> Source:
    """The text without its byte order mark. Raises ``SyntaxError`` if it is too large."""
    if len(text) > MAX_FILE_BYTES:
        raise SyntaxError([_too_large()], Source("", filename))
    return Source(text.removeprefix("\ufeff"), filename)


def _too_large() -> Diagnostic:
    return Diagnostic("file", f"the file is too large: at most {MAX_FILE_BYTES:,} bytes are read")
