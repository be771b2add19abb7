"""Writes the files of ``azdsl compile``: all of them, or none if anything fails."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl import __version__
from azdsl.codegen.aot.cross_targets import CROSS_TARGETS, WASM
from azdsl.codegen.aot.models import Compiled, Spec, compile_models
from azdsl.codegen.target import Host, processor
from azdsl.export.library.c_header import header
from azdsl.export.library.errors import ExportError
from azdsl.export.library.file_names import output_files
from azdsl.export.library.linker import link, link_wasm
from azdsl.export.library.python_module import wrapper
from azdsl.export.library.wasm_module import FUNCTIONS, wasm_module

Array = NDArray[np.float64]

HERE = frozenset({"shared", "python"})
"""Kinds of files that run on this machine only."""
CODE = frozenset({"shared", "object", "llvm", "asm"})
"""Kinds of files that hold a machine's code."""


def write(
    specs: Sequence[Spec],
    output: Path,
    kinds: Sequence[str],
    cpu: str = "native",
    target: str | None = None,
    encoding: Mapping[str, Any] | None = None,
    lesson: tuple[Array, Array, int] | None = None,
) -> dict[str, Path]:
    """Compile models, write files of these kinds, and return their paths by kind.

    ``output`` names the files as ``file_names.output_files`` describes. Several ``specs`` are the same program with
    different numbers of features. Code is for ``target``, one of ``CROSS_TARGETS``, or else for ``cpu`` on this machine.
    ``encoding`` is how the table that they were trained on became features, None for numbers as they are.
    ``lesson`` is what trained models learned: X [n, F], y [n] and epochs; a NumPy module learns it again.
    Nothing is written if anything fails: ``ExportError``, ``ValueError`` or ``OSError``.
    """
    machine = _machine(kinds, cpu, target)
    files = output_files(output, kinds)
    if "numpy" in kinds:
        _check_numpy(specs[0], lesson is not None)
    if "torch" in kinds:
        _check_torch(specs[0])
    compiled = compile_models(specs, __version__, machine) if CODE & set(kinds) else None
    texts: dict[str, Callable[[], str | bytes]] = {
        "header": lambda: header(specs, __version__, encoding),
        "python": lambda: wrapper(specs, files["shared"].name, __version__, encoding),
        "numpy": lambda: _numpy(specs[0], encoding, lesson),
        "torch": lambda: _torch(specs[0]),
        "javascript": lambda: wasm_module(specs, files["wasm"].name, __version__, encoding),
    }
    if compiled:
        texts |= _native(compiled)
    try:
        staging = Path(tempfile.mkdtemp(prefix=".azdsl-", dir=output.parent))
        try:
            staged = _stage(staging, files, texts, specs)
            for kind, file in files.items():
                os.replace(staged[kind], file)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        # the name of a temporary file would not help the user
        raise OSError(error.errno, error.strerror, str(output.parent)) from None
    return files


def _machine(kinds: Sequence[str], cpu: str, target: str | None) -> Host:
    """The processor to make code for. Raises ``ValueError``."""
    if target is None:
        return processor(cpu)
    if target not in CROSS_TARGETS:
        raise ExportError(f"unknown target {target!r}; known are {', '.join(CROSS_TARGETS)}")
    if cpu != "native":
        raise ExportError(f"--cpu {cpu} is a processor of this machine: leave it out with --target")
    if here := sorted(HERE & set(kinds)):
        others = "object,header" if target != WASM else "wasm"
        raise ExportError(f"--target {target} cannot make {' and '.join(here)} here: use --emit {others}")
    return CROSS_TARGETS[target]


def _check_numpy(spec: Spec, can_learn: bool) -> None:
    """Refuse what a NumPy module cannot do: compute in 32 bits, or start trained without learning."""
    if spec.image and not can_learn:
        raise ExportError("a NumPy module starts trained only with the rows that the model learned")
    if spec.precision != 64:
        raise ExportError(f"a NumPy module computes in 64 bits: leave out --emit numpy or --precision {spec.precision}")


def _check_torch(spec: Spec) -> None:
    """Refuse what a PyTorch module cannot do: start trained, or compute in 32 bits from the start."""
    if spec.image:
        raise ExportError("a PyTorch module starts untrained: leave out --emit torch or --train, and call its fit")
    if spec.precision != 64:
        raise ExportError(
            f"a PyTorch module computes in 64 bits: leave out --precision {spec.precision}, and call its float() for 32 bits"
        )


def _torch(spec: Spec) -> str:
    """The text of the PyTorch module."""
    from azdsl.export.readable.torch_source import torch_source

    return torch_source(spec.source, spec.metric.name, spec.features, spec.seed, spec.max_abs_error)


def _numpy(spec: Spec, encoding: Mapping[str, Any] | None, lesson: tuple[Array, Array, int] | None) -> str:
    """The text of the NumPy module. Untrained, it works for any number of features."""
    from azdsl.export.readable.numpy_source import numpy_source
    from azdsl.export.readable.numpy_trained import trained_source

    source = numpy_source(spec.source, spec.metric.name, spec.seed, spec.max_abs_error)
    return trained_source(source, *lesson, spec.metric.classifies, encoding) if lesson else source


def _native(compiled: Compiled) -> dict[str, Callable[[], str | bytes]]:
    return {"object": compiled.object_code, "llvm": lambda: compiled.llvm, "asm": compiled.assembly}


def _stage(
    staging: Path, files: Mapping[str, Path], texts: Mapping[str, Callable[[], str | bytes]], specs: Sequence[Spec]
) -> dict[str, Path]:
    """Make every file under a name of its own in ``staging``."""
    staged = {kind: staging / f"{kind}{file.suffix}" for kind, file in files.items()}
    for kind in files:
        if kind not in ("shared", "wasm"):
            content = texts[kind]()
            staged[kind].write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    if "wasm" in files:
        object_file = staging / "wasm.o"
        object_file.write_bytes(compile_models(specs, __version__, CROSS_TARGETS[WASM]).object_code())
        link_wasm(object_file, staged["wasm"], [spec.prefix + name for spec in specs for name in FUNCTIONS])
    if "shared" in files:
        object_file = staging / "code.o"
        code = texts["object"]()
        object_file.write_bytes(code if isinstance(code, bytes) else code.encode())
        link(object_file, staged["shared"])
    return staged
