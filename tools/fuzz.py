"""Fuzz the readers of input with atheris: ``python tools/fuzz.py parser --seconds 3600``.

A finding is an input for which a reader crashes, hangs, exhausts memory, or raises anything but its documented error.
The fuzzer starts from the reader's kept corpus (``tests/fuzz/corpus``) and its seed inputs. It is guided by coverage:
inputs that reach new code are stored in ``runs/fuzz/READER``, from which the next run continues. ``--keep`` copies a
minimal set of them with the same coverage to the kept corpus, which ``tests/fuzz/test_corpus.py`` reads.

Needs the package atheris. Exit status: 0 no findings, 1 findings (their files are printed), 2 bad usage.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

INSIDE = "--inside"
"""First argument of the fuzzing process, which is this script too."""

INSTRUMENTED = ("azdsl", "tomllib", "zipfile")
"""Packages whose coverage guides the fuzzer, without those in ``COMPILED``."""

COMPILED = ("azdsl/codegen", "azdsl/search/kernel", "azdsl/ir/packing.py")
"""Packages and modules that are not instrumented: they define functions for numba, which cannot compile instrumented bytecode."""

LONGEST = 20_000
"""Maximum size of an input, in bytes."""

MEMORY_MB = 2500
"""Maximum memory of the fuzzing process, in megabytes. An input that needs more is a finding."""

HANGING_SECONDS = 25
"""Maximum time for one input, in seconds. An input that takes longer is a finding."""

LARGEST_KEPT = 4000
"""Maximum size of an input in the kept corpus, in bytes. Findings may be larger."""

DICTIONARY = tuple(
    word.encode()
    for word in (
        *("def ", "Setup", "Predict", "Learn", "():", "task ", "registers(", "search(", "ops(", "@frozen", "NoOp()"),
        *("dot(", "bcast(", "gaussian(", "uniform(", "heaviside(", "maximum(", "norm(", "axis=", "n_features", "relu("),
        *("s0", "s1", "v0", "v1", "m1", ": vector", "1..3", "1e999", "nan", "inf", " @ ", "\n  ", "\0", "é"),
        *(
            "'descr': ",
            "'shape': (",
            "'fortran_order': ",
            "<f8",
            ">i4",
            "|O",
            "<U4",
            "PAR1",
            "null",
            "true",
            "[run]",
            "schema = ",
        ),
    )
)


def main(arguments: list[str]) -> int:
    if arguments[:1] == [INSIDE]:
        return _inside(arguments[1], arguments[2:])
    options = _options(arguments)
    corpus = options.corpus or ROOT / "runs" / "fuzz" / options.reader
    corpus.mkdir(parents=True, exist_ok=True)
    from fuzz_readers import READERS, kept

    for content in [*kept(options.reader).values(), *READERS[options.reader].seeds()]:
        (corpus / _name(content)).write_bytes(content)
    facts = _fuzz(options.reader, corpus, options.seconds, options.seed)
    if options.keep and not facts["found"]:
        facts["kept"] = _keep(options.reader, corpus)
    if options.json:
        print(json.dumps(facts))
    else:
        shown = f"{facts['executions']:,} inputs in {facts['seconds']:,} s, coverage {facts['coverage']:,} edges"
        print(f"{options.reader:<12}{shown}, {len(facts['found'])} findings")
        for name in facts["found"]:
            print(f"  {name}; to see the error: python tools/fuzz.py {options.reader} --repeat {name}")
    return 1 if facts["found"] else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    from fuzz_readers import READERS

    listed = "\n".join(f"  {name:<12}{reader.summary}" for name, reader in READERS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"readers:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reader", choices=list(READERS), metavar="READER")
    parser.add_argument("--seconds", type=int, default=60, help="duration in seconds (default: 60)")
    parser.add_argument(
        "--seed", type=int, default=0, help="random seed of the fuzzer (default: 0, a different one in each run)"
    )
    parser.add_argument("--corpus", type=Path, help="directory of the inputs found (default: runs/fuzz/READER)")
    parser.add_argument("--keep", action="store_true", help="copy a minimal set of inputs to tests/fuzz/corpus")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="only run the reader on the input in FILE")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    options = parser.parse_args(arguments)
    if options.repeat:
        with tempfile.TemporaryDirectory() as folder:
            READERS[options.reader].make(Path(folder))(options.repeat.read_bytes())
        print(f"{options.repeat}: the reader accepts it or raises its documented error")
        raise SystemExit(0)
    return options


def _inside(reader: str, arguments: list[str]) -> int:
    """Run the fuzzing process. ``atheris.Fuzz`` does not return."""
    import atheris

    with tempfile.TemporaryDirectory() as folder:
        with atheris.instrument_imports(include=INSTRUMENTED, exclude=compiled_modules()):
            import fuzz_readers

            target = fuzz_readers.READERS[reader].make(Path(folder))
        atheris.Setup(arguments, target)
        atheris.Fuzz()
    return 0


def compiled_modules() -> list[str]:
    """List the modules that are not instrumented: those of ``COMPILED``, by their full names."""
    places = [ROOT / place for place in COMPILED]
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    paths = [file.relative_to(ROOT) for file in files]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]


def _fuzz(reader: str, corpus: Path, seconds: int, seed: int) -> dict[str, Any]:
    """Run the fuzzer and return its figures."""
    findings = corpus.parent / f"{reader}.found"
    findings.mkdir(exist_ok=True)
    before = set(findings.iterdir())
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as words:
        words.writelines('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in DICTIONARY)
        words.flush()
        limits = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-timeout={HANGING_SECONDS}",
        ]
        more = [
            "-print_final_stats=1",
            f"-artifact_prefix={findings}/",
            f"-dict={words.name}",
            f"-seed={seed}",
            "-verbosity=1",
        ]
        done = _libfuzzer(reader, [*limits, *more, str(corpus)])
    coverage = [int(number) for number in re.findall(r"cov: (\d+)", done)]
    counted = re.search(r"stat::number_of_executed_units:\s*(\d+)", done)
    lasted = re.search(r"Done \d+ runs in (\d+) second", done)
    found = sorted(str(path) for path in set(findings.iterdir()) - before)
    if counted is None and not found:
        raise SystemExit(f"the fuzzer printed no result; its last output:\n{done[-3000:]}")
    if found:
        print(done[-3000:], file=sys.stderr)
    return {
        "reader": reader,
        "executions": int(counted.group(1)) if counted else 0,
        "seconds": int(lasted.group(1)) if lasted else seconds,
        "coverage": max(coverage, default=0),
        "corpus": len(list(corpus.iterdir())),
        "found": found,
    }


def _libfuzzer(reader: str, arguments: list[str]) -> str:
    """Run a fuzzing process and return its output.

    It is started by a shell script, because libFuzzer runs its own command again to merge corpora.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = Path(folder) / "fuzzer"
        command.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} {INSIDE} {reader} "$0" "$@"\n'
        )
        command.chmod(0o700)
        done = subprocess.run([command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode("utf-8", "replace")


def _keep(reader: str, corpus: Path) -> int:
    """Replace the kept corpus by a minimal set of short inputs with the same coverage, and former findings.

    Returns the number of inputs.
    """
    from fuzz_readers import keep, kept

    with tempfile.TemporaryDirectory() as folder:
        _libfuzzer(reader, ["-merge=1", "-set_cover_merge=1", f"-max_len={LARGEST_KEPT}", folder, str(corpus)])
        inputs = {_name(content): content for content in (path.read_bytes() for path in Path(folder).iterdir())}
    inputs |= {name: content for name, content in kept(reader).items() if name.startswith("found")}
    keep(reader, inputs)
    return len(inputs)


def _name(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
