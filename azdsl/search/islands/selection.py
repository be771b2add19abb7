"""Selection of the final program: the search's best programs are compared on the selection tasks, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from azdsl.codegen.execute import evaluate as run_engine
from azdsl.config.experiment import Experiment
from azdsl.ir import Metric, Program, pack_live, remove_dead_code, renumber
from azdsl.scoring import Conditions, combined, conditions, score
from azdsl.search.kernel.engines import EnginesHandle, make_engines
from azdsl.search.kernel.population import Members, best, genotype
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class Found:
    """A program of the search in canonical form: its canonical hash, search fitness, island and number among its candidates."""

    program: Program
    hash: int
    search_fitness: float
    island: int
    birth: int


@dataclass(frozen=True)
class Finalist:
    """A found program with its fitness on the selection tasks."""

    found: Found
    fitness: float


@dataclass(frozen=True, eq=False)
class Judge:
    """Scores programs on the splits: all tasks of the search, the selection tasks and the test tasks."""

    experiment: Experiment
    space: Space
    search: TaskSet
    select: TaskSet
    test: TaskSet

    @cached_property
    def _selection(self) -> EnginesHandle:
        """The VM on the selection tasks, in float64; compiling each program would take longer than one evaluation."""
        return self._engines(self.select, conditions(self.experiment.search, "select"))

    @cached_property
    def _on_all(self) -> EnginesHandle:
        """The VM on all tasks of the search."""
        return self._engines(self.search, conditions(self.experiment.search, "search"))

    def _engines(self, tasks: TaskSet, under: Conditions) -> EnginesHandle:
        search = replace(self.experiment.search, hurdles=None, proxy=False, **under._asdict())
        return make_engines(replace(self.experiment, search=search), tasks)

    def fitness(self, programs: Iterable[Program]) -> list[float]:
        """Each program's fitness on the selection tasks."""
        return self._scores(self._selection, self.select, programs)

    def _scores(self, engines: EnginesHandle, tasks: TaskSet, programs: Iterable[Program]) -> list[float]:
        engine, found = engines.engines.full, []
        for program in programs:
            packed, task_fitness = pack_live(program, tasks.metric_definition), np.zeros(tasks.tasks)
            run_engine(engine, packed.lengths, packed.code, packed.constants, task_fitness, False, 0)
            found.append(float(combined(task_fitness, self.experiment.search.combine)))
        return found

    def search_fitness(self, programs: Iterable[Program]) -> list[float]:
        """Each program's fitness on all tasks of the search."""
        return self._scores(self._on_all, self.search, programs)

    def on_all(self, found: Sequence[Found]) -> list[Found]:
        """``found``, whose fitness is that on a task group, with the fitness on all tasks of the search."""
        scores = self.search_fitness(item.program for item in found)
        return [replace(item, search_fitness=score) for item, score in zip(found, scores, strict=True)]

    def final(self, program: Program) -> tuple[float, list[float]]:
        """The fitness on the test tasks, combined and for each task."""
        found = score([program], self.experiment, self.test, "test", "jit")
        return float(found.fitness[0]), found.task_fitness[0].tolist()

    def compare(self, finalists: Sequence[Finalist], found: Iterable[Found]) -> tuple[Finalist, ...]:
        """``finalists``, and programs of ``found`` with new canonical hashes, evaluated on the selection tasks."""
        hashes = {finalist.found.hash for finalist in finalists}
        new = {item.hash: item for item in found if item.hash not in hashes}
        if not new:
            return tuple(finalists)
        scores = self.fitness(item.program for item in new.values())
        return (*finalists, *(Finalist(item, fitness) for item, fitness in zip(new.values(), scores, strict=True)))


def answer(finalists: Iterable[Finalist]) -> Finalist | None:
    """The first finalist of ``ranked``."""
    return next(iter(ranked(finalists)), None)


def ranked(finalists: Iterable[Finalist]) -> list[Finalist]:
    """The finalists by falling selection fitness; of equals by search fitness, then the smallest, then the earliest."""

    def rank(finalist: Finalist) -> tuple[float, float, int, int, int]:
        found = finalist.found
        return -finalist.fitness, -found.search_fitness, len(found.program), found.birth, found.island

    return sorted(finalists, key=rank)


def canonical(program: Program, metric: Metric) -> Program:
    """The live program with registers numbered in order of appearance."""
    return renumber(remove_dead_code(program, metric), metric)


def bests(space: Space, finalists: Iterable[Members], metric: Metric) -> list[Found]:
    """The best finalist of each island that has one. The finalists must have no dead code."""
    rows = ((number, members, best(members)) for number, members in enumerate(finalists))
    return [_found(space, members, number, row, metric) for number, members, row in rows if members.fitness[row] >= 0.0]


def all_found(space: Space, finalists: Iterable[Members], above: float, metric: Metric) -> list[Found]:
    """The finalists of all islands with a fitness greater than ``above``. The finalists must have no dead code."""
    return [
        _found(space, members, number, row, metric)
        for number, members in enumerate(finalists)
        for row in np.flatnonzero(members.fitness > above).tolist()
    ]


def _found(space: Space, finalists: Members, number: int, row: int, metric: Metric) -> Found:
    about = finalists.about[row]
    return Found(
        program=renumber(genotype(space, finalists, row), metric),
        hash=int(about["hash"]),
        search_fitness=float(finalists.fitness[row]),
        island=number,
        birth=int(about["birth"]),
    )
