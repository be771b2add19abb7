"""The engines of the compiled loop: the VM on complete tasks, on their first examples (FEC) and at the hurdles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from azdsl.codegen.engine import Capacity, Engine, EngineHandle, build_engine
from azdsl.codegen.execute import evaluate, trace
from azdsl.codegen.memory import aligned
from azdsl.codegen.protocol import EvaluationSettings, Field
from azdsl.config.experiment import Experiment
from azdsl.config.search import Search
from azdsl.ops import OPS
from azdsl.search.kernel.evaluation import full, functional_hash, hurdle
from azdsl.search.kernel.hurdles import hurdle_tasks
from azdsl.search.kernel.task_groups import group_size
from azdsl.taskset import TaskSet


class Engines(NamedTuple):
    """``full`` evaluates on the tasks. ``early`` hashes the errors on each task's first examples.

    All engines share their memory. ``linked``: a program always runs on ``early`` before it runs on ``full``, so that the
    program is linked only once. ``hurdles`` holds the blocks of all hurdles: its task set k is that of hurdle k.
    """

    full: Engine
    early: Engine
    linked: bool
    hurdles: Engine


@dataclass(frozen=True, eq=False)
class EnginesHandle:
    """The engines of one thread and the handles that keep their code and data alive."""

    engines: Engines
    parts: tuple[EngineHandle, ...]


def group_engines(
    experiment: Experiment, tasks: TaskSet, like: Sequence[EnginesHandle] = ()
) -> tuple[EnginesHandle, ...]:
    """The engines of one thread for every task group (``task_groups``), which share their working memory.

    ``like`` are the engines of another thread for the same tasks; the examples in memory are shared with them.
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
    """Engines for programs of ``experiment`` on ``tasks``, compiled or loaded from the cache on disk.

    ``first_task`` is the number of the first task in the random streams of programs. ``like`` are the engines of another thread for
    the same tasks, with which the examples in memory are shared. ``beside`` are other engines of this thread, with which the working
    memory is shared.
    """
    search, registers = experiment.search, experiment.registers
    ops = experiment.all_ops  # frozen functions, the seed program and groups of islands may use further ops
    chosen = [op for op in OPS if op in ops]
    settings: dict[str, Any] = {
        "capacity": Capacity(
            _most_instructions(experiment), registers.scalars + registers.vectors + registers.matrices
        ),
        "settings": EvaluationSettings(search.seed, search.max_abs_error, search.precision, first_task),
    }
    sets = [
        tasks,
        tasks.first(search.fec_examples, search.fec_examples),
        *(hurdle_tasks(tasks, place) for place in search.hurdle_list),
    ]
    others = [part.blocks for part in like.parts[: len(sets)]] if like else [()] * len(sets)
    complete = build_engine(
        sets[0], chosen, blocks=others[0], workspace=beside.parts[0].workspace if beside else None, **settings
    )
    settings |= {"workspace": complete.workspace, "prefix_of": complete.blocks}
    early = build_engine(sets[1], chosen, trace=True, blocks=others[1], **settings)
    parts = [build_engine(a, chosen, blocks=b, **settings) for a, b in zip(sets[2:], others[2:], strict=True)]
    at_hurdles = _joined([part.engine for part in parts]) if parts else complete.engine
    return EnginesHandle(Engines(complete.engine, early.engine, search.fec, at_hurdles), (complete, early, *parts))


def _joined(engines: list[Engine]) -> Engine:
    """One engine with the blocks of several engines that share their memory."""

    def together(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(engine, name) for engine in engines])

    rows = together("arguments")
    arguments = aligned(rows.shape, np.int64)
    arguments[:] = rows
    fitness = aligned((len(arguments), max(engine.fitness.shape[1] for engine in engines)), np.float64)
    for row in range(len(arguments)):
        arguments[row, Field.FITNESS] = fitness[row].ctypes.data
    before = np.cumsum([0, *(len(engine.arguments) for engine in engines)])
    return engines[0]._replace(
        spans=np.concatenate([engine.spans + blocks for engine, blocks in zip(engines, before, strict=False)]),
        arguments=arguments,
        functions=together("functions"),
        handlers=together("handlers"),
        lane_bytes=together("lane_bytes"),
        first=together("first"),
        tasks=together("tasks"),
        fitness=fitness,
    )


def _most_instructions(experiment: Experiment) -> int:
    """The greatest number of instructions of a candidate: per function the limit, or the seed program's length if greater."""
    search: Search = experiment.search
    limits = (search.setup.most, search.predict.most, search.learn.most)
    lengths = zip(*(map(len, program.functions) for program in experiment.seed_programs), strict=True)
    return sum(max(most, *written) for most, written in zip(limits, lengths, strict=True))


def _is_engines(engine: Any) -> bool:
    return getattr(engine, "instance_class", None) is Engines


@overload(full)
def _full(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
    if not _is_engines(engine):
        return None

    def implementation(engine: Any, lengths: Any, code: Any, constants: Any, task_fitness: Any) -> Any:
        return evaluate(engine.full, lengths, code, constants, task_fitness, engine.linked, 0)

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
        linked = engine.linked or number > 0
        evaluate(engine.hurdles, lengths, code, constants, task_fitness, linked, number)
        last = engine.hurdles.spans[number, 0, 1] - 1
        return engine.hurdles.first[last] + engine.hurdles.tasks[last]

    return implementation
