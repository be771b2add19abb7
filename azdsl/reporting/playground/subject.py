"""What a playground shows: a program for one number of features, compiled to WebAssembly, and examples to train it on."""

from __future__ import annotations

import base64
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl import __version__
from azdsl.codegen.aot.cross_targets import CROSS_TARGETS, WASM
from azdsl.codegen.aot.frames import VISITS
from azdsl.codegen.aot.models import TRACE_FUNCTIONS, Spec, compile_models, trace_layout
from azdsl.config.search import Search
from azdsl.errors import AzdslError
from azdsl.export.library.linker import link_wasm
from azdsl.export.library.model_metadata import model_metadata
from azdsl.export.library.wasm_module import FUNCTIONS
from azdsl.ir import FEATURES, Address, Program
from azdsl.ir import FUNCTIONS as COMPONENTS
from azdsl.reporting.code import highlighted_lines, shortened
from azdsl.taskset import TaskSet

MOST_FEATURES = 64
"""The largest F of a playground: the page shows all numbers of a matrix."""

MOST_TRAIN, MOST_VALID, MOST_NUMBERS = 500, 200, 8_000
"""The most examples of a task that a page contains, and the most numbers in them."""

PREFIX = "az_"


class NoPlayground(AzdslError):
    """A program that a playground cannot show; the message says why."""


@dataclass(frozen=True)
class Subject:
    """A program to train. ``task`` is one task for its features: training and validation examples, None for none."""

    name: str
    spec: Spec
    task: Task | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """Examples of a task: X [N, F], y [N], valid_X [M, F], valid_y [M]. ``title`` says which task of which set."""

    title: str
    X: NDArray[np.float64]
    y: NDArray[np.float64]
    valid_X: NDArray[np.float64]
    valid_y: NDArray[np.float64]


def make_subject(name: str, program: Program, tasks: TaskSet, search: Search) -> Subject:
    """A program with task 0 of a set, of which the first examples are taken, and the settings of its search."""
    width = tasks.features + 1
    train = min(MOST_TRAIN, max(1, MOST_NUMBERS * 3 // 4 // width))
    valid = min(MOST_VALID, max(1, MOST_NUMBERS // 4 // width))
    task = Task(
        "first test task",
        tasks.train_X[0][:train],
        tasks.train_y[0][:train],
        tasks.valid_X[0][:valid],
        tasks.valid_y[0][:valid],
    )
    spec = Spec(
        program,
        PREFIX,
        tasks.features,
        tasks.metric_definition,
        tasks.classes,
        search.precision,
        search.max_abs_error,
        search.seed,
    )
    return Subject(name, spec, task)


def embedding(features: int) -> list[list[float]]:
    """The directions [F, 2] whose coordinates of a point are the features: unit vectors, 180°/F apart."""
    angles = [math.pi * k / features for k in range(features)]
    # rounded, so that the page does not depend on a C library
    return [[round(math.cos(angle), 6), round(math.sin(angle), 6)] for angle in angles]


def payload(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Return the data for the page's script, one dictionary for each subject. Raises ``ExportError`` and ``NoPlayground``."""
    return [_payload(subject) for subject in subjects]


def _payload(subject: Subject) -> dict[str, Any]:
    spec = subject.spec
    if spec.features > MOST_FEATURES:
        raise NoPlayground(
            f"{subject.name} has {spec.features} features: the playground shows programs with at most {MOST_FEATURES}"
        )
    layout = trace_layout(spec)
    return {
        "name": subject.name,
        "wasm": base64.b64encode(_wasm(spec)).decode(),
        "facts": model_metadata(spec),
        "features": spec.features,
        "classes": spec.classes,
        "seed": str(spec.seed),
        "random": any(i.op.random for i in spec.program.instructions),
        "independent": spec.rows_independent,
        "embedding": embedding(spec.features),
        "traceBytes": layout.size,
        "visitsAt": VISITS,
        "lines": _lines(spec, layout.places),
        "roles": _roles(spec),
        "task": subject.task and _task(subject.task),
    }


def _wasm(spec: Spec) -> bytes:
    """The WebAssembly file of a traced model."""
    with tempfile.TemporaryDirectory(prefix="azdsl-playground-") as place:
        folder = Path(place)
        compiled = compile_models([spec], __version__, CROSS_TARGETS[WASM], traced=True)
        (folder / "code.o").write_bytes(compiled.object_code())
        exports = [spec.prefix + name for name in (*FUNCTIONS, *TRACE_FUNCTIONS)]
        link_wasm(folder / "code.o", folder / "code.wasm", exports)
        return (folder / "code.wasm").read_bytes()


def _lines(spec: Spec, places: Sequence[int | None]) -> list[dict[str, Any]]:
    """The lines of the live program: a function's head, or an instruction with the place of its result."""
    lines: list[dict[str, Any]] = []
    at = iter(places)
    for name, block in zip(COMPONENTS, spec.program.functions, strict=True):
        lines.append({"function": name, "html": highlighted_lines(f"def {name}():")[0]})
        for instruction in block:
            text, place = str(instruction), next(at)
            html = highlighted_lines(shortened(text))[0]
            line: dict[str, Any] = {"text": text, "html": html, "words": instruction.op.doc}
            if instruction.output is not None:
                line |= {"register": str(instruction.output), "place": place}
            lines.append(line)
    return lines


def _roles(spec: Spec) -> Mapping[str, str]:
    """Return the purpose of each register: its fixed meaning, ``kept`` from example to example, or empty."""
    metric = spec.metric
    named: dict[Address, str] = {FEATURES: "features", metric.label: "label", metric.prediction: "prediction"}
    shown = {*spec.program.registers, *named}
    return {str(a): named.get(a, "kept" if a in spec.inherited else "") for a in sorted(shown, key=_order)}


def _order(address: Address) -> tuple[int, int]:
    return "svm".index(address.kind.value), address.index


def _task(task: Task) -> dict[str, Any]:
    arrays = {"X": task.X, "y": task.y, "validX": task.valid_X, "validY": task.valid_y}
    return {"title": task.title} | {
        key: base64.b64encode(np.ascontiguousarray(array, "<f8").tobytes()).decode() for key, array in arrays.items()
    }
