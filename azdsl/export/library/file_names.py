"""Names of the files that ``azdsl compile`` writes, and the names that Python could not import or would mix up."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from azdsl.export.library.errors import ExportError
from azdsl.export.library.linker import SUFFIX

KINDS = ("shared", "object", "header", "python", "numpy", "torch", "wasm", "javascript", "llvm", "asm")
"""Kinds of files."""

TOGETHER = {"python": "shared", "wasm": "javascript", "javascript": "wasm"}
"""Kinds that come with another: a module with the code that it loads, and WebAssembly with its module."""

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "shared": (".so", ".dylib", ".dll"),
    "object": (".o",),
    "header": (".h",),
    "python": (".py",),
    "numpy": (".py",),
    "torch": (".py",),
    "wasm": (".wasm",),
    "javascript": (".mjs",),
    "llvm": (".ll",),
    "asm": (".s",),
}
"""File name endings of each kind that ``-o`` may have."""

_IMPORTED = frozenset({".so", ".abi3.so", ".pyd", *EXTENSION_SUFFIXES})
"""Endings of files that Python on some platform imports as extension modules, before a .py file of the same name."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """The kinds in a comma-separated list, in the order of ``KINDS``. Raises ``ExportError``."""
    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in KINDS:
            raise ExportError(f"unknown kind {kind!r} to emit; known are {', '.join(KINDS)}")
    if not kinds:
        raise ExportError(f"nothing to emit; choose from {', '.join(KINDS)}")
    kinds += [TOGETHER[kind] for kind in kinds if kind in TOGETHER]
    return tuple(kind for kind in KINDS if kind in kinds)


def model_name(output: Path) -> str:
    """The name of the model in ``output``: the file name without its ending, and without the ``lib`` of a library."""
    known = {ending for endings in ENDINGS.values() for ending in endings}
    name = output.stem if output.suffix in known else output.name
    library = output.suffix in ENDINGS["shared"] and re.match(r"lib[^\W\d_]", name)
    return name.removeprefix("lib") if library else name


def output_files(output: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """The file of each kind. The file of ``output``'s ending is ``output``; the others are named for the model.

    ``output`` without an ending names the model. Raises ``ExportError`` if ``output`` is a directory or its directory does
    not exist, for an ending that no file of ``kinds`` has, and for names with which ``import`` would not find the Python
    module, or would find the module or the library in place of another module.
    """
    if output.is_dir():
        raise ExportError(f"{output}: is a directory; name the library in it, such as {output / 'model'}{SUFFIX}")
    if not output.name:
        raise ExportError(f"{str(output)!r} is not the name of a file")
    if not output.parent.is_dir():
        raise ExportError(f"{output.parent}: {'is not a directory' if output.parent.exists() else 'no such directory'}")
    _check_ending(output, kinds)
    files = _named(output, kinds)
    if problem := _problem(files):
        free = next((name for name in _other_names(output) if not _problem(_named(name, kinds))), None)
        raise ExportError(f"{problem}; choose another name with -o" + (f", such as {free}" if free else ""))
    for file in files.values():
        if file.is_dir():
            raise ExportError(f"{file}: is a directory")
    return files


def _named(output: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """The file of each kind, unchecked."""
    name = model_name(output)
    endings = {"python": "_model.py", "numpy": "_numpy.py", "torch": "_torch.py"}
    files = {kind: output.with_name(name + endings.get(kind, ENDINGS[kind][0])) for kind in kinds}
    if "shared" in kinds:
        # beside X.py Python would import X.so in its place; no import statement can name a file with a dot in its name
        dot = ".azdsl" if output.suffix == ".py" else ""
        files["shared"] = output.with_name(name + dot + SUFFIX)
    exact = [kind for kind in ("python", *KINDS) if kind in kinds and output.suffix in ENDINGS[kind]]
    return files | dict.fromkeys(exact[:1], output)


def _check_ending(output: Path, kinds: Sequence[str]) -> None:
    """``output`` has no ending, or that of one of the files."""
    endings = list(dict.fromkeys(ending for kind in kinds for ending in ENDINGS[kind]))
    if output.suffix and output.suffix not in endings:
        raise ExportError(
            f"{output}: --emit {','.join(kinds)} writes no file that ends in {output.suffix}; "
            f"valid endings of -o are {', '.join(endings)} and none"
        )


def _other_names(output: Path) -> Iterator[Path]:
    """Names like ``output``'s that Python may be able to import."""
    ending = output.suffix if output.suffix in {e for endings in ENDINGS.values() for e in endings} else ""
    stem = output.name.removesuffix(ending)
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", unicodedata.normalize("NFKD", stem)).strip("_")
    library = ending in ENDINGS["shared"]
    for name in (plain, f"lib{plain}" if library else plain, f"{plain}_model", f"model_{plain}".rstrip("_")):
        if name:
            yield output.with_name(name + ending)


def _problem(files: Mapping[str, Path]) -> str | None:
    """What is wrong with the names of Python modules and of the library, None for nothing."""
    for kind in ("python", "numpy", "torch"):
        if kind in files and (problem := _module_problem(files[kind])):
            return f"{files[kind]}: {problem}"
    library = files.get("shared")
    if library and (name := _extension_name(library)):
        hidden = _hidden(name, library.parent)
        module = library.with_name(f"{name}.py")
        if hidden or module.exists():
            return f"{library}: Python would import it in place of {hidden or f'{module.name} beside it'}"
    return None


def _extension_name(library: Path) -> str | None:
    """The name under which Python would import a library as an extension module; None if no name does."""
    names = [library.name.removesuffix(ending) for ending in _IMPORTED if library.name.endswith(ending)]
    return next((name for name in names if name.isidentifier()), None)


def _module_problem(module: Path) -> str | None:
    """Why ``import`` would not find the module, or would find it in place of another; None where neither is so."""
    name = module.stem
    if keyword.iskeyword(name):
        return f"{name!r} is a keyword of Python and cannot be imported"
    if not name.isidentifier() or unicodedata.normalize("NFKC", name) != name:
        return f"Python cannot import {name!r}: a module's name holds letters, digits and underscores and starts with no digit"
    if name in ("__init__", "__main__"):
        return f"Python reserves the name {name}"
    for other in (
        *(module.with_name(name + ending) for ending in sorted(_IMPORTED)),
        module.with_suffix("") / "__init__.py",
    ):
        if other.exists():
            return f"Python would import {other} instead"
    if hidden := _hidden(name, module.parent):
        return f"Python would import it in place of {hidden}"
    return None


def _hidden(name: str, directory: Path) -> str | None:
    """The module that a file of this name in ``directory`` would hide from programs that start there; None for none."""
    if (directory / "__init__.py").exists():
        return None  # a module of a package, which is imported as package.name
    if name in sys.stdlib_module_names:
        return f"the module {name} of the standard library"
    spec = find_spec(name)
    own = {directory.resolve(), Path.cwd()}
    if spec and any(place not in own for place in _places(spec)):
        return f"the installed package {name}"
    return None


def _places(spec: ModuleSpec) -> list[Path]:
    """The directories that a module was found in; none for a directory without ``__init__.py`` that no one installed."""
    found = spec.submodule_search_locations or [spec.origin or ""]
    places = [Path(place).resolve().parent for place in found]
    return [place for place in places if spec.origin or place.name in ("site-packages", "dist-packages")]
