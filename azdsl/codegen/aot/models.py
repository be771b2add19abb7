"""Programs compiled ahead of time: object code, assembly and LLVM IR of standalone models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from azdsl.codegen.aot.frames import Spec
from azdsl.codegen.aot.standalone import Code, Writer
from azdsl.codegen.aot.traced import TRACE_FUNCTIONS, trace_layout
from azdsl.codegen.target import (
    Host,
    Loaded,
    _target_machine,
    load_object,
    optimize,
    this_machine,
)

__all__ = ["TRACE_FUNCTIONS", "Code", "Compiled", "Loaded", "Spec", "compile_models", "load_model", "trace_layout"]

_LEVEL = 2

_FENCE = re.compile(r"(?:tail )?call ([^@]+?) @llvm\.arithmetic\.fence\.\w+\(\1 ([^)]+)\)")
"""LLVM's fence between floating-point operations. LLVM cannot generate WebAssembly for it. After optimisation it has no purpose."""

SHORT = 24
"""In modules of at most this many instructions, loops are unrolled, and training and prediction have code of their own. Longer modules
would take too long to compile.
"""


@dataclass(frozen=True)
class Compiled:
    """Models, optimised for one processor, as LLVM bitcode."""

    bitcode: bytes
    machine: Host

    @property
    def llvm(self) -> str:
        """The LLVM IR as text."""
        return str(self._parsed())

    def object_code(self) -> bytes:
        """The object file."""
        code: bytes = _target_machine(_LEVEL, self.machine).emit_object(self._parsed())
        return code

    def assembly(self) -> str:
        """The assembly text."""
        text: str = _target_machine(_LEVEL, self.machine).emit_assembly(self._parsed())
        return text

    def _parsed(self) -> Any:
        """A new module for each use, because code generation changes it."""
        return llvm.parse_bitcode(self.bitcode)


def compile_models(specs: Sequence[Spec], version: str, machine: Host | None = None, traced: bool = False) -> Compiled:
    """Compile models into one module, for ``machine`` (default: this one). ``traced``: with ``TRACE_FUNCTIONS``."""
    machine = machine or this_machine()
    parsed, _ = optimize(_module(specs, version, machine, traced), _LEVEL, machine, _short(specs))
    if _is_wasm(machine):
        parsed = llvm.parse_assembly(_FENCE.sub(r"bitcast \1 \2 to \1", str(parsed)))
    return Compiled(parsed.as_bitcode(), machine)


def load_model(spec: Spec, version: str) -> Loaded:
    """Compile one model for this machine and load it into this process."""
    machine = this_machine()
    parsed, generator = optimize(_module([spec], version, machine), _LEVEL, machine, _short([spec]))
    return load_object(generator.emit_object(parsed))


def _short(specs: Sequence[Spec]) -> bool:
    """Whether the models have at most ``SHORT`` instructions in all."""
    return sum(len(spec.program) for spec in specs) <= SHORT


def _is_wasm(machine: Host) -> bool:
    return machine.triple.startswith("wasm")


def _module(specs: Sequence[Spec], version: str, machine: Host, traced: bool = False) -> ir.Module:
    module = ir.Module("azdsl")
    # LLVM cannot generate WebAssembly for the shortcut that long programs take: Setup without vectors
    long = not _short(specs) and not _is_wasm(machine)
    for spec in specs:
        Writer(module, spec, machine.vector_bytes, version, long, traced).write()
    return module
