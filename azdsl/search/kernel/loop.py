"""The compiled search loop: one call runs an epoch of one island, without the GIL.

The fitness of a child is settled by the first layer that applies (``population.LAYERS``):

1. the child is a copy of its parent;
2. its cost exceeds the budget, and its fitness is 0;
3. its canonical hash equals that of its parent;
4. its canonical hash is in the fitness cache;
5. its errors on the first examples are in the functional equivalence cache (FEC); a fitness that would make it a finalist is
   confirmed by a full evaluation first;
6. a hurdle stops it;
7. it is evaluated in full.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from azdsl.codegen.numba_jit import call, inline, jit, merged
from azdsl.ir.packing import CONSTANTS
from azdsl.search.kernel.algorithms import RANDOM, REINFORCE, pair
from azdsl.search.kernel.cache import Cache, find, put, replace
from azdsl.search.kernel.canonical import Scratch, canonical_hash, liveness
from azdsl.search.kernel.evaluation import full, functional_hash
from azdsl.search.kernel.fec_sample import compare, is_due
from azdsl.search.kernel.fitness import combined
from azdsl.search.kernel.hurdle_run import PASSED
from azdsl.search.kernel.hurdles import STOPPED_BELOW, learn_from, would_pass
from azdsl.search.kernel.mutate import mutate
from azdsl.search.kernel.population import LAYERS, Clock, Island, Members, randomize
from azdsl.search.kernel.rng import Words, uniform
from azdsl.search.kernel.space import Space
from azdsl.search.kernel.steps import Steps, find_steps
from azdsl.search.kernel.tuning import SPENT, adapt, begin, done, is_new

_COPY, _NEUTRAL, _BUDGET, _CACHED, _FEC, _STOPPED, _HURDLE, _FULL = range(len(LAYERS))
_SEEN = (_COPY, _NEUTRAL, _CACHED)
"""Layers of candidates that cannot be new finalists."""

_NONE = np.uint64(0)


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def copy_words(typing: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy ``count`` 64-bit words from address ``source`` to address ``target``, which must not overlap."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        byte, size = ir.IntType(8).as_pointer(), ir.IntType(64)
        to, origin = (builder.inttoptr(address, byte) for address in arguments[:2])
        copy = builder.module.declare_intrinsic("llvm.memcpy", [byte, byte, size])
        builder.call(copy, [to, origin, builder.shl(arguments[2], size(3)), ir.IntType(1)(0)])
        return context.get_dummy_value()

    return numba.types.void(numba.uint64, numba.uint64, numba.int64), generate


@inline
def copy_row(space: Space, source: Members, row: Any, target: Members, to: Any) -> None:
    """Copy a member: its code up to the end of the program, constants, lengths, hash, birth and both kinds of fitness."""
    about, copied = source.about[row], target.about[to]
    copied.hash, copied.birth = about.hash, about.birth
    target.fitness[to], target.adjusted[to] = source.fitness[row], source.adjusted[row]
    for f in range(3):
        copied.lengths[f] = about.lengths[f]
    end = space.functions[2].offset + about.lengths[2]
    copy_words(target.code[to].ctypes.data, source.code[row].ctypes.data, end)
    copy_words(target.constants[to].ctypes.data, source.constants[row].ctypes.data, CONSTANTS * end)


@inline
def recall(space: Space, island: Island, cache: Cache, key: Any) -> Any:
    """Whether a key is present, whether its fitness is still valid, and the fitness."""
    present, fitness = find(cache, key)
    return present, present and not (space.hurdles > 0 and would_pass(island.hurdles, fitness)), fitness


@inline
def store(cache: Cache, present: Any, key: Any, fitness: Any) -> None:
    """Set the fitness of a key, which is in the cache already if ``present``."""
    if present:
        replace(cache, key, fitness)
    else:
        put(cache, key, fitness)


@merged
def measure(
    space: Space, island: Island, scratch: Scratch, engine: Any, steps: Steps, program_hash: Any, worst: Any
) -> Any:
    """Fitness of the live program in ``scratch`` by FEC, hurdles or full evaluation, and the layer that settled it.

    ``worst`` is the fitness above which a program enters the finalists.
    """
    count = scratch.lengths[0] + scratch.lengths[1] + scratch.lengths[2]
    code, constants = scratch.code[:count], scratch.constants[:count]
    early: Any = _NONE
    present, cached = False, -1.0  # ``cached`` is the fitness of a hit that is evaluated in full too
    sampled = False
    if space.fec:
        early = functional_hash(engine, scratch.lengths, code, constants)
        if early == _NONE:
            return 0.0, _STOPPED
        present, valid, fitness = recall(space, island, island.fec_cache, early)
        if valid:
            sampled = is_due(island.counts[_FEC], fitness)
            if not sampled and fitness <= worst:
                return fitness, _FEC
            cached = fitness
    if space.hurdles > 0 and cached < 0.0:
        fitness = call(numba.float64, steps.hurdles, (space, island.hurdles, scratch, engine, program_hash))
        if fitness != PASSED:
            if space.fec:
                store(island.fec_cache, present, early, fitness)
            return fitness, _HURDLE
    stopped = full(engine, scratch.lengths, code, constants, scratch.task_fitness)
    fitness = combined(space, scratch.task_fitness)
    if cached >= 0.0:
        fitness = fitness if space.hurdles == 0 or fitness >= STOPPED_BELOW else 0.0
        if sampled:
            compare(island.fec_sample, cached, fitness)
        if fitness == cached or cached <= worst:
            return cached, _FEC
    elif space.hurdles > 0:
        fitness = learn_from(island.hurdles, space.proxy, program_hash, fitness)
    if space.fec:
        store(island.fec_cache, present, early, fitness)
    return fitness, _STOPPED if stopped else _FULL


@jit
def lowest(fitness: Any) -> Any:
    """The least element of ``fitness``."""
    least = fitness[0]
    for i in range(1, fitness.size):
        least = min(least, fitness[i])
    return least


@jit
def remember(space: Space, members: Members, finalists: Members, row: Any) -> Any:
    """Replace the worst finalist by a member with a new hash and a higher fitness. Returns the fitness of the worst finalist."""
    about, worst = members.about[row], 0
    for i in range(finalists.fitness.size):
        other = finalists.about[i]
        if finalists.fitness[i] >= 0.0 and other.hash == about.hash:
            return lowest(finalists.fitness)
        if finalists.fitness[i] < finalists.fitness[worst]:
            worst = i
    if members.fitness[row] > finalists.fitness[worst]:
        copy_row(space, members, row, finalists, worst)
    return lowest(finalists.fitness)


@merged
def settle(space: Space, island: Island, scratch: Scratch, engine: Any, steps: Steps, row: Any, worst: Any) -> Any:
    """Update the fitness and hash of a child, which still has those of its parent. Returns the layer that settled it.

    ``worst`` is the fitness above which a program enters the finalists.
    """
    members, about = island.members, island.members.about[row]
    code = members.code[row]
    liveness(space, scratch, code, about.lengths)
    cost, program_hash = canonical_hash(space, scratch, code, members.constants[row], about.lengths)
    if cost > space.budget:
        # The hash is 0, since a cheaper program may have the same canonical hash.
        about.hash, members.fitness[row] = _NONE, 0.0
        return _BUDGET
    if program_hash == about.hash:
        return _NEUTRAL
    about.hash = program_hash
    present, valid, fitness = recall(space, island, island.fitness_cache, program_hash)
    layer = _CACHED
    if not valid:
        fitness, layer = measure(space, island, scratch, engine, steps, program_hash, worst)
        store(island.fitness_cache, present, program_hash, fitness)
    members.fitness[row] = fitness
    return layer


@merged
def adjust(space: Space, members: Members, scratch: Scratch, row: Any) -> None:
    """Update the adjusted fitness of a member whose live program is in ``scratch``."""
    size = scratch.lengths[0] + scratch.lengths[1] + scratch.lengths[2]
    members.adjusted[row] = members.fitness[row] - space.parsimony * size


@merged
def tuning_due(space: Space, island: Island) -> Any:
    """Whether the candidates that tuned so far are less than their share of the full evaluations."""
    return island.tuning[SPENT] < space.tune * (island.counts[_FULL] + island.counts[_STOPPED])


@merged
def has_incumbent(space: Space, island: Island, parent: Any) -> Any:
    """Whether there is a program to tune. Without one, the member in row ``parent`` becomes the incumbent unless it was tuned."""
    if done(island.tuning):
        program_hash = island.members.about[parent].hash
        if not is_new(island.tuned, program_hash):
            return False
        copy_row(space, island.members, parent, island.incumbent, 0)
        begin(island.tuning, island.tuned, program_hash)
    return True


@merged
def challenge(space: Space, island: Island, row: Any, layer: Any) -> None:
    """Compare a tuned candidate with the incumbent. A better one replaces it, and a new one also among the finalists."""
    members, incumbent, finalists = island.members, island.incumbent, island.finalists
    better = members.fitness[row] > incumbent.fitness[0]
    if better:
        for i in range(finalists.fitness.size):
            if layer not in _SEEN and finalists.about[i].hash == incumbent.about[0].hash:
                finalists.fitness[i] = -1.0
        copy_row(space, members, row, incumbent, 0)
    adapt(island.tuning, island.tuned, better, incumbent.about[0].hash)


@jit
def mutate_often(space: Space, state: Words, scratch: Scratch, members: Members, row: Any, edit: Any) -> Any:
    """Mutate a member once, and once more with probability ``space.edits``, again and again. Returns False if it is unchanged.

    ``edit`` is the address of ``edit.edit``.
    """
    changed = mutate(space, state, scratch, members, row, edit)
    while space.edits > 0.0 and uniform(state) < space.edits:
        changed |= mutate(space, state, scratch, members, row, edit)
    return changed


@inline
def bear(space: Space, state: Words, scratch: Scratch, members: Members, parent: Any, row: Any, edit: Any) -> Any:
    """Write a child of the member in row ``parent`` to ``row``. Returns False if it is certainly a copy."""
    if parent != row:
        copy_row(space, members, parent, members, row)
    return uniform(state) < space.mutation and mutate_often(space, state, scratch, members, row, edit)


def run_epoch(space: Space, island: Island, scratch: Scratch, engine: Any, candidates: int) -> None:
    """Breed and settle ``candidates`` candidates; the algorithm decides which member each replaces.

    Initial members and some immigrants are candidates as they stand (``Clock.UNCHANGED``). The result depends on the island's
    state alone: two calls for n candidates equal one call for 2n.
    """
    breed(space, island, scratch, engine, find_steps(space, island, scratch, engine), candidates)


@jit
def breed(space: Space, island: Island, scratch: Scratch, engine: Any, steps: Steps, candidates: Any) -> None:
    """``run_epoch`` with the addresses of the steps that the search takes."""
    members, state = island.members, island.rng
    fitness, clock = members.fitness, island.clock
    worst = max(lowest(island.finalists.fitness), space.floor)
    for _ in range(candidates):
        row, changed, tunes = clock[Clock.WRITTEN] % fitness.size, True, False
        if space.algorithm == RANDOM:
            randomize(space, members, row, state)
        elif space.algorithm == REINFORCE:
            call(numba.boolean, steps.compose, (space, island.policy, state, members, row))
        elif clock[Clock.WRITTEN] >= clock[Clock.UNCHANGED]:
            parent, row = pair(space, members, state, row)
            tunes = space.tune > 0.0 and tuning_due(space, island) and has_incumbent(space, island, parent)
            if tunes:
                copy_row(space, island.incumbent, 0, members, row)
                changed = call(numba.boolean, steps.tune, (space, island, scratch, row))
            else:
                changed = bear(space, state, scratch, members, parent, row, steps.edit)
        layer = _COPY
        if changed:
            layer = settle(space, island, scratch, engine, steps, row, worst)
            adjust(space, members, scratch, row)
        members.about[row].birth = clock[Clock.CANDIDATES]
        if space.algorithm == REINFORCE:
            call(numba.boolean, steps.learn, (space, island.policy, members, row))
        clock[Clock.WRITTEN] += 1
        clock[Clock.CANDIDATES] += 1
        island.counts[layer] += 1
        if tunes:
            challenge(space, island, row, layer)
        # Copies, neutral and cached candidates cannot be new: their program was compared with the finalists before.
        if fitness[row] > worst and layer not in _SEEN:
            worst = max(remember(space, members, island.finalists, row), space.floor)
