"""Choosing the answer: the search's best programs compared on tasks that it never saw, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from azdsl.codegen import evaluate
from azdsl.experiment import Experiment
from azdsl.ir import Program, remove_dead_code, renumber
from azdsl.search.draws import draw_seed
from azdsl.search.loop import combined
from azdsl.search.population import Island, best, genotype
from azdsl.search.space import Space
from azdsl.tasks import Role
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class Found:
    """A program of the search in canonical form, its fitness there, and which candidate of which island it was."""

    program: Program
    key: tuple[int, int]
    search_fitness: float
    island: int
    birth: int


@dataclass(frozen=True)
class Finalist:
    """What was found, with its fitness on the selection tasks."""

    found: Found
    fitness: float


@dataclass(frozen=True)
class Judge:
    """The tasks that the search does not see, and how programs are scored on them."""

    experiment: Experiment
    space: Space
    select: TaskSet
    test: TaskSet

    def score(self, programs: Sequence[Program], role: Role) -> list[tuple[float, list[float]]]:
        """Each program's fitness on the tasks of ``role``, together and one by one."""
        search = self.experiment.search
        tasks = self.select if role == "select" else self.test
        seed = draw_seed(search.seed, role)
        rows = evaluate(programs, tasks, backend="jit", seed=seed, max_abs_error=search.max_abs_error)
        return [(float(combined(self.space, row.copy())), row.tolist()) for row in rows]

    def compare(self, known: Sequence[Finalist], found: Iterable[Found]) -> tuple[Finalist, ...]:
        """``known`` and, evaluated now, those of ``found`` that are not among them."""
        keys = {finalist.found.key for finalist in known}
        new = {item.key: item for item in found if item.key not in keys}
        if not new:
            return tuple(known)
        scores = self.score([item.program for item in new.values()], "select")
        return (*known, *(Finalist(item, fitness) for item, (fitness, _) in zip(new.values(), scores, strict=True)))


def answer(finalists: Iterable[Finalist]) -> Finalist | None:
    """The best on the selection tasks; of equals the fitter in the search, then the smaller, then the first found."""

    def rank(finalist: Finalist) -> tuple[float, float, int, int, int]:
        found = finalist.found
        return -finalist.fitness, -found.search_fitness, len(found.program), found.birth, found.island

    return min(finalists, key=rank, default=None)


def canonical(program: Program, multiclass: bool) -> Program:
    """The live program with registers numbered in order of appearance."""
    return renumber(remove_dead_code(program, multiclass), multiclass)


def island_best(space: Space, island: Island, number: int, multiclass: bool) -> Found | None:
    """The best program that an island has found so far; None when it has found none."""
    row = best(island)
    return _found(space, island, number, row, multiclass) if island.finalists.fitness[row] >= 0.0 else None


def all_found(space: Space, islands: Sequence[Island], multiclass: bool) -> list[Found]:
    """All finalists of all islands."""
    return [
        _found(space, island, number, row, multiclass)
        for number, island in enumerate(islands)
        for row in range(len(island.finalists.fitness))
        if island.finalists.fitness[row] >= 0.0
    ]


def _found(space: Space, island: Island, number: int, row: int, multiclass: bool) -> Found:
    about = island.finalists.about[row]
    return Found(
        program=canonical(genotype(space, island.finalists, row), multiclass),
        key=(int(about["key0"]), int(about["key1"])),
        search_fitness=float(island.finalists.fitness[row]),
        island=number,
        birth=int(about["birth"]),
    )
