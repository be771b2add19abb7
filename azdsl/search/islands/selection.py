"""Choosing the answer: the search's best programs compared on tasks that it never saw, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from azdsl.codegen import evaluate
from azdsl.codegen.execute import evaluate as run_engine
from azdsl.config.experiment import Experiment
from azdsl.ir import Program, remove_dead_code, renumber
from azdsl.search.islands.seeds import draw_seed
from azdsl.search.kernel.engines import EnginesHandle, make_engines
from azdsl.search.kernel.fitness import combined
from azdsl.search.kernel.population import Members, best, genotype
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class Found:
    """A program of the search in canonical form, its fitness there, and which candidate of which island it was."""

    program: Program
    key: int
    search_fitness: float
    island: int
    birth: int


@dataclass(frozen=True)
class Finalist:
    """What was found, with its fitness on the selection tasks."""

    found: Found
    fitness: float


@dataclass(frozen=True, eq=False)
class Judge:
    """The tasks that the search sees in part or not at all, and how programs are scored on them."""

    experiment: Experiment
    space: Space
    search: TaskSet
    select: TaskSet
    test: TaskSet

    @cached_property
    def _selection(self) -> EnginesHandle:
        """The VM on the selection tasks, in float64: many programs pass it, each once."""
        return self._engines(self.select, seed=draw_seed(self.experiment.search.seed, "select"), precision=64)

    @cached_property
    def _on_all(self) -> EnginesHandle:
        """The VM on all tasks of the search, for searches that evaluate on some of them."""
        return self._engines(self.search, seed=draw_seed(self.experiment.search.seed, "search"))

    def _engines(self, tasks: TaskSet, **settings: Any) -> EnginesHandle:
        search = replace(self.experiment.search, hurdles=None, proxy=False, **settings)
        return make_engines(replace(self.experiment, search=search), tasks)

    def fitness(self, programs: Iterable[Program]) -> list[float]:
        """Each program's fitness on the selection tasks."""
        return self._scores(self._selection, self.select, programs)

    def _scores(self, engines: EnginesHandle, tasks: TaskSet, programs: Iterable[Program]) -> list[float]:
        engine, found = engines.engines.full, []
        for program in programs:
            packed, task_fitness = program.packed(tasks.multiclass), np.zeros(tasks.tasks)
            run_engine(
                engine, packed.lengths, packed.code, packed.constants, task_fitness, False, 0, len(engine.arguments)
            )
            found.append(float(combined(self.space, task_fitness)))
        return found

    def on_all(self, found: Sequence[Found]) -> list[Found]:
        """What was found on a part of the search's tasks, with its fitness on all of them."""
        scores = self._scores(self._on_all, self.search, (item.program for item in found))
        return [replace(item, search_fitness=score) for item, score in zip(found, scores, strict=True)]

    def final(self, program: Program) -> tuple[float, list[float]]:
        """The fitness of the answer on the test tasks, together and one by one."""
        search = self.experiment.search
        seed = draw_seed(search.seed, "test")
        by_task = evaluate([program], self.test, backend="jit", seed=seed, max_abs_error=search.max_abs_error)[0]
        return float(combined(self.space, by_task.copy())), by_task.tolist()

    def compare(self, known: Sequence[Finalist], found: Iterable[Found]) -> tuple[Finalist, ...]:
        """``known`` and, evaluated now, those of ``found`` that are not among them."""
        keys = {finalist.found.key for finalist in known}
        new = {item.key: item for item in found if item.key not in keys}
        if not new:
            return tuple(known)
        scores = self.fitness(item.program for item in new.values())
        return (*known, *(Finalist(item, fitness) for item, fitness in zip(new.values(), scores, strict=True)))


def answer(finalists: Iterable[Finalist]) -> Finalist | None:
    """The best on the selection tasks; of equals the fitter in the search, then the smaller, then the first found."""

    def rank(finalist: Finalist) -> tuple[float, float, int, int, int]:
        found = finalist.found
        return -finalist.fitness, -found.search_fitness, len(found.program), found.birth, found.island

    return min(finalists, key=rank, default=None)


def canonical(program: Program, multiclass: bool) -> Program:
    """The live program with registers numbered in order of appearance."""
    return renumber(remove_dead_code(program, multiclass), multiclass)


def bests(space: Space, finalists: Iterable[Members], multiclass: bool) -> list[Found]:
    """The best of each island's finalists, if it has any; all are live."""
    rows = ((number, members, best(members)) for number, members in enumerate(finalists))
    return [
        _found(space, members, number, row, multiclass) for number, members, row in rows if members.fitness[row] >= 0.0
    ]


def all_found(space: Space, finalists: Iterable[Members], above: float, multiclass: bool) -> list[Found]:
    """The finalists of all islands, live, that are fitter than ``above``; rows without one have -1."""
    return [
        _found(space, members, number, row, multiclass)
        for number, members in enumerate(finalists)
        for row in np.flatnonzero(members.fitness > above).tolist()
    ]


def _found(space: Space, finalists: Members, number: int, row: int, multiclass: bool) -> Found:
    about = finalists.about[row]
    return Found(
        program=renumber(genotype(space, finalists, row), multiclass),
        key=int(about["key"]),
        search_fitness=float(finalists.fitness[row]),
        island=number,
        birth=int(about["birth"]),
    )
