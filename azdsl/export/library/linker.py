"""Linking object code into a shared library with the system's compiler or the ziglang wheel's."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from azdsl.export.library.errors import ExportError

SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
"""How this platform's shared libraries end."""

ZIG = (sys.executable, "-m", "ziglang", "cc")
"""The ziglang wheel's compiler. The first time it makes what it links with, which may take a minute."""

_SHOWN = 400
"""Characters of a linker's complaint that are passed on."""


def linker() -> list[str]:
    """The command that links: ``$CC``, the system's C compiler, or zig. Raises ``ExportError``."""
    chosen = os.environ.get("CC", "").strip()
    if chosen:
        try:
            command = shlex.split(chosen)
        except ValueError as error:
            raise ExportError(f"CC={chosen!r} is no command: {error}") from None
        if not shutil.which(command[0]):
            raise ExportError(f"CC={chosen!r}: no such program; set CC to a C compiler or unset it")
        return command
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    if find_spec("ziglang"):
        return list(ZIG)
    raise ExportError(
        "linking a shared library needs a C compiler: install one (cc), or pip install 'azdsl[zig]'; "
        "--emit object,header needs none"
    )


def link(object_file: Path, library: Path) -> None:
    """Make ``library`` of ``object_file``. Raises ``ExportError``."""
    strip = ["-Wl,-s"] if sys.platform.startswith("linux") else []
    command = [*linker(), "-shared", *strip, "-o", str(library.resolve()), str(object_file.resolve()), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ExportError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip()[:_SHOWN]
        raise ExportError(f"{command[0]} could not link the library (exit status {done.returncode}): {complaint}")
