"""Proposals: programs from outside that a search tries. They are validated, then enter islands as immigrants without fitness."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.errors import AzdslError
from azdsl.ir import FUNCTIONS, Metric, Program
from azdsl.ops import Op
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.islands.migration import INSERT
from azdsl.search.islands.plan import Plan
from azdsl.search.kernel.population import Members, initial_members
from azdsl.search.kernel.space import check_registers
from azdsl.syntax import parse


@dataclass(frozen=True)
class Batch:
    """What was proposed for an epoch: the texts that were examined, in their order.

    ``refused`` has the error of each invalid one by its number, counted from 1. ``left_out`` counts texts beyond those that an epoch
    takes. ``failure`` is why there was no answer; empty if there was one.
    """

    epoch: int
    programs: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0
    failure: str = ""


def check_populations(plan: Plan) -> None:
    """Raise ``SettingsError`` if no island has a population that proposals could enter."""
    if not any(own.search.algorithm in INSERT for own in plan.islands):
        raise SettingsError(
            "proposals",
            f"algorithm={plan.search.algorithm} has no population that proposals could enter; use {' or '.join(INSERT)}",
        )


def examine(plan: Plan, epoch: int, texts: Sequence[str]) -> tuple[Batch, list[Members | None]]:
    """The proposals of ``epoch`` and, for every island, the valid ones that it receives at its end, without fitness; None without any."""
    places = list(_places(_shares(plan, epoch), epoch))
    examined, refused = tuple(texts[: len(places)]), dict[str, str]()
    by_island: list[list[Program]] = [[] for _ in plan.islands]
    for number, text in enumerate(examined, 1):
        island = places[number - 1 - len(refused)]
        try:
            program = parse(text, f"proposal {number} of epoch {epoch}")
            by_island[island].append(fitting(plan.islands[island], plan.metric, plan.experiment.all_ops, program))
        except AzdslError as error:
            refused[str(number)] = str(error)
    packed = [
        packed_members(own, programs) if programs else None
        for own, programs in zip(plan.islands, by_island, strict=True)
    ]
    return Batch(epoch, examined, refused, len(texts) - len(examined)), packed


def _shares(plan: Plan, epoch: int) -> list[int]:
    """For every island, how many proposals of ``epoch`` it takes: at most half of its population and of its next candidates."""
    found = []
    for own, schedule in zip(plan.islands, plan.schedules.each, strict=True):
        following = schedule.end(epoch + 1) - schedule.end(epoch)
        most = max(1, min(own.search.population, following) // 2)
        found.append(most if own.search.algorithm in INSERT else 0)
    return found


def _places(shares: Sequence[int], epoch: int) -> Iterator[int]:
    """The island of each proposal: all in turn, while they take any. The first one is another one in every epoch."""
    for turn in range(max(shares)):
        for number in range(epoch, epoch + len(shares)):
            if turn < shares[number % len(shares)]:
                yield number % len(shares)


def fitting(own: IslandPlan, metric: Metric, ops: Collection[Op], program: Program) -> Program:
    """The program with the frozen functions of the seed program. Raises ``SettingsError`` if the search space has no such program.

    ``ops`` are those that the search evaluates.
    """
    program = _with_frozen(own.experiment, program)
    check_registers(program, own.experiment.registers, metric)
    for name, block, most in zip(FUNCTIONS, program.functions, own.space.functions["most"].tolist(), strict=True):
        if len(block) > most:
            raise SettingsError(name.lower(), f"{name} has {len(block)} instructions; the search has at most {most}")
    unknown = next((i for i in program.instructions if i.op not in ops), None)
    if unknown is not None:
        raise SettingsError("ops", f"the search does not use the op of {str(unknown)!r}")
    return program


def _with_frozen(experiment: Experiment, program: Program) -> Program:
    """The program with the seed program's frozen functions, each of which it must have or leave out."""
    for name in sorted(experiment.frozen):
        at = FUNCTIONS.index(name)
        seed, own = experiment.program.functions[at], program.functions[at]
        if own and own != seed:
            raise SettingsError("frozen", f"{name} is frozen, but differs from that of the seed program: leave it out")
        program = replace(program, **{name.lower(): seed})  # type: ignore[arg-type]
    return program


def packed_members(own: IslandPlan, programs: Sequence[Program]) -> Members:
    """The programs as members of an island, without fitness."""
    first, *others = programs
    search = replace(own.search, init="seed")
    experiment = replace(own.experiment, program=first, further_seeds=tuple(others), search=search)
    return initial_members(own.space, experiment, len(programs))
