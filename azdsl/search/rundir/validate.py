"""Validation of the arrays of a checkpoint, on which compiled code runs without further checks.

The checksum of a checkpoint detects a truncated file, not one that another program wrote.
"""

from __future__ import annotations

import numpy as np

from azdsl.config.search import Search
from azdsl.ir.packing import CONSTANTS, first_input, op_code, output_register, second_input
from azdsl.ops import OPS, Role
from azdsl.search.islands.island_report import IslandReport
from azdsl.search.kernel.cache import WAYS, Cache
from azdsl.search.kernel.hurdles import STOPPED_BELOW
from azdsl.search.kernel.population import Clock, Island, Members
from azdsl.search.kernel.space import ROLES, Space


def island_problem(space: Space, groups: int, island: Island) -> str | None:
    """The fault in an island's arrays, for a search with ``groups`` task groups, or None."""
    if island.clock[Clock.TASK_GROUP] >= groups:
        return "it is evaluated on a task group that the search does not have"
    if island.clock[Clock.UNCHANGED] > island.clock[Clock.WRITTEN] + len(island.members.fitness):
        return "more members are to be evaluated as they stand than there are"
    if not island.rng.any():
        return "the state of its random number generator is 0"
    if not (np.isfinite(island.tuning) & (island.tuning >= 0.0) & (island.tuning < 2.0**53)).all():
        return "its tuning of constants has an invalid number"
    found = [
        _counts(island),
        *(_members(space, members) for members in (island.members, island.finalists, island.incumbent)),
    ]
    found += [_cache(space, cache) for cache in (island.fitness_cache, island.fec_cache)]
    return next((text for text in found if text), None)


def report_problem(space: Space, search: Search, report: IslandReport) -> str | None:
    """The fault in a report, for the exchange and for islands that receive its emigrants, or None."""
    emigrants = report.emigrants.fitness
    if (
        report.finalists.fitness.size != search.finalists
        or emigrants.size > search.population
        or (emigrants < 0.0).any()
    ):
        return "it has a report with other numbers of programs than the search"
    found = [_counts(report), *(_programs(space, members) for members in (report.finalists, report.fittest))]
    found.append(_members(space, report.emigrants))
    return next((text for text in found if text), None)


def _counts(holder: Island | IslandReport) -> str | None:
    """The fault in the counts of candidates or of scores at hurdles, or None."""
    if (holder.clock < 0).any() or (holder.counts < 0).any() or (holder.fec_sample < 0).any():
        return "it has a negative count of candidates"
    hurdles = holder.hurdles
    if ((hurdles.filled < 0) | (hurdles.filled >= hurdles.scores.shape[1])).any() or (hurdles.sampled < 0).any():
        return "it has more scores at a hurdle than are kept"
    return None


def _members(space: Space, members: Members) -> str | None:
    """The fault in programs of a population, or None."""
    lengths = members.about["lengths"]
    empty = (lengths == 0).all(axis=1) & (members.fitness < 0.0)
    if ((lengths < space.functions["least"]) & ~empty[:, None]).any():
        return "it has a program of invalid length"
    return _programs(space, members)


def _programs(space: Space, members: Members) -> str | None:
    """The fault in programs, or None: lengths, fitness, ops, registers or constants."""
    lengths, functions, table = members.about["lengths"], space.functions, space.table
    if ((lengths < 0) | (lengths > functions["most"])).any():
        return "it has a program of invalid length"
    if not ((members.fitness <= 1.0) & (members.adjusted <= members.fitness)).all():
        return "it has an invalid fitness"
    places = [np.arange(most) < lengths[:, [f]] for f, most in enumerate(functions["most"])]
    rows, columns = np.nonzero(np.hstack(places))
    code = members.code[rows, columns]
    op, a, b, out = (field(code).astype(np.int64) for field in (op_code, first_input, second_input, output_register))
    if (op >= len(OPS)).any():
        return "it has an unknown op"
    facts = table[op]
    least, most = facts["out_first"], facts["out_first"] + facts["out_count"]
    if ((a >= facts["a_count"]) | (b >= facts["b_count"]) | (out < least) | (out >= most)).any():
        return "it has a register that the search does not have"
    constants = members.constants.reshape(len(lengths), space.capacity, CONSTANTS)[rows, columns]
    wanted = np.arange(CONSTANTS) < facts["constants"][:, None]
    index = wanted & (facts["roles"] == ROLES.index(Role.INDEX))
    if not np.isfinite(constants[wanted]).all() or ((constants[index] < 0.0) | (constants[index] >= 1.0)).any():
        return "it has an invalid constant"
    return None


def _cache(space: Space, cache: Cache) -> str | None:
    """The fault in a cache, or None: its fitness values also encode the hurdle that stopped a program."""
    values = cache.sets["values"]
    ranks = np.sort(np.ascontiguousarray(cache.sets["ranks"]).astype("<u8").view(np.uint8).reshape(-1, 8)[:, :WAYS])
    if (ranks != np.arange(WAYS)).any():
        return "it has a cache without an order of its entries"
    least = STOPPED_BELOW ** (space.hurdles + 1) if space.hurdles else 0.0
    return None if (((values >= least) | (values == 0.0)) & (values <= 1.0)).all() else "it has an invalid fitness"
