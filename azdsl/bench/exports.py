"""Figures of exported models beside hand-written C of the same arithmetic (``exports.c``) and the NumPy export."""

from __future__ import annotations

import ctypes
import importlib.util
import math
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.bench.engine import Runner
from azdsl.bench.figures import Figure, Sample, Scale
from azdsl.bench.workloads import long_programs
from azdsl.bench.yardstick import Unavailable, compile_c
from azdsl.codegen.aot.models import Spec
from azdsl.export.library import bundle
from azdsl.export.library.compiled_model import make_spec
from azdsl.export.library.errors import ExportError
from azdsl.export.library.linker import SUFFIX
from azdsl.export.readable.numpy_source import numpy_source
from azdsl.syntax import parse

FEATURES, ROWS, LEARNED = 16, 20_000, 500
"""F, the rows of one measurement, and the rows that a model is trained on before it predicts."""

REPEATS, CALLS = 15, 20_000
"""Number of runs, of which the shortest counts, and number of calls in one run on single rows."""

NUMPY_ROWS, NUMPY_REPEATS = 2000, 3

LINEAR = """\
def Setup():
  s2 = 0.01
def Predict():
  s1 = dot(v0, v1)
def Learn():
  s3 = s0 - s1
  s4 = s3 * s2
  v2 = s4 * v0
  v1 = v1 + v2
"""

NETWORK = """\
def Setup():
  s3 = 0.01
  m1 = gaussian(0, 0.1)
  v4 = gaussian(0, 0.1)
  v5 = bcast(s9)
def Predict():
  v6 = dot(m1, v0)
  v7 = maximum(v5, v6)
  s1 = dot(v7, v4)
def Learn():
  v3 = heaviside(v6, 1.0)
  s1 = s0 - s1
  s2 = s1 * s3
  v2 = s2 * v7
  v8 = v3 * v4
  v8 = s2 * v8
  m0 = outer(v8, v0)
  m1 = m1 + m0
  v4 = v4 + v2
"""

PROGRAMS = {"linear": (LINEAR, ("s2", "v1")), "network": (NETWORK, ("s3", "v4", "m1"))}
"""Programs, and the registers that they learn in the order of the struct in ``exports.c``."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An exported program beside its hand-written C: a trained model, and functions that make one call each on the same rows.

    ``ours``, ``theirs`` and ``numpy`` hold ``predict`` and ``train``; ``numpy`` does ``NUMPY_ROWS`` rows. ``kept`` is
    what addresses in the calls point to, which must live as long.
    """

    model: Any
    row: list[float]
    ours: Mapping[str, Runner]
    theirs: Mapping[str, Runner]
    numpy: Mapping[str, Runner]
    empty: Runner
    kept: tuple[object, ...]


def _rows(rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X [rows, F] and y [rows] of a linear function."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES))
    return X, X @ rng.normal(size=FEATURES) * 0.3


def _module(path: Path) -> ModuleType:
    """The module of a Python file."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _write(spec: Spec, folder: Path) -> dict[str, Path]:
    """Write the files that ``azdsl compile`` writes without options. Raises ``Unavailable``."""
    try:
        return bundle.write([spec], folder / f"model{SUFFIX}", ("shared", "header", "python"))
    except ExportError as error:
        raise Unavailable(str(error)) from None


def _by_hand(folder: Path) -> ctypes.CDLL:
    """The hand-written C, compiled to a shared library. Raises ``Unavailable``."""
    library = folder / f"hand{SUFFIX}"
    compile_c("exports.c", (f"-DF={FEATURES}", "-shared", "-fPIC"), library)
    return ctypes.CDLL(str(library))


@cache
def subject(name: str) -> Subject:
    """The subject of a program, made once per process. Raises ``Unavailable`` without a C compiler."""
    text, learned = PROGRAMS[name]
    program = parse(text)
    X, y = _rows(ROWS)
    with tempfile.TemporaryDirectory(prefix="azdsl-export-") as place:
        files = _write(make_spec(program, FEATURES, prefix="az_"), Path(place))
        model = _module(files["python"]).Model().fit(X[:LEARNED], y[:LEARNED])
        library, hand = ctypes.CDLL(str(files["shared"])), _by_hand(Path(place))
    p, n = ctypes.c_void_p, ctypes.c_size_t
    state = np.concatenate([np.ravel(model.memory[register]) for register in learned])
    out = np.empty((2, ROWS))

    def call(function: Any, kinds: tuple[Any, ...], *arguments: Any) -> Runner:
        function.argtypes = kinds
        return lambda: function(*arguments)

    def both(of: ctypes.CDLL, names: tuple[str, str], memory: int, target: int) -> dict[str, Runner]:
        predict, train = names
        return {
            "predict": call(of[predict], (p, p, n, p), memory, X.ctypes.data, ROWS, target),
            "train": call(of[train], (p, p, p, n), memory, X.ctypes.data, y.ctypes.data, ROWS),
        }

    ours = both(library, ("az_predict", "az_partial_fit"), model._model, out[0].ctypes.data)
    theirs = both(hand, (f"{name}_predict", f"{name}_train"), state.ctypes.data, out[1].ctypes.data)
    for kind in ("train", "predict"):
        ours[kind]()
        theirs[kind]()
    if not np.array_equal(*out):
        raise AssertionError(f"{name}: the hand-written C gives other bits")
    exported: dict[str, Any] = {}
    exec(numpy_source(program), exported)  # what a user would import
    pure = exported["Model"]().fit(X[:LEARNED], y[:LEARNED])
    numpy = {
        "predict": lambda: pure.predict(X[:NUMPY_ROWS]),
        "train": lambda: pure.fit(X[:NUMPY_ROWS], y[:NUMPY_ROWS]),
    }
    row = (ctypes.c_double * FEATURES)(*X[0])
    address = ctypes.addressof(row)
    hand.empty.argtypes = (p, p, p)
    nothing, memory = hand.empty, model._model
    kept = (library, hand, X, y, out, state, row)
    return Subject(model, X[0].tolist(), ours, theirs, numpy, lambda: nothing(memory, address, address), kept)


def shortest_each(runs: tuple[Runner, ...], times: int) -> list[float]:
    """The least processor time [s] of each function. They run in turn, so that other load affects all of them."""
    least = [math.inf] * len(runs)
    for _ in range(times):
        for at, run in enumerate(runs):
            started = time.thread_time()
            run()
            least[at] = min(least[at], time.thread_time() - started)
    return least


def _beside_c(name: str, kind: str, scale: Scale) -> Callable[[], Sample]:
    of, times = subject(name), scale.of(REPEATS, 2)

    def sample() -> Sample:
        ours, theirs = (1e9 * seconds / ROWS for seconds in shortest_each((of.ours[kind], of.theirs[kind]), times))
        return Sample(ours, yardstick=theirs)

    return sample


def _beside_numpy(name: str, kind: str, scale: Scale) -> Callable[[], Sample]:
    of, times = subject(name), scale.of(NUMPY_REPEATS)

    def sample() -> Sample:
        ours, theirs = shortest_each((of.ours[kind], of.numpy[kind]), times)
        per_row = {"ns": 1e9 * ours / ROWS, "NumPy ns": 1e9 * theirs / NUMPY_ROWS}
        return Sample(per_row["NumPy ns"] / per_row["ns"], per_row)

    return sample


def _one_row(scale: Scale) -> Callable[[], Sample]:
    of, calls = subject("linear"), scale.of(CALLS)

    def repeated(call: Callable[[], Any]) -> Runner:
        def run() -> None:
            for _ in range(calls):
                call()

        return run

    predict, row = of.model.predict_one, of.row
    runs = repeated(lambda: predict(row)), repeated(of.empty)

    def sample() -> Sample:
        ours, empty = (1e6 * seconds / calls for seconds in shortest_each(runs, REPEATS))
        return Sample(ours - empty, {"µs": ours, "empty call µs": empty})

    return sample


def _used() -> float:
    """Processor time [s] of this process and of its finished children."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _export_long() -> tuple[list[float], list[int]]:
    """Time to compile [s] and library size [bytes] of each long program."""
    seconds, sizes = [], []
    for program in long_programs():
        with tempfile.TemporaryDirectory(prefix="azdsl-export-") as place:
            started = _used()
            files = _write(make_spec(program, FEATURES), Path(place))
            seconds.append(_used() - started)
            sizes.append(files["shared"].stat().st_size)
    return seconds, sizes


def _compile_time(scale: Scale) -> Callable[[], Sample]:
    _export_long()

    def sample() -> Sample:
        seconds, _ = _export_long()
        return Sample(max(seconds), {"programs": len(seconds), "quickest": min(seconds)})

    return sample


def _library_size(scale: Scale) -> Callable[[], Sample]:
    return lambda: Sample(max(_export_long()[1]) / 1024)


_BATCH = {"predict": "prediction", "train": "training"}


def _figures(name: str, kind: str) -> tuple[Figure, Figure]:
    """The figures of a program compared with C and with NumPy."""
    words = f"exported {name}, F = {FEATURES}, {_BATCH[kind]}"
    beside_c, beside_numpy = (partial(of, name, kind) for of in (_beside_c, _beside_numpy))
    return (
        Figure(f"export-{kind}-{name}", f"{words} per row", "ns", 1.3, False, beside_c, paired=True),
        Figure(
            f"export-numpy-{kind}-{name}", f"{words}: over the NumPy file", "×", 20.0, True, beside_numpy, median=True
        ),
    )


FIGURES = (
    *(figure for name in PROGRAMS for kind in _BATCH for figure in _figures(name, kind)),
    Figure("export-one-row", "one row by the Python module, beyond an empty ctypes call", "µs", 2.0, False, _one_row),
    Figure("compile-time", "azdsl compile, 60 instructions, F = 16, slowest program", "s", 0.5, False, _compile_time),
    Figure("library-size", "the largest library of those", "KB", 64.0, False, _library_size, once=True),
)
