"""Links object code to a shared library, with the system's C compiler or the package ziglang."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from azdsl.export.library.errors import ExportError, NoLinker

SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
"""The file name ending of shared libraries on this platform."""

ZIG = (sys.executable, "-m", "ziglang", "cc")
"""The C compiler of the package ziglang. Its first use builds its libraries, which may take a minute."""

_SHOWN = 400
"""The number of characters of a linker's error output that are shown."""


def linker() -> list[str]:
    """The linker command: ``$CC``, the system's C compiler, or zig. Raises ``ExportError`` if there is none."""
    chosen = os.environ.get("CC", "").strip()
    if chosen:
        try:
            command = shlex.split(chosen)
        except ValueError as error:
            raise ExportError(f"CC={chosen!r} is not a command: {error}") from None
        if not shutil.which(command[0]):
            raise ExportError(f"CC={chosen!r}: no such program; set CC to a C compiler or unset it")
        return command
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    if find_spec("ziglang"):
        return list(ZIG)
    raise ExportError(
        "a shared library needs a C compiler for linking: install cc, or pip install 'azdsl[zig]'; "
        "--emit object,header works without"
    )


def link(object_file: Path, library: Path) -> None:
    """Link ``object_file`` to the shared library ``library``. Raises ``ExportError``."""
    strip = ["-Wl,-s"] if sys.platform.startswith("linux") else []
    command = [*linker(), "-shared", *strip, "-o", str(library.resolve()), str(object_file.resolve())]
    _run(command, "the library")


def link_wasm(object_file: Path, module: Path, exports: Sequence[str]) -> None:
    """Make a WebAssembly file of an object file, without what ``exports`` do not need. Raises ``ExportError``."""
    names = [f"--export={name}" for name in ("__heap_base", *exports)]
    command = [*_wasm_linker(), "--no-entry", "--gc-sections", "--strip-all", *names, "-o", str(module.resolve())]
    _run([*command, str(object_file.resolve())], "the WebAssembly file")


def _wasm_linker() -> list[str]:
    """The command of LLVM's linker for WebAssembly. Raises ``NoLinker``."""
    if found := shutil.which("wasm-ld"):
        return [found]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "wasm-ld"]
    raise NoLinker("linking WebAssembly needs LLVM's wasm-ld: pip install 'azdsl[zig]', or install lld")


def _run(command: list[str], product: str) -> None:
    """Run a linker. Raises ``ExportError`` with the beginning of its complaint."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ExportError(f"cannot run {command[0]}: {error.strerror}") from None
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip()[:_SHOWN]
        raise ExportError(f"{command[0]} could not link {product} (exit status {done.returncode}): {complaint}")
