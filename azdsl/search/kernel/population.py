"""The state of one island, all of it arrays, and its initial population."""

from __future__ import annotations

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
from azdsl.search.kernel.hurdles import Hurdles, lower, make_hurdles
from azdsl.search.kernel.mutate import write_random
from azdsl.search.kernel.reinforce import Policy, forget, make_policy
from azdsl.search.kernel.rng import Words, below, seeded
from azdsl.search.kernel.space import Space

LAYERS = ("copies", "neutral", "over_budget", "cached", "fec", "stopped_early", "hurdle", "full")
"""How a candidate's fitness was settled, in the order of ``Island.counts``."""


ABOUT = np.dtype([("lengths", "i8", 3), ("key", "u8"), ("birth", "i8")])
"""A program's lengths, its canonical hash (0 when it is over budget) and its number among the candidates."""


CLOCKS = 3
"""Numbers in ``Island.clock``."""


class Members(NamedTuple):
    """Programs in rows: ``code`` uint64[P, C], ``constants`` float64[P, 3 C], ``about`` [P]; ``fitness``
    float64[P], -1 where it is not known yet or the row is empty.
    """

    code: NDArray[np.uint64]
    constants: NDArray[np.float64]
    about: NDArray[np.void]
    fitness: NDArray[np.float64]


class Island(NamedTuple):
    """``members`` is a ring: the next child replaces row ``clock[0] % P``, the oldest. ``clock[1]`` counts candidates,
    ``clock[2]`` is the group of tasks that they are evaluated on.

    ``finalists`` are the best programs so far with different hashes. ``counts`` int64[8] counts candidates by
    ``LAYERS``. ``programs`` maps canonical hashes to fitness, ``errors`` hashes of early errors. ``policy`` is what
    ``algorithm=reinforce`` draws programs from; it is empty otherwise.
    """

    members: Members
    finalists: Members
    rng: Words
    clock: NDArray[np.int64]
    counts: NDArray[np.int64]
    programs: Cache
    errors: Cache
    hurdles: Hurdles
    policy: Policy


def make_island(space: Space, experiment: Experiment, island: int) -> Island:
    """An island without a population, its random numbers seeded by the search's seed and its own number."""
    search, capacity = experiment.search, space.capacity
    return Island(
        members=no_members(search.population, capacity),
        finalists=no_members(search.finalists, capacity),
        rng=seeded(search.seed, island),
        clock=aligned(CLOCKS, np.int64),
        counts=aligned(len(LAYERS), np.int64),
        programs=make_cache(search.cache),
        errors=make_cache(search.cache if space.fec else 1),
        hurdles=make_hurdles(search),
        policy=make_policy(space, search.algorithm == "reinforce"),
    )


def write_initial(space: Space, experiment: Experiment, island: Island) -> None:
    """Fill the population's rows with the initial programs; their fitness is not known yet.

    ``seed``: the file's program, padded with NoOp. ``empty``: NoOp alone. ``random``: random instructions,
    of a random length within the limits. Frozen functions are always as written.
    """
    members, program = island.members, experiment.program
    start = np.zeros(space.capacity, np.uint64), np.zeros(CONSTANTS * space.capacity), space.functions["least"].copy()
    for f, name in enumerate(FUNCTIONS):
        if experiment.search.init == "seed" or name in experiment.frozen:
            _write(space, start, program, f)
    members.code[:], members.constants[:], members.about["lengths"] = start
    _unmeasured(island)
    forget(island.policy)
    if experiment.search.init == "random":
        randomize_all(space, members, island.rng)


def forget_fitness(space: Space, island: Island) -> None:
    """Have the members measured again, the oldest first: they are the initial programs of what follows."""
    members = island.members
    first = 0
    if space.algorithm == REGULARIZED:
        first = island.clock[0] % len(members.fitness)
    elif space.algorithm == CLIMBING:
        first, _ = climber(members)  # the only one that is measured
    for array in members:
        array[:] = np.roll(array, -first, axis=0)
    _unmeasured(island)
    island.finalists.fitness[:] = -1.0
    clear(island.programs)
    clear(island.errors)
    lower(island.hurdles)


def _unmeasured(island: Island) -> None:
    # A child that keeps its row's hash keeps its fitness too, and there is none any more.
    island.members.fitness[:], island.members.about["key"] = -1.0, 0
    island.clock[0] = 0


@jit
def randomize_all(space: Space, members: Members, state: Words) -> None:
    """Fill every row with a random program."""
    for row in range(members.code.shape[0]):
        randomize(space, members, row, state)


@jit
def randomize(space: Space, members: Members, row: Any, state: Words) -> None:
    """Fill every function of a row that can evolve with random instructions, their number random within the limits."""
    for f in space.evolvable:
        limits = space.functions[f]
        length = limits.least + below(state, limits.most - limits.least + 1)
        members.about[row].lengths[f] = length
        write_random(space, state, members.code[row], members.constants[row], f, limits.offset, length)


def genotype(space: Space, members: Members, row: int) -> Program:
    """A row as a program."""
    lengths = members.about["lengths"][row]
    used = np.concatenate([offset + np.arange(n) for offset, n in zip(space.functions["offset"], lengths, strict=True)])
    return unpack(lengths, members.code[row, used], members.constants[row].reshape(-1, CONSTANTS)[used])


def best(finalists: Members) -> int:
    """The row of the first program that reached the highest fitness."""
    return int(np.lexsort((finalists.about["birth"], -finalists.fitness))[0])


def adopt(island: Island, others: Members) -> None:
    """Put programs with known fitness in place of the oldest ones, in order (migration)."""
    rows = (island.clock[0] + np.arange(len(others.fitness))) % len(island.members.fitness)
    for mine, theirs in zip(island.members, others, strict=True):
        mine[rows] = theirs
    island.clock[0] += len(rows)


def supplant(island: Island, others: Members) -> None:
    """Put programs with known fitness in place of the worst ones, the oldest of equals first."""
    rows = np.lexsort((island.members.about["birth"], island.members.fitness))[: len(others.fitness)]
    for mine, theirs in zip(island.members, others, strict=True):
        mine[rows] = theirs


def select(members: Members, rows: Any) -> Members:
    """A copy of some rows."""
    return Members(*(array[rows] for array in members))


def no_members(rows: int, capacity: int) -> Members:
    """Rows without programs."""
    code, constants = aligned((rows, capacity), np.uint64), aligned((rows, CONSTANTS * capacity), np.float64)
    members = Members(code, constants, aligned(rows, ABOUT), aligned(rows, np.float64))
    members.fitness[:] = -1.0
    return members


def _write(space: Space, row: tuple[Any, Any, Any], program: Program, function: int) -> None:
    """Put one function of a program into a row, keeping at least the least length."""
    code, constants, lengths = row
    packed = pack(program)
    begin, count = int(packed.lengths[:function].sum()), int(packed.lengths[function])
    first = int(space.functions["offset"][function])
    code[first : first + count] = packed.code[begin : begin + count]
    constants.reshape(-1, CONSTANTS)[first : first + count] = packed.constants[begin : begin + count]
    lengths[function] = max(count, lengths[function])
