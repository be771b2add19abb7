"""A population whose candidates are asked for and whose fitness is told: the island of an evaluation that is not azdsl's.

Candidates are bred as in a run. Those with a known fitness (copies, programs that differ in dead code, programs told before) are members
as they are bred; the others wait until their fitness is told. All that are known by then become members in the order in which they were
bred, as immigrants with fitness do.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from azdsl.config.experiment import Experiment
from azdsl.config.search import Search, SettingsError
from azdsl.ir import Program, remove_dead_code
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.islands.migration import INSERT, insert_immigrants
from azdsl.search.islands.proposals import fitting, packed_members
from azdsl.search.islands.selection import canonical
from azdsl.search.kernel.asking import TRIES, Unanswered, answer, breed_unanswered
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.population import Members, genotype, make_island, no_members, select, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.steps import find_steps
from azdsl.taskset import TaskSet

USED = (
    "population",
    "tournament",
    "parsimony",
    "mutation",
    "edits",
    "algorithm",
    "init",
    "setup",
    "predict",
    "learn",
    "seed",
    "cache",
    "budget",
    "max_abs_error",
    "combine",
    "precision",
)
"""The keys of ``search`` that matter without a run: those of breeding, and of ``Search.evaluate``."""

_ROOM = 1024
"""Candidates with a known fitness that one call of the compiled loop can return."""


class Recognized(NamedTuple):
    """A program that is told: in ``canonical`` form, by which programs are compared, and as a ``member`` has it."""

    canonical: Program
    member: Program


@dataclass(eq=False)
class _Candidate:
    """A candidate that is no member yet: one row of ``members``, whose fitness is NaN while it waits for that of ``program``.

    ``program`` is in canonical form. ``told``: its fitness was not known when it was bred.
    """

    members: Members
    program: Program | None = None
    told: bool = False

    @property
    def waits(self) -> bool:
        """Whether its fitness is unknown."""
        return bool(np.isnan(self.members.fitness[0]))

    def tell(self, fitness: float) -> None:
        """Set the fitness."""
        self.members.fitness[0], self.told = fitness, True


def asking_experiment(experiment: Experiment) -> Experiment:
    """The experiment with what matters of it: one population, without stages, early stops or tuning.

    Raises ``SettingsError`` for an algorithm without a population.
    """
    own, default = experiment.search, Search(islands=1, tune=0.0, fec=False, finalists=1)
    if own.algorithm not in INSERT:
        raise SettingsError(
            "algorithm", f"algorithm={own.algorithm} has no population to tell fitness of; use {' or '.join(INSERT)}"
        )
    search = replace(default, **{name: getattr(own, name) for name in USED})
    return replace(experiment, search=search, groups=(), stages=())


class Asking:
    """The population of ``experiment``, which is one of ``asking_experiment``. ``tasks`` give the metric's registers and the costs.

    The result of every call depends on the experiment and the calls before it alone. Raises ``SettingsError``.
    """

    def __init__(self, experiment: Experiment, tasks: TaskSet) -> None:
        self._own = IslandPlan(experiment, make_space(experiment, tasks))
        self._metric, self._ops = tasks.metric_definition, experiment.all_ops
        space = self._own.space
        self._island, self._scratch = make_island(space, experiment, 0), make_scratch(space, 1)
        write_initial(space, experiment, self._island)
        self._island.members.fitness[:], self._island.members.adjusted[:] = np.nan, -np.inf
        self._spare, self._engine = no_members(1, space.capacity), Unanswered()
        self._steps = find_steps(space, self._island, self._scratch, self._engine)
        self._queue: list[_Candidate] = []  # in the order in which they were bred
        self._waiting: set[Program] = set()
        self._known: dict[Program, float] = {}  # the last ones told, at most as many as the cache has entries

    @property
    def candidates(self) -> int:
        """Candidates so far."""
        return self._island.candidates

    def recognized(self, program: Program) -> Recognized:
        """A program that is told. Raises ``SettingsError`` if the search space has no such program."""
        member = fitting(self._own, self._metric, self._ops, program)
        return Recognized(self._canonical(member), member)

    def _canonical(self, program: Program) -> Program:
        key = canonical, self._metric
        if key not in program.derived:
            program.derived[key] = canonical(program, self._metric)
        found: Program = program.derived[key]
        return found

    def _shown(self, program: Program) -> Program:
        """The program without dead code; a frozen function stays as it is."""
        live, frozen = remove_dead_code(program, self._metric), self._own.experiment.frozen
        return replace(live, **{name.lower(): getattr(program, name.lower()) for name in frozen})

    def ask(self, count: int) -> list[Program]:
        """``count`` programs that were neither asked for nor told; fewer if ``TRIES`` candidates in a row are none."""
        found: list[Program] = []
        tries = 0
        while len(found) < count and tries < TRIES:
            before, new = self.candidates, self._breed(count - len(found))
            found += new
            tries = 0 if new else tries + self.candidates - before
        return found

    def _breed(self, wanted: int) -> list[Program]:
        """Breed up to ``wanted`` new programs, which wait in the queue, and return them."""
        space, found = self._own.space, list[Program]()
        bred = no_members(wanted + _ROOM, space.capacity)
        fixed = space, self._island, self._scratch, self._engine, self._steps, self._spare
        for row in range(breed_unanswered(*fixed, bred, wanted, not self._queue)):
            candidate = _Candidate(select(bred, np.array([row])))
            if candidate.waits:
                shown = self._shown(genotype(space, bred, row))
                program = candidate.program = self._canonical(shown)
                # Another canonical hash may be that of an equal program whose registers have other numbers.
                if program in self._known:
                    candidate.tell(self._known[program])
                elif program not in self._waiting:
                    self._waiting.add(program)
                    found.append(shown)
            self._queue.append(candidate)
        known = list(itertools.takewhile(lambda candidate: not candidate.waits, self._queue))
        del self._queue[: len(known)]
        self._enter(known)
        return found

    def tell(self, fitness: Mapping[Recognized, float]) -> None:
        """Make programs members with their fitness, which is minus infinity for one that failed. Those not asked for are the last."""
        told = {each.canonical: value for each, value in fitness.items()}
        others = {each.canonical: each.member for each in fitness if each.canonical not in self._waiting}
        for candidate in self._queue:
            if candidate.program is not None and candidate.program in told:
                candidate.tell(told[candidate.program])
        entering = [candidate for candidate in self._queue if not candidate.waits]
        self._queue = [candidate for candidate in self._queue if candidate.waits]
        self._waiting -= told.keys()
        for program, member in others.items():
            entering.append(_Candidate(packed_members(self._own, [member]), program))
            entering[-1].tell(told[program])
        self._enter(entering)
        for program, value in told.items():
            self._known.pop(program, None)
            self._known[program] = value
        for program in list(self._known)[: -self._own.search.cache]:
            del self._known[program]

    def _enter(self, candidates: Sequence[_Candidate]) -> None:
        """Make candidates with a fitness members, in their order; those that are members already get it."""
        if not candidates:
            return
        members = Members(*(np.concatenate(arrays) for arrays in zip(*(c.members for c in candidates), strict=True)))
        told, own = np.array([candidate.told for candidate in candidates]), self._island.members
        answer(self._own.space, self._island, self._scratch, members, told)
        new = np.ones(len(told), np.bool_)
        for row in np.flatnonzero(told) if np.isnan(own.fitness).any() else ():
            same = np.isnan(own.fitness) & (own.about["hash"] == members.about["hash"][row])
            own.fitness[same], own.adjusted[same] = members.fitness[row], members.adjusted[row]
            new[row] = not same.any()
        rows, size = np.flatnonzero(new), self._own.search.population
        for first in range(0, len(rows), size):
            insert_immigrants(self._own.search, self._island, select(members, rows[first : first + size]))
