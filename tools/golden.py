"""Results that every machine must give, bit for bit: fitness of programs of every op, task data, and what searches find.

    python tools/golden.py              # compute them here and compare with tests/golden/results.json
    python tools/golden.py --machines   # the same as other processors, and models for other machines under emulators
    python tools/golden.py --write      # replace the file, when the language has changed

Programs, settings and examples are in the file or made of integers, so that nothing but azdsl computes a result. Task data, tuned
constants and statistics are in ``tools/golden_data.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import golden_data
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("", "export"))]

PATH = ROOT / "tests" / "golden" / "results.json"

SHAPES: tuple[dict[str, Any], ...] = (
    {"features": 4, "tasks": 10, "metric": "rmse", "precision": 64},
    {"features": 16, "tasks": 3, "metric": "accuracy", "precision": 64},
    {"features": 5, "tasks": 2, "metric": "multiclass", "precision": 64},
    {"features": 1, "tasks": 1, "metric": "rmse", "precision": 32},
    {"features": 8, "tasks": 5, "metric": "accuracy", "precision": 32},
)
"""Sizes, metrics and number types; every op is in a program of two of them."""
EXAMPLES, VALIDATION, CLASSES = 24, 61, 3
RANDOM_PROGRAMS = 8
"""Programs of all ops for each shape, beside those made for one op."""
INTERPRETED = 5
"""One in so many programs is also run by the reference interpreter."""

HIDDEN = "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F,-AVX512VL,-AVX512DQ,-AVX512BW"
"""A setting of the GNU C library that hides processor features from it."""


def without_vectors() -> dict[str, str]:
    """Settings that hide from NumPy and from its BLAS all but the oldest vector instructions."""
    core = import_module(f"numpy.{'core' if np.__version__.startswith('1.') else '_core'}._multiarray_umath")
    found = [feature for feature in core.__cpu_dispatch__ if core.__cpu_features__[feature]]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(found), "OPENBLAS_CORETYPE": "Nehalem"}


PLAIN = without_vectors()
MACHINES = {
    "native": {},
    "C library without FMA and AVX": {"GLIBC_TUNABLES": HIDDEN},
    "NumPy and BLAS without FMA and AVX": PLAIN,
    "generic": {"AZDSL_CPU": "generic", "GLIBC_TUNABLES": HIDDEN, **PLAIN},
    "x86-64-v2": {"AZDSL_CPU": "x86-64-v2"},
    "x86-64-v3": {"AZDSL_CPU": "x86-64-v3"},
    "x86-64-v4": {"AZDSL_CPU": "x86-64-v4"},
}
"""Environment variables by the name of the machine that they stand for."""

SEARCHES = {
    "one metric, no tuning": """task linear(features=4, tasks=4, train=20, valid=10, select_tasks=2, test_tasks=2, select_train=20, select_valid=10)
registers(scalars=4, vectors=3, matrices=1)
search(population=50, tournament=5, init=random, setup=6, predict=4, learn=6, max_evals=4000, seed=5, islands=2, parsimony=0, tune=0)
def Setup():
def Predict():
def Learn():
""",
    "hurdles, proxy, tuning": """task two_layer(features=4, tasks=4, train=20, valid=10, select_tasks=2, test_tasks=2, select_train=20)
registers(scalars=4, vectors=3, matrices=1)
search(population=50, tournament=5, init=random, setup=6, predict=4, learn=6, max_evals=4000, seed=6, hurdles="5, 10", proxy=true, tune_finalists=100)
def Setup():
def Predict():
def Learn():
""",
}
"""Searches by name, as files."""


def programs() -> Iterator[dict[str, Any]]:
    """The cases: a program's text and what it is evaluated on."""
    from strategies import random_program

    from azdsl.ir import METRICS
    from azdsl.ops import OPS

    sources = [op for op in OPS if op.output and not op.inputs]
    for op in OPS:
        for shape in range(2 if op.output else 0):
            rng = np.random.default_rng((op.code, shape))
            at = (op.code + 2 * shape) % len(SHAPES)
            metric = METRICS[SHAPES[at]["metric"]]
            program = random_program(rng, ops=[op, *sources], max_length=5, metric=metric)
            yield {"op": op.name, "shape": at, "seed": op.code, "program": str(program)}
    for number in range(RANDOM_PROGRAMS * len(SHAPES)):
        at = number % len(SHAPES)
        metric = METRICS[SHAPES[at]["metric"]]
        program = random_program(np.random.default_rng(number), max_length=12, metric=metric)
        yield {"op": None, "shape": at, "seed": number, "program": str(program)}


def examples(shape: int) -> Any:
    """The task set of a shape: features and labels are multiples of 2**-16 made of random integers."""
    from azdsl import TaskSet

    about, rng = SHAPES[shape], np.random.default_rng(shape)
    T, F = about["tasks"], about["features"]

    def numbers(*size: int) -> Any:
        return rng.integers(-(1 << 17), 1 << 17, size) / 65536.0

    def labels(count: int) -> Any:
        most = {"rmse": 0, "accuracy": 2, "multiclass": CLASSES}[about["metric"]]
        return rng.integers(0, most, (T, count)).astype(float) if most else numbers(T, count)

    arrays = (numbers(T, EXAMPLES, F), labels(EXAMPLES), numbers(T, VALIDATION, F), labels(VALIDATION))
    return TaskSet.from_arrays(*arrays, metric=about["metric"], epoch_length=EXAMPLES // 2, epochs=2)


def fitness(cases: list[dict[str, Any]], backend: str) -> list[list[str]]:
    """The fitness of every case on every task, as hexadecimal text."""
    from azdsl import codegen, interp, parse

    tasks, found = [examples(at) for at in range(len(SHAPES))], []
    for case in cases:
        settings = {"seed": case["seed"], "precision": SHAPES[case["shape"]]["precision"]}
        program = parse(case["program"])
        if backend == "reference":
            values = interp.evaluate(program, tasks[case["shape"]], **settings)
        else:
            values = codegen.evaluate([program], tasks[case["shape"]], backend=backend, **settings)[0].tolist()  # type: ignore[arg-type]
        found.append([float(value).hex() for value in values])
    return found


def search(text: str) -> str:
    """A digest of the programs that a small search finds: its best one and its hall of fame."""
    import azdsl
    from azdsl.syntax import parse_experiment

    result = azdsl.evolve(parse_experiment(text), quiet=True)
    text = "\n".join(str(program) for program in (result.best, *(entry.program for entry in result.hall_of_fame)))
    return hashlib.sha256(text.encode()).hexdigest()


def searches() -> dict[str, str]:
    """The digest of what each search finds."""
    return {f"search: {name}": search(text) for name, text in SEARCHES.items()}


def differences(stored: dict[str, Any]) -> tuple[int, int, list[str]]:
    """How many results were compared here, how many were different, and which digests."""
    cases, compared, different = stored["cases"], 0, 0
    for backend in ("vm", "jit", "reference"):
        chosen = cases[::INTERPRETED] if backend == "reference" else cases
        for case, found in zip(chosen, fitness(chosen, backend), strict=True):
            compared += len(found)
            different += sum(a != b for a, b in zip(found, case["fitness"], strict=True))
    digests = {**golden_data.digests(), **searches()}
    names = stored["digests"].keys() | digests.keys()
    changed = [name for name in sorted(names) if digests.get(name) != stored["digests"].get(name)]
    return compared + len(names), different + len(changed), changed


def write() -> None:
    """Replace the file by what the reference interpreter, and this machine, give."""
    cases = list(programs())
    for case, found in zip(cases, fitness(cases, "reference"), strict=True):
        case["fitness"] = found
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(
        json.dumps({"cases": cases, "digests": {**golden_data.digests(), **searches()}}, indent=1) + "\n",
        encoding="utf-8",
    )


def machines() -> bool:
    """Print a line for every machine that this one can stand for; whether nothing differed."""
    good = True
    print(f"{'machine':32} {'results compared':>16} {'different':>9}")
    for name, variables in MACHINES.items():
        command = [sys.executable, __file__, "--json"]
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
        if not done.stdout:
            print(f"{name:32} {'-':>16} {'-':>9}  {(done.stderr.strip().splitlines() or [''])[-1]}", flush=True)
            good &= "lacks" in done.stderr  # this processor cannot stand for that one
            continue
        found = json.loads(done.stdout)
        good &= found["different"] == 0
        print(f"{name:32} {found['compared']:16,} {found['different']:9,}", flush=True)
    return emulated() and good


def emulated() -> bool:
    """Print a line for every machine that an emulator stands for: models against the interpreter here."""
    import emulators
    import node_models
    from model_cases import cases, compare

    made, good = cases(), True
    runs: dict[str, tuple[str | None, Callable[[Path], Any]]] = {
        f"{target}, qemu": (
            emulators.missing(target),
            partial(emulators.run, target=target, made=made),
        )
        for target in sorted(emulators.EMULATORS)
    }
    runs["WebAssembly, Node"] = (node_models.missing(), partial(node_models.run, made=made))
    for name, (missing, run) in runs.items():
        if missing:
            print(f"{name:32} {'-':>16} {'-':>9}  {missing}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = compare(made, *run(Path(folder)))
        good &= not found.different
        print(f"{name:32} {found.numbers:16,} {len(found.different):9,}", flush=True)
    return good


def main() -> int:
    """Run what is asked for; returns 1 when a result is different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="replace the stored results")
    parser.add_argument("--machines", action="store_true", help="compare as other processors too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if arguments.write:
        write()
        return 0
    if arguments.machines:
        return 0 if machines() else 1
    compared, different, changed = differences(json.loads(PATH.read_text(encoding="utf-8")))
    if arguments.json:
        print(
            json.dumps(
                {"machine": platform.machine(), "compared": compared, "different": different, "changed": changed}
            )
        )
    else:
        print(f"{compared:,} results compared, {different:,} different")
        print("".join(f"different: {name}\n" for name in changed), end="")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
