"""The engines that the compiled loop evaluates with: the VM on whole tasks and on their first examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from azdsl.codegen.engine import Engine, EngineHandle, build_engine
from azdsl.codegen.execute import evaluate, trace
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import Field
from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.ops import OPS
from azdsl.search.islands.task_rotation import group_size
from azdsl.search.kernel.evaluation import full, functional_hash, hurdle
from azdsl.search.kernel.hurdles import stage_tasks
from azdsl.taskset import TaskSet


class Engines(NamedTuple):
    """``full`` evaluates on the tasks; ``early`` traces predictions on each task's first examples.

    They share their memory. ``linked``: ``early`` always runs a program before ``full`` does. ``stages`` has the
    blocks of all hurdles: those of hurdle k are ``spans[k] … spans[k + 1]`` (int64[K + 1]).
    """

    full: Engine
    early: Engine
    linked: bool
    stages: Engine
    spans: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EnginesHandle:
    """Engines for one thread, and what keeps their code and data alive."""

    engines: Engines
    parts: tuple[EngineHandle, ...]


def group_engines(
    experiment: Experiment, tasks: TaskSet, like: Sequence[EnginesHandle] = ()
) -> tuple[EnginesHandle, ...]:
    """For one thread the engines of every group of tasks: ``rotation`` says what these are. They share their memory.

    With ``like``, the engines of another thread for the same, all use the same examples in memory.
    """
    size, made = group_size(experiment.search, tasks), list[EnginesHandle]()
    for first in range(0, tasks.tasks, size):
        other = like[len(made)] if like else None
        made.append(make_engines(experiment, tasks.part(first, size), other, first, made[0] if made else None))
    return tuple(made)


def make_engines(
    experiment: Experiment,
    tasks: TaskSet,
    like: EnginesHandle | None = None,
    first_task: int = 0,
    beside: EnginesHandle | None = None,
) -> EnginesHandle:
    """Engines for programs of ``experiment`` on ``tasks``, compiled or taken from the cache on disk.

    ``first_task`` is the first task's number where programs draw. With ``like``, the engines of another thread for the
    same, all use the same examples in memory; with ``beside``, other engines of this thread, the same room to work in.
    """
    search, registers = experiment.search, experiment.registers
    # frozen functions and the seed may use ops that others may not, and so may islands
    ops = experiment.all_ops
    chosen = [op for op in OPS if op in ops]
    settings: dict[str, Any] = {
        "max_instructions": _most_instructions(experiment),
        "max_registers": registers.scalars + registers.vectors + registers.matrices,
        "seed": search.seed,
        "max_abs_error": search.max_abs_error,
        "precision": search.precision,
        "first_task": first_task,
    }
    sets = [
        tasks,
        tasks.first(search.fec_examples, search.fec_examples),
        *(stage_tasks(tasks, stage) for stage in search.hurdle_list),
    ]
    others = like.parts if like else (None,) * len(sets)
    whole = build_engine(sets[0], chosen, like=others[0], beside=beside.parts[0] if beside else None, **settings)
    settings |= {"beside": whole, "prefix_of": whole}
    early = build_engine(sets[1], chosen, trace=True, like=others[1], **settings)
    parts = [build_engine(a, chosen, like=b, **settings) for a, b in zip(sets[2:], others[2:], strict=True)]
    spans = np.cumsum([0, *(len(part.blocks) for part in parts)])
    stages = _joined([part.engine for part in parts]) if parts else whole.engine
    return EnginesHandle(Engines(whole.engine, early.engine, search.fec, stages, spans), (whole, early, *parts))


def _joined(engines: list[Engine]) -> Engine:
    """One engine with the blocks of several that share their memory."""

    def together(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(engine, name) for engine in engines])

    rows = together("arguments")
    arguments = aligned(rows.shape, np.int64)
    arguments[:] = rows
    fitness = aligned((len(arguments), max(engine.fitness.shape[1] for engine in engines)), np.float64)
    for row in range(len(arguments)):
        arguments[row, Field.FITNESS] = fitness[row].ctypes.data
    return engines[0]._replace(
        arguments=arguments,
        functions=together("functions"),
        handlers=together("handlers"),
        lane_bytes=together("lane_bytes"),
        first=together("first"),
        tasks=together("tasks"),
        fitness=fitness,
    )


def _most_instructions(experiment: Experiment) -> int:
    """The most that a candidate can have: the lengths' limits, or the file's own where that is longer."""
    search: Search = experiment.search
    limits = (search.setup.most, search.predict.most, search.learn.most)
    return sum(max(most, len(block)) for most, block in zip(limits, experiment.program.functions, strict=True))


def _is_engines(engine: Any) -> bool:
    return getattr(engine, "instance_class", None) is Engines


@overload(full)
def _full(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
    if not _is_engines(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
        blocks = engine.full.arguments.shape[0]
        return evaluate(engine.full, lengths, code, constants, task_fitness, engine.linked, 0, blocks)

    return implementation


@overload(functional_hash)
def _functional_hash(engine: Any, lengths: Any, code: Any, constants: Any) -> Any:
    if not _is_engines(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any) -> Any:
        return trace(engine.early, lengths, code, constants)

    return implementation


@overload(hurdle)
def _hurdle(engine: Any, number: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
    if not _is_engines(engine):
        return None

    def implementation(engine: Any, number: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
        first, end = engine.spans[number], engine.spans[number + 1]
        linked = engine.linked or number > 0
        evaluate(engine.stages, lengths, code, constants, task_fitness, linked, first, end)
        return engine.stages.first[end - 1] + engine.stages.tasks[end - 1]

    return implementation
