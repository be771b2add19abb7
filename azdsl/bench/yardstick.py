"""The hand-written C beside the engine: found, compiled, run. Standard library only.

The yardsticks time themselves. They are compiled with their clock replaced by the thread's processor time, as
our own figures are taken, so that what else runs on the machine weighs less.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azdsl.bench import children
from azdsl.errors import AzdslError

FLAGS = ("-O3", "-march=native", "-ffp-contract=off")

SIZES = (4, 8, 16, 32)
"""Values of F that the network is measured at."""

_CPU_CLOCK = """\
#include <time.h>
#undef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC CLOCK_THREAD_CPUTIME_ID
#include "{}"
"""


@dataclass(frozen=True)
class Source:
    """A yardstick's file, the compilers that take it (the first one there is used) and its own flags."""

    file: str
    compilers: tuple[str, ...]
    flags: tuple[str, ...]
    unit: str


SOURCES = {"programs": Source("programs.c", ("cc", "gcc", "clang"), (), "programs/s")} | {
    f"network-{size}": Source("network.cc", ("g++", "c++", "clang++"), (f"-DF={size}",), "ns") for size in SIZES
}
"""All yardsticks: full evaluations a second, and nanoseconds per task and training step."""


class Unavailable(AzdslError):
    """A figure cannot be measured on this machine; the message says why."""


@dataclass(frozen=True)
class Reading:
    """What a yardstick printed, and the user's processor time that the whole process took."""

    value: float
    cpu: float


@dataclass(frozen=True)
class Yardsticks:
    """Compiled yardsticks in a directory."""

    folder: Path

    def read(self, name: str, *arguments: str) -> Reading:
        """Run one once."""
        child = children.run([str(self.folder / name), *arguments], mute=True)
        if child.status:
            raise Unavailable(f"{name} ended with status {child.status}")
        return Reading(float(child.output), child.cpu)


def find_sources(given: Path | None = None) -> Path:
    """The directory of the sources: ``given``, else ``yardstick`` in $AZDSL_SHARED or in ``shared`` beside the repository."""
    shared = os.environ.get("AZDSL_SHARED") or Path(__file__).parents[2].parent / "shared"
    folder = given or Path(shared) / "yardstick"
    missing = sorted({source.file for source in SOURCES.values() if not (folder / source.file).is_file()})
    if missing:
        raise Unavailable(f"no {', '.join(missing)} in {folder}")
    return folder.resolve()


@contextmanager
def compiled(given: Path | None = None, names: tuple[str, ...] = tuple(SOURCES)) -> Iterator[Yardsticks]:
    """The yardsticks ``names``, compiled into a temporary directory. Raises ``Unavailable``."""
    sources = find_sources(given)
    with tempfile.TemporaryDirectory(prefix="azdsl-yardstick-") as name:
        folder = Path(name)
        for yardstick in names:
            _compile(sources, SOURCES[yardstick], folder / yardstick)
        yield Yardsticks(folder)


def _compile(sources: Path, source: Source, target: Path) -> None:
    compiler = next(filter(None, map(shutil.which, source.compilers)), None)
    if compiler is None:
        raise Unavailable(f"no compiler for {source.file}: none of {', '.join(source.compilers)} was found")
    wrapped = target.with_suffix(Path(source.file).suffix)
    wrapped.write_text(_CPU_CLOCK.format(sources / source.file), encoding="utf-8")
    child = children.run([compiler, *FLAGS, *source.flags, str(wrapped), "-o", str(target), "-lm"])
    if child.status:
        raise Unavailable(f"{Path(compiler).name} could not compile {source.file}")
