"""Selection of the final program: the search's best programs are compared on the selection tasks, in float64."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.execute import evaluate as run_engine
from azdsl.config.experiment import Experiment
from azdsl.ir import Metric, Program, pack_live, remove_dead_code, renumber
from azdsl.paired import Difference, difference
from azdsl.scoring import Conditions, combined, conditions, score
from azdsl.search.kernel.engines import EnginesHandle, make_engines
from azdsl.search.kernel.population import Members, best, genotype
from azdsl.search.kernel.space import Space
from azdsl.taskset import TaskSet

AHEAD = 2.0
"""By how many standard errors a program must be better than the seed program to replace it."""


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
    """A found program with its fitness on the selection tasks, the number of them on which it failed, and its RMSE or accuracy there.

    ``units`` is the mean of ``TaskSet.units``, None if it failed on a regression task.
    """

    found: Found
    fitness: float
    failures: int = 0
    units: float | None = None


@dataclass(frozen=True, eq=False)
class Judge:
    """Scores programs on the splits: all tasks of the search, the selection tasks and the test tasks.

    Where no tasks are held out, ``select`` are the tasks of the search, with other draws of random numbers, and ``test`` is None.
    ``like`` are engines on all tasks of the search, with which the examples in memory are shared; None without any.
    """

    experiment: Experiment
    space: Space
    search: TaskSet
    select: TaskSet
    test: TaskSet | None
    like: EnginesHandle | None = None

    @property
    def scored(self) -> TaskSet:
        """The test tasks, or the tasks of the search if there are none."""
        return self.test or self.search

    @property
    def selects_on_held_out(self) -> bool:
        """Whether the selection tasks are held out from the search."""
        return self.select is not self.search

    @cached_property
    def _selection(self) -> EnginesHandle:
        """The VM on the selection tasks, in float64; compiling each program would take longer than one evaluation."""
        return self._engines(self.select, conditions(self.experiment.search, "select"))

    @cached_property
    def _on_all(self) -> EnginesHandle:
        """The VM on all tasks of the search."""
        return self._engines(self.search, conditions(self.experiment.search, "search"), self.like)

    def _engines(self, tasks: TaskSet, under: Conditions, like: EnginesHandle | None = None) -> EnginesHandle:
        search = replace(self.experiment.search, hurdles=None, proxy=False, **under._asdict())
        return make_engines(replace(self.experiment, search=search), tasks, like)

    def fitness(self, programs: Iterable[Program]) -> list[float]:
        """Each program's fitness on the selection tasks."""
        return self._scores(self._selection, self.select, programs)

    def on_each(self, programs: Iterable[Program]) -> list[NDArray[np.float64]]:
        """Each program's fitness on each selection task."""
        return self._each(self._selection, self.select, programs)

    def _each(self, engines: EnginesHandle, tasks: TaskSet, programs: Iterable[Program]) -> list[NDArray[np.float64]]:
        engine, found = engines.engines.full, []
        for program in programs:
            packed, task_fitness = pack_live(program, tasks.metric_definition), np.zeros(tasks.tasks)
            run_engine(engine, packed.lengths, packed.code, packed.constants, task_fitness, False, 0)
            found.append(task_fitness)
        return found

    def _scores(self, engines: EnginesHandle, tasks: TaskSet, programs: Iterable[Program]) -> list[float]:
        """Each program's fitness over all tasks: a complete evaluation, never one from a cache."""
        combine = self.experiment.search.combine
        return [float(combined(each, combine)) for each in self._each(engines, tasks, programs)]

    def search_fitness(self, programs: Iterable[Program]) -> list[float]:
        """Each program's fitness on all tasks of the search: a complete evaluation."""
        return self._scores(self._on_all, self.search, programs)

    def on_all(self, found: Sequence[Found]) -> list[Found]:
        """``found``, whose fitness is that on a task group, with the fitness on all tasks of the search."""
        scores = self.search_fitness(item.program for item in found)
        return [replace(item, search_fitness=score) for item, score in zip(found, scores, strict=True)]

    def on_run(self, found: Iterable[Found]) -> list[Found]:
        """Programs that islands with tasks of their own found, with the fitness on all tasks of the search.

        Without those that cost more than the budget there.
        """
        costs = self.space.table["costs"]

        def cost(program: Program) -> float:
            return sum(float(costs[i.op.code, f]) for f, function in enumerate(program.functions) for i in function)

        return self.on_all([item for item in found if cost(item.program) <= self.space.budget])

    def final(self, programs: Sequence[Program]) -> list[tuple[Program, float, list[float]]]:
        """Each program with its fitness on the test tasks, combined and for each task; without any, on the search tasks."""
        if self.test is None:
            found = score(programs, self.experiment, self.search, "search", "jit")
        else:
            found = score(programs, self.experiment, self.test, "test", "jit")
        return list(zip(programs, found.fitness_list, found.task_fitness.tolist(), strict=True))

    def measured(self, program: Program, island: int, birth: int) -> Found:
        """A program that may not be among the finalists, with its fitness on all tasks of the search."""
        return Found(program, text_hash(str(program)), self.search_fitness([program])[0], island, birth)

    def compare(self, finalists: Sequence[Finalist], found: Iterable[Found]) -> tuple[Finalist, ...]:
        """``finalists``, and programs of ``found`` with new canonical hashes, evaluated on the selection tasks."""
        hashes = {finalist.found.hash for finalist in finalists}
        new = {item.hash: item for item in found if item.hash not in hashes}
        if not new:
            return tuple(finalists)
        return (*finalists, *map(self.finalist, new.values()))

    def finalist(self, found: Found) -> Finalist:
        """``found``, evaluated on the selection tasks."""
        (each,) = self.on_each([found.program])
        fitness, by_task = float(combined(each, self.experiment.search.combine)), each.tolist()
        return Finalist(found, fitness, failures(by_task), self.select.mean_units(by_task))


def choose(judge: Judge, finalists: Sequence[Finalist]) -> Finalist:
    """The final program by the setting ``choose``: the first of ``ranked``, or the smallest that is as good, or the seed program.

    A program replaces the seed program only if its mean paired difference from it over the selection tasks is more than ``AHEAD``
    standard errors: a search tries so many programs that some are a little better by chance. Of those that do, the smallest is chosen that is as
    good as the best, which is at most one standard error worse (the rule of one standard error: Breiman et al. 1984,
    "Classification and regression trees", 3.4.3), fails on no more tasks, and reaches the target if the best does.
    """
    search, order = judge.experiment.search, ranked(finalists)
    seed = canonical(judge.experiment.program, judge.select.metric_definition)
    incumbent = next((item for item in order if item.found.program == seed), None)
    if search.choose == "best" or order[0] is incumbent:
        return order[0]
    each = {item: judge.on_each([item.found.program])[0].tolist() for item in order}

    def gain(item: Finalist, other: Finalist) -> Difference:
        return difference(each[item], each[other], judge.select.overlap, judge.select.halves)

    if incumbent:
        gains = {item: gain(item, incumbent) for item in order}
        order = [item for item in order if gains[item].mean > AHEAD * (gains[item].error or 0.0)]
        if not order:
            return incumbent
    best = order[0]
    for item in sorted(order, key=lambda item: len(item.found.program)):
        lost = gain(best, item)
        equal = item.failures <= best.failures and lost.mean <= (lost.error or 0.0)
        if (
            len(item.found.program) < len(best.found.program)
            and equal
            and not item.fitness < search.target <= best.fitness
        ):
            return item
    return best


def failures(task_fitness: Sequence[float]) -> int:
    """How many tasks a program failed on: fitness 0. Training stopped, an error was NaN or too large, or no class was right."""
    return sum(value <= 0.0 for value in task_fitness)


def text_hash(text: str) -> int:
    """A hash in place of the canonical hash, which only the compiled search computes."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


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


def bests(space: Space, finalists: Mapping[int, Members], metric: Metric) -> list[Found]:
    """The best finalist of each island that has one. ``finalists`` are those of islands, by number, and must have no dead code."""
    rows = ((number, members, best(members)) for number, members in finalists.items())
    return [_found(space, members, number, row, metric) for number, members, row in rows if members.fitness[row] >= 0.0]


def all_found(space: Space, finalists: Mapping[int, Members], above: float, metric: Metric) -> list[Found]:
    """The finalists with a fitness greater than ``above``. ``finalists`` are those of islands, by number, and must have no dead code."""
    return [
        _found(space, members, number, row, metric)
        for number, members in finalists.items()
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
