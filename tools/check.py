"""Run the checks of the project: ``python tools/check.py [--step STEP]... [arguments of pytest]``.

Without ``--step`` all steps run but ``minimum`` and ``package``, and pytest's summary is the last line. The first
step that fails ends the run. The GitHub workflow runs the same steps.

During the steps before the tests, the engine of the search is compiled: once, and not in every process of pytest.

  lint, format   ruff
  types          mypy
  imports        import contracts of pyproject.toml
  documents      documents and editor grammars that are generated are up to date
  site           the documentation site is built without a warning; skipped without the extra docs
  minimum        tests with the lowest versions of all dependencies, in a new virtual environment
  package        wheel and source distribution: built, each installed in a new virtual environment, used
  tests          pytest
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
DEMO = ROOT / "examples" / "linear.az"

GENERATED = ("ops_doc", "language_doc", "layers_doc", "textmate", "settings_types")
"""Tools that write files of the repository; with ``--check`` they compare."""


class Failed(Exception):
    """A command that failed. The argument is its exit status."""


def command(*words: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Print a command and run it, with these environment variables. Raises ``Failed``."""
    first, *others = map(str, words)
    print(f"== {' '.join([Path(first).name, *others])}", flush=True)
    status = subprocess.run([first, *others], cwd=cwd, env=os.environ | environment, check=False).returncode
    if status:
        raise Failed(status)


def python(*words: str) -> Callable[[], None]:
    """A step that runs this Python."""
    return lambda: command(sys.executable, *words)


def documents() -> None:
    """Compare every generated file with what its tool writes."""
    for name in GENERATED:
        command(sys.executable, f"tools/{name}.py", "--check")


def site() -> None:
    """Build the documentation site, where mkdocs is installed."""
    if find_spec("mkdocs") is None:
        print("== site: skipped, because mkdocs is missing: pip install -e '.[docs]'", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="azdsl-site-") as place:
        command(sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", place, NO_MKDOCS_2_WARNING="1")


def new_environment(folder: Path) -> Path:
    """A new virtual environment with this Python; its ``bin`` directory."""
    command(sys.executable, "-m", "venv", folder)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def minimum(arguments: Sequence[str] = ()) -> None:
    """Test the lowest versions that pyproject.toml allows."""
    with tempfile.TemporaryDirectory(prefix="azdsl-minimum-") as place:
        binaries = new_environment(Path(place) / "venv")
        here = binaries / "python"
        install = ("-m", "uv", "pip", "install", "--quiet", "--python", str(here), "--resolution", "lowest-direct")
        command(sys.executable, *install, "-e", f"{ROOT}[test]")
        command(sys.executable, "-m", "uv", "pip", "list", "--python", str(here))
        cache = str(Path(place) / "cache")
        command(here, "-m", "pytest", "-q", "-n", "2", *arguments, PYTHONPATH="", AZDSL_CACHE=cache)


def package() -> None:
    """Build wheel and source distribution; install and use each outside the repository."""
    with tempfile.TemporaryDirectory(prefix="azdsl-package-") as place:
        folder = Path(place)
        command(sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", folder / "dist", ROOT)
        shutil.copy(DEMO, folder)
        for built in sorted((folder / "dist").glob("azdsl-*")):
            kind = "wheel" if built.suffix == ".whl" else "sdist"
            binaries = new_environment(folder / kind)
            command(binaries / "python", "-m", "pip", "install", "--quiet", built, cwd=folder)
            evolve = ("evolve", DEMO.name, "--max-evals", "20000", "--target", "2", "--out", f"run-{kind}")
            for use in (("--help",), evolve, ("show", f"run-{kind}/best.az"), ("ops",)):
                command(binaries / "azdsl", *use, cwd=folder, PYTHONPATH="", AZDSL_CACHE=str(folder / "cache"))


SEARCH = ("--max-evals", "1", "--mutations", "alter,graft", "--tune", "0.1", "--hurdles", "10,50", "--target", "2")
"""Options of a search that compiles most of what the tests of searches run."""


@contextmanager
def compiling() -> Iterator[subprocess.Popen[bytes]]:
    """A process that compiles the engine of the search. Tests compile what is missing, so it does not matter if it fails."""
    with tempfile.TemporaryDirectory(prefix="azdsl-compiling-") as place:
        words = (sys.executable, "-m", "azdsl", "evolve", str(DEMO), *SEARCH, "--out", f"{place}/run")
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


STEPS: dict[str, Callable[[], None]] = {
    "lint": python("-m", "ruff", "check", "--quiet", "."),
    "format": python("-m", "ruff", "format", "--check", "--quiet", "."),
    "types": python("-m", "mypy"),
    "imports": lambda: command(BIN / "lint-imports", "--no-cache"),
    "documents": documents,
    "site": site,
}
"""The quick steps; ``minimum``, ``package`` and ``tests`` come after them."""

ALL = (*STEPS, "minimum", "package", "tests")


def main(arguments: list[str]) -> int:
    """Run the chosen steps; returns the exit status of the first command that fails, else 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--step", action="append", choices=ALL, help="run only this step; may be repeated")
    options, others = parser.parse_known_args(arguments)
    chosen = options.step or [*STEPS, "tests"]
    steps = STEPS | {
        "minimum": lambda: minimum(others),
        "package": package,
        "tests": python("-m", "pytest", "-q", "-n", "auto", *others),
    }
    with compiling() if "tests" in chosen else nullcontext() as compiler:
        for name in (name for name in ALL if name in chosen):
            started = time.perf_counter()
            if name == "tests" and compiler:
                compiler.wait()
            try:
                steps[name]()
            except Failed as error:
                print(f"== {name} failed (exit status {error.args[0]})", flush=True)
                return int(error.args[0])
            if name != "tests":
                print(f"== {name}: passed in {time.perf_counter() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
