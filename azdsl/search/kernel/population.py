"""The state of one island, stored in arrays only, and its initial population."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.memory import aligned
from azdsl.codegen.numba_jit import jit
from azdsl.config.experiment import Experiment
from azdsl.ir import FUNCTIONS, Program, pack, unpack
from azdsl.ir.packing import CONSTANTS
from azdsl.search.kernel.algorithms import CLIMBING, REGULARIZED, climber
from azdsl.search.kernel.cache import Cache, clear, make_cache
from azdsl.search.kernel.fec_sample import COUNTS
from azdsl.search.kernel.hurdles import Hurdles, make_hurdles, reset_thresholds
from azdsl.search.kernel.mutate import write_random
from azdsl.search.kernel.reinforce import Policy, make_policy, reset_policy
from azdsl.search.kernel.rng import Words, below, seeded
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.tuning import PROGRESS, REMEMBERED, SPENT

LAYERS = ("copies", "neutral", "over_budget", "cached", "fec", "stopped_early", "hurdle", "full")
"""The ways in which the fitness of a candidate can be settled, in the order of ``Island.counts``."""


ABOUT = np.dtype([("lengths", "i8", 3), ("hash", "u8"), ("birth", "i8")])
"""A program's lengths, its canonical hash (0 if it is over budget or not evaluated) and its number among the island's candidates."""


class Clock(IntEnum):
    """Indices into ``Island.clock``."""

    WRITTEN = 0  # members written since the population was last replaced; modulo P, the row of the oldest member
    CANDIDATES = 1  # candidates so far
    TASK_GROUP = 2  # the task group on which candidates are evaluated
    UNCHANGED = (
        3  # while fewer are written, the oldest member itself is the candidate: initial members and some immigrants
    )


class Members(NamedTuple):
    """Programs, one a row: ``code`` uint64[P, C], ``constants`` float64[P, 3 C], ``about`` ABOUT[P].

    ``fitness`` float64[P] is -1 where a program is not evaluated yet or the row is empty. ``adjusted`` float64[P] is the fitness
    less the price of the live instructions (``Space.parsimony``): parents are chosen by it, everything else by the fitness.
    """

    code: NDArray[np.uint64]
    constants: NDArray[np.float64]
    about: NDArray[np.void]
    fitness: NDArray[np.float64]
    adjusted: NDArray[np.float64]


class Island(NamedTuple):
    """An island. ``members`` is a ring buffer; regularized evolution replaces row ``clock[Clock.WRITTEN] % P``, the oldest.

    ``finalists`` are the best programs so far with different hashes. ``clock`` int64[4] is indexed by ``Clock``, ``counts``
    int64[8] counts candidates by ``LAYERS``. ``fitness_cache`` maps canonical hashes to fitness, ``fec_cache`` maps hashes of the
    errors on the first examples to fitness; ``fec_sample`` int64[3] has the ``COUNTS`` of ``kernel.fec_sample``. ``incumbent`` is one
    row: the program whose constants are tuned (``kernel.tuning``), with the numbers ``tuning`` float64[4] and the hashes ``tuned``
    uint64[64]. ``policy`` is the policy of ``algorithm=reinforce``, and empty otherwise.
    """

    members: Members
    finalists: Members
    incumbent: Members
    tuning: NDArray[np.float64]
    tuned: NDArray[np.uint64]
    rng: Words
    clock: NDArray[np.int64]
    counts: NDArray[np.int64]
    fec_sample: NDArray[np.int64]
    fitness_cache: Cache
    fec_cache: Cache
    hurdles: Hurdles
    policy: Policy

    @property
    def candidates(self) -> int:
        """Candidates so far."""
        return int(self.clock[Clock.CANDIDATES])


def make_island(space: Space, experiment: Experiment, island: int) -> Island:
    """Island number ``island`` without a population. Its random stream depends on the search's random seed and its number."""
    search, capacity = experiment.search, space.capacity
    return Island(
        members=no_members(search.population, capacity),
        finalists=no_members(search.finalists, capacity),
        incumbent=no_members(1, capacity),
        tuning=aligned(len(PROGRESS), np.float64),
        tuned=aligned(REMEMBERED, np.uint64),
        rng=seeded(search.seed, island),
        clock=aligned(len(Clock), np.int64),
        counts=aligned(len(LAYERS), np.int64),
        fec_sample=aligned(len(COUNTS), np.int64),
        fitness_cache=make_cache(search.cache),
        fec_cache=make_cache(search.cache if space.fec else 1),
        hurdles=make_hurdles(search),
        policy=make_policy(space, search.algorithm == "reinforce"),
    )


def write_initial(space: Space, experiment: Experiment, island: Island) -> None:
    """Write the initial population, without fitness, to the rows of an island and reset its policy.

    ``init=seed``: copies of the seed program, padded with NoOp; of several seed programs in turn. ``init=empty``: NoOp alone.
    ``init=random``: random instructions, the lengths random within their limits. Frozen functions are those of the seed program.
    """
    members = island.members
    _write_initial_rows(space, experiment, members)
    _clear_fitness(space, island)
    reset_policy(island.policy)
    if experiment.search.init == "random":
        randomize_all(space, members, island.rng)


def initial_members(space: Space, experiment: Experiment, copies: int) -> Members:
    """``copies`` members of the initial population, without fitness; with ``init=random`` of empty programs."""
    members = no_members(copies, space.capacity)
    _write_initial_rows(space, experiment, members)
    return members


def reset_fitness(space: Space, island: Island) -> None:
    """Make the members the initial population, the oldest first, without fitness, and clear finalists, caches and thresholds."""
    members = island.members
    first = 0
    if space.algorithm == REGULARIZED:
        first = island.clock[Clock.WRITTEN] % len(members.fitness)
    elif space.algorithm == CLIMBING:
        first, _ = climber(members)  # the only member that is evaluated again
    for array in members:
        array[:] = np.roll(array, -first, axis=0)
    _clear_fitness(space, island)
    island.finalists.fitness[:], island.finalists.adjusted[:] = -1.0, -1.0
    clear(island.fitness_cache)
    clear(island.fec_cache)
    reset_thresholds(island.hurdles)


def _clear_fitness(space: Space, island: Island) -> None:
    # The hashes too: a candidate with the hash of its row would keep the row's fitness.
    island.members.fitness[:], island.members.adjusted[:], island.members.about["hash"] = -1.0, -1.0, 0
    island.clock[Clock.WRITTEN], island.clock[Clock.UNCHANGED] = 0, space.initial_population
    island.incumbent.fitness[:], island.incumbent.adjusted[:] = -1.0, -1.0
    island.tuning[:SPENT], island.tuned[:] = 0.0, 0


@jit
def randomize_all(space: Space, members: Members, state: Words) -> None:
    """Fill every row with a random program."""
    for row in range(members.code.shape[0]):
        randomize(space, members, row, state)


@jit
def randomize(space: Space, members: Members, row: Any, state: Words) -> None:
    """Fill every evolvable function of a row with random instructions, its length random within the limits."""
    for f in space.evolvable:
        limits = space.functions[f]
        length = limits.least + below(state, limits.most - limits.least + 1)
        members.about[row].lengths[f] = length
        write_random(space, state, members.code[row], members.constants[row], f, limits.offset, length)


def genotype(space: Space, members: Members, row: int) -> Program:
    """The program in a row."""
    lengths = members.about["lengths"][row]
    used = np.concatenate([offset + np.arange(n) for offset, n in zip(space.functions["offset"], lengths, strict=True)])
    return unpack(lengths, members.code[row, used], members.constants[row].reshape(-1, CONSTANTS)[used])


def best(finalists: Members) -> int:
    """The row of the highest fitness, of equals that of the lowest birth."""
    return int(np.lexsort((finalists.about["birth"], -finalists.fitness))[0])


def replace_oldest(island: Island, immigrants: Members) -> None:
    """Replace the oldest members, in order, by immigrants with known fitness."""
    rows = (island.clock[Clock.WRITTEN] + np.arange(len(immigrants.fitness))) % len(island.members.fitness)
    for target, source in zip(island.members, immigrants, strict=True):
        target[rows] = source
    island.clock[Clock.WRITTEN] += len(rows)


def replace_worst(island: Island, immigrants: Members) -> None:
    """Replace the worst members, the oldest of equals first, by immigrants with known fitness."""
    rows = np.lexsort((island.members.about["birth"], island.members.fitness))[: len(immigrants.fitness)]
    for target, source in zip(island.members, immigrants, strict=True):
        target[rows] = source


def evaluate_next(island: Island, immigrants: Members, worst: bool) -> None:
    """Replace the oldest members, or the ``worst``, by immigrants without fitness: the next candidates, as initial members are the first."""
    members, clock, size = island.members, island.clock, len(island.members.fitness)
    rows = (clock[Clock.WRITTEN] + np.arange(len(immigrants.fitness))) % size
    if worst:  # they change places with the members in the next rows
        leaving = np.lexsort((members.about["birth"], members.fitness))[: len(rows)]
        moved = np.setdiff1d(rows, leaving)
        for array in members:
            array[np.setdiff1d(leaving, rows)] = array[moved]
    for target, source in zip(members, immigrants, strict=True):
        target[rows] = source
    clock[Clock.UNCHANGED] = max(clock[Clock.UNCHANGED], clock[Clock.WRITTEN] + len(rows))


def without_fitness(members: Members) -> Members:
    """The members with nothing but their programs: what was measured on other tasks means nothing."""
    about, unknown = members.about.copy(), np.full(len(members.fitness), -1.0)
    about["hash"] = 0  # a candidate with the hash of its row would keep the row's fitness
    return members._replace(about=about, fitness=unknown, adjusted=unknown.copy())


def select(members: Members, rows: Any) -> Members:
    """The rows ``rows``."""
    return Members(*(array[rows] for array in members))


def no_members(rows: int, capacity: int) -> Members:
    """``rows`` empty rows."""
    code, constants = aligned((rows, capacity), np.uint64), aligned((rows, CONSTANTS * capacity), np.float64)
    members = Members(
        code, constants, aligned(rows, ABOUT), *(aligned(rows, np.float64) for _ in ("fitness", "adjusted"))
    )
    members.fitness[:], members.adjusted[:] = -1.0, -1.0
    return members


def _write_initial_rows(space: Space, experiment: Experiment, members: Members) -> None:
    """Write the seed programs to the rows in turn or, without ``init=seed``, empty programs with the frozen functions."""
    programs = experiment.seed_programs
    for at, program in enumerate(programs):
        start = (
            np.zeros(space.capacity, np.uint64),
            np.zeros(CONSTANTS * space.capacity),
            space.functions["least"].copy(),
        )
        for f, name in enumerate(FUNCTIONS):
            if experiment.search.init == "seed" or name in experiment.frozen:
                _write(space, start, program, f)
        rows = slice(at, None, len(programs))
        members.code[rows], members.constants[rows], members.about["lengths"][rows] = start


def _write(space: Space, row: tuple[Any, Any, Any], program: Program, function: int) -> None:
    """Write one function of a program to a row. Its length is at least the minimum length."""
    code, constants, lengths = row
    packed = pack(program)
    begin, count = int(packed.lengths[:function].sum()), int(packed.lengths[function])
    first = int(space.functions["offset"][function])
    code[first : first + count] = packed.code[begin : begin + count]
    constants.reshape(-1, CONSTANTS)[first : first + count] = packed.constants[begin : begin + count]
    lengths[function] = max(count, lengths[function])
