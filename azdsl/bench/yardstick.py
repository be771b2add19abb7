"""Yardsticks: C programs that do the engine's work. They are compiled and run beside the engine.

A yardstick measures itself in processor time of its thread, as the figures of azdsl are measured, so that other load
on the machine has less influence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azdsl.bench import children
from azdsl.errors import AzdslError
from azdsl.export.library.errors import ExportError
from azdsl.export.library.linker import linker

FLAGS = ("-O3", "-march=native", "-ffp-contract=off")

SIZES = (4, 8, 16, 32)
"""Values of F that the network is measured at."""


@dataclass(frozen=True)
class Source:
    """The C file of a yardstick, its compiler flags, and the unit of the number that it prints."""

    file: str
    flags: tuple[str, ...]
    unit: str


SOURCES = {"programs": Source("programs.c", (), "programs/s")} | {
    f"{name}-{size}": Source(f"{name}.c", (f"-DF={size}",), "ns")
    for name, sizes in (("network", SIZES), ("bilinear", (16,)))
    for size in sizes
}
"""All yardsticks by name: complete evaluations per second, and nanoseconds per task and training step."""


class Unavailable(AzdslError):
    """A figure cannot be measured on this machine; the message says why."""


@dataclass(frozen=True)
class Reading:
    """The number that a yardstick printed, its checksum, and the processor time of its process [s]."""

    value: float
    checksum: float
    cpu: float


@dataclass(frozen=True)
class Yardsticks:
    """Compiled yardsticks in a directory."""

    folder: Path

    def read(self, name: str, *arguments: str) -> Reading:
        """Run a yardstick once. Raises ``Unavailable`` if it fails."""
        child = children.run([str(self.folder / name), *arguments])
        if child.status:
            raise Unavailable(f"the yardstick {name} ended with exit status {child.status}")
        value, checksum = map(float, child.output.split())
        return Reading(value, checksum, child.cpu)


@contextmanager
def compiled(names: tuple[str, ...] = tuple(SOURCES)) -> Iterator[Yardsticks]:
    """Compile the yardsticks ``names`` in a temporary directory. Raises ``Unavailable`` without a C compiler."""
    with tempfile.TemporaryDirectory(prefix="azdsl-yardstick-") as name:
        folder = Path(name)
        for yardstick in names:
            source = SOURCES[yardstick]
            compile_c(source.file, source.flags, folder / yardstick)
        yield Yardsticks(folder)


def compile_c(file: str, flags: tuple[str, ...], target: Path) -> None:
    """Compile a C file of this directory with ``FLAGS`` and ``flags``. Raises ``Unavailable``."""
    try:
        compiler = linker()
    except ExportError:
        raise Unavailable(
            "the hand-written C needs a C compiler: install cc, or pip install 'azdsl[zig]'; if CC is set it must name one"
        ) from None
    source = Path(__file__).parent / file
    child = children.run([*compiler, *FLAGS, *flags, str(source), "-o", str(target), "-lm"], mute=True)
    if child.status:
        raise Unavailable(f"{' '.join(compiler)} could not compile {file} (exit status {child.status})")
