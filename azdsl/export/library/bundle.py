"""Writes the files of ``azdsl compile``: all of them, or none if anything fails."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from azdsl import __version__
from azdsl.codegen.aot.models import Compiled, Spec, compile_models
from azdsl.codegen.target import processor
from azdsl.export.library.c_header import header
from azdsl.export.library.errors import ExportError
from azdsl.export.library.file_names import output_files
from azdsl.export.library.linker import link
from azdsl.export.library.python_module import wrapper


def write(specs: Sequence[Spec], output: Path, kinds: Sequence[str], cpu: str = "native") -> dict[str, Path]:
    """Compile models, write files of these kinds, and return their paths by kind.

    ``output`` names the files as ``file_names.output_files`` describes. Several ``specs`` are the same program with
    different numbers of features. Nothing is written if anything fails: ``ExportError``, ``ValueError`` or ``OSError``.
    """
    files = output_files(output, kinds)
    if "numpy" in kinds:
        _check_numpy(specs[0])
    processor(cpu)
    compiled = compile_models(specs, __version__, cpu) if set(kinds) - {"header", "numpy"} else None
    texts: dict[str, Callable[[], str | bytes]] = {
        "header": lambda: header(specs, __version__),
        "python": lambda: wrapper(specs, files["shared"].name, __version__),
        "numpy": lambda: _numpy(specs[0]),
    }
    if compiled:
        texts |= _native(compiled)
    try:
        staging = Path(tempfile.mkdtemp(prefix=".azdsl-", dir=output.parent))
        try:
            staged = _stage(staging, files, texts, kinds)
            for kind, file in files.items():
                os.replace(staged[kind], file)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        # the name of a temporary file would not help the user
        raise OSError(error.errno, error.strerror, str(output.parent)) from None
    return files


def _check_numpy(spec: Spec) -> None:
    """Refuse what a NumPy module cannot hold: a trained model, or 32 bits."""
    if spec.image:
        raise ExportError(
            "a NumPy module starts untrained and cannot contain a trained model: leave out --emit numpy or --train"
        )
    if spec.precision != 64:
        raise ExportError(f"a NumPy module computes in 64 bits: leave out --emit numpy or --precision {spec.precision}")


def _numpy(spec: Spec) -> str:
    """The text of the NumPy module, which works for any number of features."""
    from azdsl.export.readable.numpy_source import numpy_source

    return numpy_source(spec.source, spec.metric.name, spec.seed, spec.max_abs_error)


def _native(compiled: Compiled) -> dict[str, Callable[[], str | bytes]]:
    return {"object": compiled.object_code, "llvm": lambda: compiled.llvm, "asm": compiled.assembly}


def _stage(
    staging: Path, files: Mapping[str, Path], texts: Mapping[str, Callable[[], str | bytes]], kinds: Sequence[str]
) -> dict[str, Path]:
    """Write every file to the directory ``staging``; the paths there by kind."""
    staged = {kind: staging / f"{kind}{files[kind].suffix}" for kind in kinds}
    for kind in kinds:
        if kind != "shared":
            content = texts[kind]()
            staged[kind].write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    if "shared" in kinds:
        object_file = staging / "code.o"
        code = texts["object"]()
        object_file.write_bytes(code if isinstance(code, bytes) else code.encode())
        link(object_file, staged["shared"])
    return staged
