"""A case of the soak test, one program on one task set by two backends: run, save, load and reduce it."""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from azdsl import __version__, codegen, interp, parse
from azdsl.codegen.aot.models import Code, load_model
from azdsl.export.library import bundle
from azdsl.export.library.compiled_model import make_spec
from azdsl.interp.evaluate import Rules
from azdsl.interp.machine import PRECISIONS
from azdsl.ir import METRICS, Address, MetricName, Program
from azdsl.taskset import TaskSet

Fitness = NDArray[np.float64]

ARRAYS = ("train_X", "train_y", "valid_X", "valid_y")
"""The arrays of a task set."""


@dataclass(frozen=True)
class Case:
    """One program on one task set by two backends, with everything needed to repeat it."""

    pair: str
    program: Program
    tasks: TaskSet
    seed: int
    max_abs_error: float
    precision: int

    def run(self) -> tuple[Fitness, Fitness]:
        """Evaluate with both backends. Returns the fitness of each task, of those tasks that both evaluate."""
        both = [_BACKENDS[name](self) for name in self.pair.split("=")]
        count = min(map(len, both))
        return both[0][:count], both[1][:count]

    @property
    def agrees(self) -> bool:
        """Whether both backends give the same bits."""
        first, second = self.run()
        return first.tobytes() == second.tobytes()

    def to_json(self) -> str:
        """Return the case as JSON. Floats are exact."""
        arrays = {name: getattr(self.tasks, name).tolist() for name in ARRAYS}
        about = {name: getattr(self.tasks, name) for name in ("metric", "epoch_length", "epochs")}
        tasks = arrays | about | {"classes": self.tasks.classes or None}
        facts = {
            "pair": self.pair,
            "program": str(self.program),
            "seed": self.seed,
            "max_abs_error": repr(self.max_abs_error),
        }
        return json.dumps(facts | {"precision": self.precision, "tasks": tasks}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Case:
        """Parse the JSON that ``to_json`` returns."""
        facts = json.loads(text)
        tasks = TaskSet.from_arrays(**facts["tasks"])
        return cls(
            facts["pair"],
            parse(facts["program"]),
            tasks,
            facts["seed"],
            float(facts["max_abs_error"]),
            facts["precision"],
        )


def _compiled(case: Case, backend: Any) -> Fitness:
    options: Any = {"seed": case.seed, "max_abs_error": case.max_abs_error, "precision": case.precision}
    fitness: Fitness = codegen.evaluate([case.program], case.tasks, backend=backend, **options)[0]
    return fitness


def _interpreted(case: Case) -> Fitness:
    options: Any = {"seed": case.seed, "max_abs_error": case.max_abs_error, "precision": case.precision}
    return np.array(interp.evaluate(case.program, case.tasks, **options))


def _standalone(case: Case, library: bool) -> Fitness:
    tasks, shape = (
        case.tasks,
        (case.tasks.features, case.tasks.metric, case.precision, case.tasks.classes, case.max_abs_error),
    )
    with standalone([case.program], shape, library) as models, np.errstate(all="ignore"):
        return np.array([models[0].fitness(FirstTask.of(tasks), case.seed)])


_BACKENDS: Mapping[str, Callable[[Case], Fitness]] = {
    "interp": _interpreted,
    "vm": lambda case: _compiled(case, "vm"),
    "jit": lambda case: _compiled(case, "jit"),
    "aot": lambda case: _standalone(case, False),
    "library": lambda case: _standalone(case, True),
}


@contextmanager
def standalone(
    programs: Sequence[Program], shape: tuple[int, MetricName, int, int, float], library: bool
) -> Iterator[list[Standalone]]:
    """Compile programs to standalone models: in memory, or in a shared library with a C interface.

    ``shape`` is features, metric, precision, classes (0 for none) and max_abs_error.
    """
    features, metric, precision, classes, limit = shape
    specs = [
        make_spec(program, features, metric, precision, 0, classes or None, limit, prefix=f"p{at}_")
        for at, program in enumerate(programs)
    ]
    rules = Rules(METRICS[metric], classes, PRECISIONS[precision](limit))
    if not library:
        loaded = [load_model(spec, __version__) for spec in specs]
        yield [Standalone(spec, rules, code.address, code) for spec, code in zip(specs, loaded, strict=True)]
        return
    with tempfile.TemporaryDirectory() as folder:
        files = bundle.write(specs, Path(folder) / "libmodels.so", ("shared",), "native")
        opened = ctypes.CDLL(str(files["shared"]))

    def address(name: str) -> int:
        return cast(int, ctypes.cast(getattr(opened, name), ctypes.c_void_p).value)

    try:
        yield [Standalone(spec, rules, address, opened) for spec in specs]
    finally:
        import _ctypes

        _ctypes.dlclose(opened._handle)


@dataclass(frozen=True)
class FirstTask:
    """The first task of a set, in the form of a model's arguments.

    ``epochs`` are the training examples and labels of each epoch; ``X`` [M, F] and ``y`` are the validation examples.
    """

    epochs: Sequence[tuple[Fitness, Fitness]]
    X: Fitness
    y: Sequence[float]

    @classmethod
    def of(cls, tasks: TaskSet) -> FirstTask:
        """Take the first task of ``tasks``."""
        X, y, VX, Vy = (np.ascontiguousarray(getattr(tasks, name)[0]) for name in ARRAYS)
        rows = np.arange(tasks.steps).reshape(-1, tasks.epoch_length) % len(X)
        return cls([(X[chunk], y[chunk]) for chunk in rows], VX, Vy.tolist())


class Standalone:
    """A model, called by its C functions, with the evaluation protocol for one task."""

    def __init__(self, spec: Any, rules: Rules, address: Callable[[str], int], owner: object) -> None:
        p, n, i = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

        def function(name: str, result: Any, *arguments: Any) -> Any:
            return ctypes.CFUNCTYPE(result, *arguments)(address(f"{spec.prefix}{name}"))

        self.rules, self.owner, self.spec = rules, owner, spec
        self.learn, self.predict = function("partial_fit", i, p, p, p, n), function("predict", i, p, p, n, p)
        self.predict_one = function("predict_one", i, p, p, p)
        self.memory = np.zeros(function("size", n)() + 64, np.uint8)
        self.start = -self.memory.ctypes.data % 64
        self.model = self.memory.ctypes.data + self.start
        self._setup = function("setup", i, p, ctypes.c_uint64)
        function("init", i, p)(self.model)

    def fitness(self, task: FirstTask, seed: int) -> float:
        """Return the best validation fitness of a task. To be called within ``np.errstate(all="ignore")``."""
        number = PRECISIONS[self.spec.precision]
        labels = [number(value) for value in task.y]
        self._setup(self.model, seed)
        best = 0.0
        for examples, targets in task.epochs:
            if self.learn(self.model, examples.ctypes.data, targets.ctypes.data, len(targets)) == Code.STOPPED:
                break
            best = max(
                best,
                self.rules.metric.fitness(
                    labels, self._predictions(task.X, number), self.rules.classes, self.rules.limit
                ),
            )
        return best

    def _predictions(self, X: Fitness, number: Any) -> list[Any]:
        """Return the unsquashed prediction for each row."""
        out = np.empty((len(X), self.spec.outputs))
        if not self.rules.metric.classifies:
            self.predict(self.model, X.ctypes.data, len(X), out.ctypes.data)
            return [number(value) for value in out[:, 0].tolist()]
        raw = []
        for row in X:
            self.predict_one(self.model, row.ctypes.data, out.ctypes.data)
            raw.append(self._register(self.spec.metric.prediction))
        return [[number(v) for v in values] if self.spec.metric.vector else number(values[0]) for values in raw]

    def _register(self, address: Address) -> list[float]:
        at = self.start + self.spec.places[address]
        dtype = np.float64 if self.spec.precision == 64 else np.float32
        size = address.kind.size(self.spec.features) * np.dtype(dtype).itemsize
        return cast("list[float]", self.memory[at : at + size].view(dtype).tolist())


def shrink(case: Case) -> Case:
    """Reduce a case: remove one part at a time as long as the backends still differ."""
    while True:
        smaller = next((candidate for candidate in _smaller(case) if not candidate.agrees), None)
        if smaller is None:
            return case
        case = smaller


def _smaller(case: Case) -> Iterator[Case]:
    """Yield the cases with one part removed: tasks, examples, epochs or an instruction."""
    tasks = case.tasks
    if tasks.tasks > 1:
        for keep in (slice(0, 1), slice(0, tasks.tasks // 2), slice(1, None)):
            yield _with(case, **{name: getattr(tasks, name)[keep] for name in ARRAYS})
    if tasks.epochs > 1 or tasks.epoch_length != tasks.train_X.shape[1]:
        yield _with(case, epochs=1, epoch_length=tasks.train_X.shape[1])
    elif tasks.train_X.shape[1] > 1:
        fewer = {name: np.ascontiguousarray(getattr(tasks, name)[:, :-1]) for name in ARRAYS[:2]}
        yield _with(case, epoch_length=tasks.epoch_length - 1, **fewer)
    if tasks.valid_X.shape[1] > 1:
        yield _with(case, **{name: np.ascontiguousarray(getattr(tasks, name)[:, :-1]) for name in ARRAYS[2:]})
    blocks = case.program.functions
    for f, block in enumerate(blocks):
        for at in range(len(block)):
            parts = [b if g != f else (*b[:at], *b[at + 1 :]) for g, b in enumerate(blocks)]
            yield replace(case, program=Program(*parts))


def _with(case: Case, **tasks: Any) -> Case:
    """Replace fields of the case's task set."""
    return replace(case, tasks=replace(case.tasks, **tasks))
