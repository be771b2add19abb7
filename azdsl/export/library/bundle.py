"""Everything that ``azdsl compile`` writes, put in place only when all of it is made."""

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
    """Compile models and write files of these kinds; the files. Raises ``ValueError`` or ``OSError``.

    Nothing is written when anything fails.
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
        # Not a name that was only for the while of writing.
        raise OSError(error.errno, error.strerror, str(output.parent)) from None
    return files


def _check_numpy(spec: Spec) -> None:
    """The NumPy file learns afresh, in float64."""
    if spec.image:
        raise ExportError(
            "the kind numpy learns afresh and cannot hold what --train taught: leave out numpy or --train"
        )
    if spec.precision != 64:
        raise ExportError(f"the kind numpy computes in 64 bits: leave out numpy or --precision {spec.precision}")


def _numpy(spec: Spec) -> str:
    """The program as a NumPy module; it is of any size."""
    from azdsl.export.readable.numpy_source import numpy_source

    return numpy_source(spec.source, spec.metric.name, spec.seed, spec.max_abs_error)


def _native(compiled: Compiled) -> dict[str, Callable[[], str | bytes]]:
    return {"object": compiled.object_code, "llvm": lambda: compiled.llvm, "asm": compiled.assembly}


def _stage(
    staging: Path, files: Mapping[str, Path], texts: Mapping[str, Callable[[], str | bytes]], kinds: Sequence[str]
) -> dict[str, Path]:
    """Make every file under a name of its own in ``staging``."""
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
