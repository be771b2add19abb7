"""Helpers of the search's tests: a fake engine, islands that it evaluates, task sets and experiments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, Self

import numpy as np
from from_python import from_python
from numba.extending import overload
from numpy.typing import NDArray

from azdsl.codegen.numba_jit import address, jit
from azdsl.config.experiment import EVOLVABLE, Experiment
from azdsl.config.search import Range, Registers, Search
from azdsl.ops import BY_NAME
from azdsl.search.kernel import hurdle_run, hurdles, loop
from azdsl.search.kernel import mutate as mutations
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.evaluation import full, functional_hash, hurdle
from azdsl.search.kernel.population import LAYERS, Island, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.steps import find_steps
from azdsl.taskset import TaskSet


class FakeEngine(NamedTuple):
    """An engine whose fitness is a cheap hash of the live code. ``calls`` counts [full, functional_hash, hurdle].

    At hurdle k there are two tasks, whose fitness are the first 4 + 4 k bits of the final one and a bit more.
    ``log`` float64[L, 3] has the hurdle, its score (their mean) and the final fitness of the first calls.
    """

    calls: NDArray[np.int64]
    log: NDArray[np.float64]


def fake_engine(log: int = 0) -> FakeEngine:
    return FakeEngine(np.zeros(3, np.int64), np.zeros((log, 3)))


def _for_fakes(function: Any) -> Any:
    """A copy for fake engines with a name of its own in the cache on disk: azdsl without this module could not load their code.

    The name holds a digest of this module, which is not among the sources of compiled code.
    """
    original = function.py_func
    copy = FunctionType(original.__code__, original.__globals__, original.__name__)
    copy.__qualname__ = f"{original.__name__}_{hashlib.blake2b(Path(__file__).read_bytes(), digest_size=4).hexdigest()}"
    return jit(copy)


breed, run_hurdles = _for_fakes(loop.breed), _for_fakes(hurdle_run.run_hurdles)
mutate, stopped_fitness, would_pass = map(from_python, (mutations.mutate, hurdles.stopped_fitness, hurdles.would_pass))


def _is_fake(engine: Any) -> bool:
    return getattr(engine, "instance_class", None) is FakeEngine


@jit
def fake_hash(lengths: Any, code: Any) -> Any:
    total = np.uint64(lengths[0] * 64 + lengths[1])
    for at in range(code.size):
        total = (total ^ code[at]) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    return total


@overload(hurdle)
def _hurdle(engine: Any, number: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
    if not _is_fake(engine):
        return None

    def implementation(engine: Any, number: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
        bits = np.int64((fake_hash(lengths, code) >> np.uint64(11)) & np.uint64(0xFFFFF))
        coarse = bits >> (16 - 4 * number)
        task_fitness[0], task_fitness[1] = coarse / 2.0 ** (4 + 4 * number), (coarse + 1) / 2.0 ** (4 + 4 * number)
        if engine.calls[2] < engine.log.shape[0]:
            row = engine.log[engine.calls[2]]
            row[0], row[1], row[2] = number, (task_fitness[0] + task_fitness[1]) / 2.0, bits / 2.0**20
        engine.calls[2] += 1
        return 2

    return implementation


@overload(full)
def _full(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
    if not _is_fake(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
        engine.calls[0] += 1
        total = fake_hash(lengths, code)
        for task in range(task_fitness.size):
            task_fitness[task] = np.float64(np.int64((total >> np.uint64(11)) & np.uint64(0xFFFFF))) / 2.0**20
        return np.int64(total & np.uint64(7)) == 0

    return implementation


@overload(functional_hash)
def _functional_hash(engine: Any, lengths: Any, code: Any, constants: Any) -> Any:
    if not _is_fake(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any) -> Any:
        engine.calls[1] += 1
        total = np.uint64(code.size)
        for at in range(code.size):
            total = (total ^ (code[at] & np.uint64(0xFFFF))) * np.uint64(0x9E3779B97F4A7C15)
            total ^= total >> np.uint64(31)
        return total | np.uint64(1)

    return implementation


DEMO_OPS = tuple(
    BY_NAME[n] for n in ("const", "dot", "scalar_subtract", "scalar_multiply", "vector_scale", "vector_add")
)


def demo(**search: Any) -> Experiment:
    """The demo's search space: 10 + 2 + 8 instructions, six ops."""
    lengths = {"setup": Range(10, 10), "predict": Range(2, 2), "learn": Range(8, 8)}
    settings = Search(**({"init": "random", "parsimony": 0.0, "tune": 0.0} | lengths | search))
    return Experiment(registers=Registers(4, 3, 1), search=settings, ops=(DEMO_OPS,) * 3)


def everything(**search: Any) -> Experiment:
    """All ops, lengths that vary."""
    settings = {"population": 100, "setup": Range(0, 6), "predict": Range(1, 6), "learn": Range(0, 8)}
    settings |= {"init": "random", "parsimony": 0.0, "tune": 0.0}
    return Experiment(registers=Registers(5, 4, 3), search=Search(**(settings | search)), ops=(EVOLVABLE,) * 3)


def task_set(
    tasks: int = 4, features: int = 3, metric: Any = "rmse", train: int = 12, valid: int = 6, seed: int = 0
) -> TaskSet:
    """Random tasks."""
    draw = np.random.default_rng(seed)
    X, VX = draw.normal(size=(tasks, train, features)), draw.normal(size=(tasks, valid, features))
    if metric == "rmse":
        w = draw.normal(size=(tasks, features, 1))
        return TaskSet.from_arrays(X, (X @ w)[..., 0], VX, (VX @ w)[..., 0])
    classes = 2 if metric == "accuracy" else min(3, features)
    y, Vy = draw.integers(classes, size=X.shape[:2]), draw.integers(classes, size=VX.shape[:2])
    return TaskSet.from_arrays(X, y, VX, Vy, metric, classes=classes if metric == "multiclass" else None)


def to_arrays(island: Island) -> dict[str, NDArray[Any]]:
    """All arrays of an island by name, such as ``members.code``."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in island._asdict().items():
        parts = (
            {name: value} if isinstance(value, np.ndarray) else {f"{name}.{k}": v for k, v in value._asdict().items()}
        )
        arrays |= parts
    return arrays


def restore(island: Island, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Set the state of an island to the arrays that ``to_arrays`` returned for an island of the same space."""
    for name, array in to_arrays(island).items():
        array[...] = arrays[name]


class Run:
    """An island with a fake engine that records the first ``log`` calls at hurdles."""

    def __init__(self, experiment: Experiment, number: int = 0, log: int = 0) -> None:
        tasks = task_set(3)
        self.experiment, self.space, self.engine = experiment, make_space(experiment, tasks), fake_engine(log)
        self.island, self.scratch = make_island(self.space, experiment, number), make_scratch(self.space, tasks.tasks)
        self.start()

    def start(self) -> None:
        """Write the initial population, as at a restart."""
        write_initial(self.space, self.experiment, self.island)

    def go(self, candidates: int) -> Self:
        steps = find_steps(self.space._replace(hurdles=0), self.island, self.scratch, self.engine)
        if self.space.hurdles:
            some_hash = self.island.members.about["hash"][0]
            at = address(run_hurdles, self.space, self.island.hurdles, self.scratch, self.engine, some_hash)
            steps = steps._replace(hurdles=at)
        breed(self.space, self.island, self.scratch, self.engine, steps, candidates)
        return self

    def state(self) -> dict[str, bytes]:
        return {name: array.tobytes() for name, array in to_arrays(self.island).items()}

    def counts(self) -> dict[str, int]:
        """Candidates by layer."""
        return dict(zip(LAYERS, self.island.counts.tolist(), strict=True))
