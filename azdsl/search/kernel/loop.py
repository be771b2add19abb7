"""The compiled search: an epoch of one island in one call, without the GIL.

A child is settled by the first of these that can: it is a copy of its parent; it costs more than the
budget (fitness 0); it means the same as its parent; as a program seen before; it makes the same errors on
a few examples as one seen before (FEC); a hurdle stops it; it is evaluated in full.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from azdsl.codegen.numba_jit import inline, jit, merged
from azdsl.ir.packing import CONSTANTS
from azdsl.search.kernel.algorithms import RANDOM, REGULARIZED, REINFORCE, rivals
from azdsl.search.kernel.cache import Cache, find, put, replace
from azdsl.search.kernel.canonical import Scratch, fingerprint, liveness
from azdsl.search.kernel.evaluation import full, functional_hash
from azdsl.search.kernel.fitness import combined
from azdsl.search.kernel.hurdle_run import run_stages
from azdsl.search.kernel.hurdles import learn_from, would_pass
from azdsl.search.kernel.mutate import mutate
from azdsl.search.kernel.population import LAYERS, Island, Members, randomize
from azdsl.search.kernel.reinforce import compose, learn
from azdsl.search.kernel.rng import Words, digit, next_word, uniform
from azdsl.search.kernel.space import Space

_COPY, _NEUTRAL, _BUDGET, _CACHED, _FEC, _STOPPED, _HURDLE, _FULL = range(len(LAYERS))
_NONE = np.uint64(0)


@inline
def tournament(fitness: Any, draws: Any, state: Words) -> Any:
    """Draw members with replacement; the fittest wins, the first drawn of equals. Two draws a random word."""
    size = fitness.size
    winner, word = digit(next_word(state), size)
    best = fitness[winner]
    for i in range(1, draws):
        if i & 1 == 0:
            word = next_word(state)
        rival, word = digit(word, size)
        other = fitness[rival]
        winner, best = (rival, other) if other > best else (winner, best)
    return winner


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def copy_words(typing: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy 64-bit words from one address to another; the two do not overlap."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        byte, size = ir.IntType(8).as_pointer(), ir.IntType(64)
        to, origin = (builder.inttoptr(address, byte) for address in arguments[:2])
        copy = builder.module.declare_intrinsic("llvm.memcpy", [byte, byte, size])
        builder.call(copy, [to, origin, builder.shl(arguments[2], size(3)), ir.IntType(1)(0)])
        return context.get_dummy_value()

    return numba.types.void(numba.uint64, numba.uint64, numba.int64), generate


@inline
def copy_row(space: Space, source: Members, row: Any, target: Members, to: Any) -> None:
    """Copy a program with all that is known of it, its code only as far as it reaches."""
    about, theirs = source.about[row], target.about[to]
    theirs.key, theirs.birth = about.key, about.birth
    target.fitness[to] = source.fitness[row]
    for f in range(3):
        theirs.lengths[f] = about.lengths[f]
    end = space.functions[2].offset + about.lengths[2]
    copy_words(target.code[to].ctypes.data, source.code[row].ctypes.data, end)
    copy_words(target.constants[to].ctypes.data, source.constants[row].ctypes.data, CONSTANTS * end)


@inline
def recall(space: Space, island: Island, cache: Cache, key: Any) -> Any:
    """Whether a key is there, whether its value still holds, and the value."""
    known, fitness = find(cache, key)
    return known, known and not (space.hurdles > 0 and would_pass(island.hurdles, fitness)), fitness


@inline
def store(cache: Cache, known: Any, key: Any, fitness: Any) -> None:
    """Remember a fitness, in place of the one that is known."""
    if known:
        replace(cache, key, fitness)
    else:
        put(cache, key, fitness)


@merged
def measure(space: Space, island: Island, scratch: Scratch, engine: Any, key: Any) -> Any:
    """Fitness of the live program in ``scratch``, whose hash is ``key``, by FEC, hurdles or in full; how it was found."""
    count = scratch.lengths[0] + scratch.lengths[1] + scratch.lengths[2]
    code, constants = scratch.code[:count], scratch.constants[:count]
    early: Any = _NONE
    seen = False
    if space.fec:
        early = functional_hash(engine, scratch.lengths, code, constants)
        if early == _NONE:
            return 0.0, _STOPPED
        seen, holds, fitness = recall(space, island, island.errors, early)
        if holds:
            return fitness, _FEC
    if space.hurdles > 0:
        through, fitness = run_stages(space, island.hurdles, scratch, engine, key)
        if not through:
            if space.fec:
                store(island.errors, seen, early, fitness)
            return fitness, _HURDLE
    stopped = full(engine, scratch.lengths, code, constants, scratch.task_fitness)
    fitness = combined(space, scratch.task_fitness)
    if space.hurdles > 0:
        fitness = learn_from(island.hurdles, space.proxy, key, fitness)
    if space.fec:
        store(island.errors, seen, early, fitness)
    return fitness, _STOPPED if stopped else _FULL


@jit
def lowest(fitness: Any) -> Any:
    """The least of some numbers."""
    least = fitness[0]
    for i in range(1, fitness.size):
        least = min(least, fitness[i])
    return least


@jit
def remember(space: Space, members: Members, finalists: Members, row: Any) -> Any:
    """Take a member into the finalists, in place of the worst, if it is better and new; gives the new worst's fitness."""
    about, worst = members.about[row], 0
    for i in range(finalists.fitness.size):
        other = finalists.about[i]
        if finalists.fitness[i] >= 0.0 and other.key == about.key:
            return lowest(finalists.fitness)
        if finalists.fitness[i] < finalists.fitness[worst]:
            worst = i
    if members.fitness[row] > finalists.fitness[worst]:
        copy_row(space, members, row, finalists, worst)
    return lowest(finalists.fitness)


@inline
def settle(space: Space, island: Island, scratch: Scratch, engine: Any, row: Any) -> Any:
    """Set the fitness and hash of a member that holds its parent's; gives the layer that settled it."""
    members, about = island.members, island.members.about[row]
    code = members.code[row]
    liveness(space, scratch, code, about.lengths)
    cost, key = fingerprint(space, scratch, code, members.constants[row], about.lengths)
    if cost > space.budget:
        # The budget comes first and has no hash: a cheaper program may mean the same.
        about.key, members.fitness[row] = _NONE, 0.0
        return _BUDGET
    if key == about.key:
        return _NEUTRAL
    about.key = key
    known, holds, fitness = recall(space, island, island.programs, key)
    layer = _CACHED
    if not holds:
        fitness, layer = measure(space, island, scratch, engine, key)
        store(island.programs, known, key, fitness)
    members.fitness[row] = fitness
    return layer


@jit
def run_epoch(space: Space, island: Island, scratch: Scratch, engine: Any, candidates: Any) -> None:
    """Make and settle that many candidates, each in place of a member: ``algorithms`` says whose.

    The first candidates of an island are its initial programs. The result depends on the island's state
    alone: two epochs of n are one of 2n.
    """
    members, state = island.members, island.rng
    fitness, clock = members.fitness, island.clock
    worst = max(lowest(island.finalists.fitness), space.floor)
    for _ in range(candidates):
        row, changed = clock[0] % fitness.size, True
        if space.algorithm == RANDOM:
            randomize(space, members, row, state)
        elif space.algorithm == REINFORCE:
            compose(space, island.policy, state, members, row)
        elif clock[0] >= space.founders:
            if space.algorithm == REGULARIZED:
                parent = tournament(fitness, space.tournament, state)
            else:
                parent, row = rivals(space, members, state)
            if parent != row:
                copy_row(space, members, parent, members, row)
            changed = uniform(state) < space.mutation and mutate(
                space, state, members.code[row], members.constants[row], members.about[row].lengths
            )
        layer = settle(space, island, scratch, engine, row) if changed else _COPY
        members.about[row].birth = clock[1]
        if space.algorithm == REINFORCE:
            learn(space, island.policy, members, row)
        clock[0] += 1
        clock[1] += 1
        island.counts[layer] += 1
        # Only what was measured now can be new and better: the other layers' fitness was looked at before.
        if fitness[row] > worst and layer not in (_COPY, _NEUTRAL, _CACHED):
            worst = max(remember(space, members, island.finalists, row), space.floor)
