"""Targets: processors, LLVM's code generator for them, and the cache of object code on disk.

The key of object code is everything that it depends on: what was compiled, azdsl's sources, LLVM's version, the processor and its
features.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import llvmlite
import llvmlite.binding as llvm
from llvmlite import ir

from azdsl import cachefiles
from azdsl.cachedir import cache_root, trim, usable
from azdsl.codegen.sources import sources_digest
from azdsl.config.search import SettingsError

_TITLE = b"azdsl object 2\n"

CPU_VARIABLE = "AZDSL_CPU"
"""Environment variable with the name (``processor_names``) of the processor to evaluate programs on."""

LIMIT_BYTES = 256 << 20
"""The size of the object cache in bytes; beyond it the files used longest ago are removed."""


@dataclass(frozen=True)
class Host:
    """A processor that code is compiled for: LLVM's triple, name and features."""

    triple: str
    cpu: str
    features: str

    @property
    def vector_bytes(self) -> int:
        """Width of its vectors: 64 with AVX-512, 32 with AVX, else 16 (SSE2, NEON)."""
        on = self.features.split(",")
        return 64 if "+avx512f" in on else 32 if "+avx" in on else 16


@cache
def this_machine() -> Host:
    """The processor that this process runs on."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


@cache
def host() -> Host:
    """The processor that programs are evaluated on: the one that ``AZDSL_CPU`` names, else this one.

    Raises ``SettingsError`` for an unknown name, or a processor with features that this one lacks.
    """
    name = os.environ.get(CPU_VARIABLE, "native")
    if name not in processor_names():
        raise SettingsError(CPU_VARIABLE, f"{CPU_VARIABLE} is {name!r}; known are {', '.join(processor_names())}")
    machine, chosen = this_machine(), processor(name)
    missing = set(chosen.features.split(",")) - set(machine.features.split(",")) - {""}
    if missing:
        lacks = ", ".join(sorted(feature.lstrip("+") for feature in missing))
        raise SettingsError(
            CPU_VARIABLE, f"{CPU_VARIABLE} is {name!r}, but this processor ({machine.cpu}) lacks {lacks}"
        )
    return chosen


_LEVELS = {"x86-64": "", "x86-64-v2": "", "x86-64-v3": "+avx,+avx2", "x86-64-v4": "+avx,+avx2,+avx512f"}
"""The x86-64 levels, with the features that decide the width of their vectors."""


def processor_names() -> list[str]:
    """The names that ``processor`` takes on this machine."""
    return ["native", "generic", *(_LEVELS if this_machine().triple.startswith("x86_64") else ())]


def processor(name: str) -> Host:
    """A processor by name: ``native`` (this one), ``generic`` (the baseline of the architecture) or an x86-64 level.

    Raises ``ValueError`` for an unknown name.
    """
    machine = this_machine()
    if name == "native":
        return machine
    if name not in processor_names():
        raise ValueError(f"unknown processor {name!r}; known are {', '.join(processor_names())}")
    if name == "generic":
        return Host(machine.triple, "x86-64" if "x86-64" in processor_names() else "generic", "")
    return Host(machine.triple, name, _LEVELS[name])


def _target_machine(level: int, machine: Host | None = None) -> llvm.TargetMachine:
    """A new code generator each time: an execution engine takes ownership of the one it is given."""
    machine = machine or host()
    if machine.triple != this_machine().triple:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(machine.triple)
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=level, reloc="pic", codemodel="default"
    )


def optimize(
    module: ir.Module, level: int, machine: Host | None = None, unroll: bool = True
) -> tuple[llvm.ModuleRef, llvm.TargetMachine]:
    """A module optimised for a processor (default: this one), and the code generator for it.

    Unrolling loops makes code about five times as long, and compiling it takes two to three times as long.
    """
    generator = _target_machine(level, machine)
    module.triple = (machine or host()).triple
    module.data_layout = str(generator.target_data)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    # loops over examples are serial; only code with one lane has loops over elements that can be vectorised
    options.loop_vectorization = options.slp_vectorization = level > 1
    options.loop_unrolling = unroll
    builder = llvm.create_pass_builder(generator, options)
    builder.getModulePassManager().run(parsed, builder)
    return parsed, generator


def compile_object(module: ir.Module, level: int) -> bytes:
    """Optimise a module and return its object code."""
    parsed, generator = optimize(module, level)
    code: bytes = generator.emit_object(parsed)
    return code


_SOURCES = "azdsl.codegen.backends"
"""The module whose imports include every source that object code and measured costs follow from."""


def cached_object(key: str, make: Callable[[], bytes], announce: Callable[[], None] = lambda: None) -> bytes:
    """Object code from disk; else from ``make``, before which ``announce`` is called, and then written to disk."""
    machine = host()
    identity = "|".join(
        [key, sources_digest(_SOURCES), llvmlite.__version__, machine.triple, machine.cpu, machine.features]
    )
    directory = usable(cache_root() / "objects")
    if directory is None:
        announce()
        return make()
    path = directory / f"{hashlib.blake2b(identity.encode(), digest_size=20).hexdigest()}.o"
    found = cachefiles.read(path, _TITLE, identity.encode())
    if found is not None:
        with suppress(OSError):
            os.utime(path)  # files used recently are removed last
        return found
    announce()
    code = make()
    cachefiles.write(path, _TITLE, identity.encode(), code)
    trim(directory, LIMIT_BYTES)
    return code


@dataclass(frozen=True, eq=False)
class Loaded:
    """Machine code in memory; alive as long as this object."""

    engine: llvm.ExecutionEngine

    def address(self, name: str) -> int:
        """The address of a function."""
        return int(self.engine.get_function_address(name))

    def data_address(self, name: str) -> int:
        """The address of a global variable."""
        return int(self.engine.get_global_value_address(name))


def load_object(code: bytes) -> Loaded:
    """Link object code into this process."""
    empty = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(empty, _target_machine(2))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Loaded(engine)
