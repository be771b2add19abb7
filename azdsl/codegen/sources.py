"""Digests of source code, which key what was compiled from it.

A digest covers the modules that it is asked for and every module of this package that they import: at any depth, and
inside functions too. Imports are found in the text, not by importing, so that a digest costs a few milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TYPES_ONLY = re.compile(r"^([ \t]*)if TYPE_CHECKING:\n(?:\1[ \t]+[^\n]*\n|\n)+", re.MULTILINE)
_IMPORT = r"^[ \t]*(?:from[ \t]+({0}[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+({0}[\w.]*))"


class Sources:
    """The source files of the package in a directory. Each is read at most once."""

    def __init__(self, package: Path) -> None:
        self._files = dict(_modules(str(package), package.name))
        self._import = re.compile(_IMPORT.format(package.name), re.MULTILINE)
        self._read: dict[str, tuple[bytes, tuple[str, ...]]] = {}

    def imports(self, text: str) -> Iterator[str]:
        """What source text imports from the package: modules, and names that may be modules. Not what only types need."""
        for source, names, module in self._import.findall(_TYPES_ONLY.sub("", text)):
            yield module or source
            lines = (line.partition("#")[0] for line in names.strip("()").splitlines())
            for name in "".join(lines).split(","):
                if name.strip():
                    yield f"{source}.{name.split()[0]}"

    def modules(self, *roots: str) -> list[str]:
        """The modules that ``roots`` import, themselves included, sorted. A package among ``roots`` stands for all its modules.

        Raises ``ValueError`` for a root that does not exist.
        """
        for root in roots:
            if root not in self._files:
                raise ValueError(f"there is no module {root}")
        waiting = [name for name in self._files if any(f"{name}.".startswith(f"{root}.") for root in roots)]
        found = set[str]()
        while waiting:
            name = waiting.pop()
            if name not in found and name in self._files:
                found.add(name)
                waiting += self._content(name)[1]
                if "." in name:
                    waiting.append(name.rpartition(".")[0])
        return sorted(found)

    def digest(self, *roots: str) -> str:
        """A digest of the names and sources of ``modules(*roots)``."""
        result = hashlib.blake2b(digest_size=8)
        for name in self.modules(*roots):
            result.update(name.encode() + b"\0" + self._content(name)[0] + b"\0")
        return result.hexdigest()

    def _content(self, module: str) -> tuple[bytes, tuple[str, ...]]:
        """The source of a module, and what it imports from the package."""
        if module not in self._read:
            data = Path(self._files[module]).read_bytes()
            self._read[module] = data, tuple(self.imports(data.decode()))
        return self._read[module]


def _modules(folder: str, name: str) -> Iterator[tuple[str, str]]:
    """Name and file of each module of the package ``name``; its subpackages' included."""
    for entry in os.scandir(folder):
        if entry.name == "__init__.py":
            yield name, entry.path
        elif entry.name.endswith(".py"):
            yield f"{name}.{entry.name.removesuffix('.py')}", entry.path
        elif entry.is_dir() and entry.name.isidentifier() and entry.name != "__pycache__":
            yield from _modules(entry.path, f"{name}.{entry.name}")


@cache
def _installed() -> Sources:
    return Sources(Path(__file__).parents[1])


@cache
def sources_digest(*roots: str) -> str:
    """``Sources.digest`` for the package that is running."""
    return _installed().digest(*roots)
