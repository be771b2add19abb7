"""The exchange between islands after an epoch: the run state is updated from the reports of all islands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl import sums
from azdsl.ir import Program
from azdsl.search.islands import proxy
from azdsl.search.islands.hall_of_fame import HallOfFame, include, update
from azdsl.search.islands.island_report import IslandReport
from azdsl.search.islands.milestones import milestones
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import RunState
from azdsl.search.islands.selection import Found, all_found, bests
from azdsl.search.kernel.fec_sample import COUNTS
from azdsl.search.kernel.population import LAYERS, Members
from azdsl.search.kernel.population import best as best_row

Reports = Sequence[IslandReport]
"""The reports of all islands, by island."""


def run_exchange(plan: Plan, state: RunState, reports: Reports) -> tuple[RunState, list[dict[str, Any]]]:
    """The run state after the epoch ``state.epoch``, at whose end ``reports`` were made, and the epoch's milestones."""
    on_groups = plan.groups > 1  # the fitness in reports is that on one task group
    found, on_run = _found_on_all_tasks(plan, state, reports) if on_groups else [], _on_run(plan, reports)
    foreign = _new_bests(plan, state, reports)
    best = max(
        (f.search_fitness for f in found) if on_groups else (float(r.finalists.fitness.max()) for r in on_run.values()),
        default=-1.0,
    )
    best = max([best, *(f.search_fitness for f in foreign)])
    better = best > state.best
    compare = better or best >= plan.search.target
    if compare and not on_groups:
        found = bests(plan.space, {n: report.finalists for n, report in on_run.items()}, plan.metric)
    steps: list[dict[str, Any]] = []
    if better:
        candidates = found if on_groups else _finalists(plan, on_run, state.best)
        steps = milestones([*candidates, *foreign], state.best, plan.schedules, state.epoch)
    found += foreign
    end, redraws, restarts = plan.schedules.average(state.epoch), plan.redraws(state), plan.restarts(state)
    return (
        replace(
            state,
            epoch=state.epoch + 1,
            best=best if better else state.best,
            best_at=evaluations(reports) if better else state.best_at,
            restarted_at=end if restarts else state.restarted_at,
            restarts=state.restarts + restarts,
            regrouped_at=end if redraws else state.regrouped_at,
            groups_drawn=state.groups_drawn + redraws,
            finalists=plan.judge.compare(state.finalists, found) if compare else state.finalists,
            hall_of_fame=updated_hall_of_fame(plan, state.hall_of_fame, reports, found),
        ),
        steps,
    )


def _found_on_all_tasks(plan: Plan, state: RunState, reports: Reports) -> list[Found]:
    """All finalists with their fitness on all tasks, before the task group changes and while no best program is known.

    Only of islands that search on the tasks of the run.
    """
    measured = plan.redraws(state) or state.best < 0.0
    return plan.judge.on_all(_finalists(plan, _on_run(plan, reports), -1.0)) if measured else []


def _new_bests(plan: Plan, state: RunState, reports: Reports) -> list[Found]:
    """The best finalists of islands with tasks of their own that are new since the last exchange, measured on the tasks of the run."""
    new: dict[int, Members] = {}
    for number, report in _on_own(plan, reports).items():
        top = best_row(report.finalists)
        begin = plan.schedules.each[number].end(state.epoch - 1)
        if report.finalists.fitness[top] > 0.0 and report.finalists.about["birth"][top] >= begin:
            new[number] = report.finalists
    return plan.judge.on_run(bests(plan.space, new, plan.metric)) if new else []


def _on_run(plan: Plan, reports: Reports) -> dict[int, IslandReport]:
    """The reports of islands that search on the tasks of the run or stage, by island."""
    return {n: report for n, report in enumerate(reports) if not plan.islands[n].tasks}


def _on_own(plan: Plan, reports: Reports) -> dict[int, IslandReport]:
    """The reports of islands that search on tasks of their own, by island. Their fitness is not comparable with any other."""
    return {n: report for n, report in enumerate(reports) if plan.islands[n].tasks}


def _finalists(plan: Plan, reports: Mapping[int, IslandReport], above: float) -> list[Found]:
    """The finalists with a fitness greater than ``above`` in the reports."""
    return all_found(plan.space, {n: report.finalists for n, report in reports.items()}, above, plan.metric)


def finalists(plan: Plan, reports: Reports) -> list[Found]:
    """All islands' finalists, with their fitness on all tasks of the search."""
    found = _finalists(plan, _on_run(plan, reports), -1.0)
    foreign = _finalists(plan, _on_own(plan, reports), 0.0)
    return [*(plan.judge.on_all(found) if plan.groups > 1 else found), *plan.judge.on_run(foreign)]


def updated_hall_of_fame(plan: Plan, entries: HallOfFame, reports: Reports, found: Sequence[Found]) -> HallOfFame:
    """The hall of fame with the reports' fittest programs, and those of ``found`` that islands with tasks of their own found.

    With task groups, with all of ``found`` instead. What is included from ``found`` was measured on all tasks of the search.
    """
    if plan.groups > 1:
        return include(entries, found)

    def measure(program: Program) -> float:
        return plan.judge.search_fitness([program])[0]

    fittest = {n: report.fittest for n, report in _on_run(plan, reports).items()}
    foreign = [item for item in found if plan.islands[item.island].tasks]
    return include(update(entries, plan.space, fittest, plan.metric, measure), foreign)


def evaluations(reports: Reports) -> int:
    """Candidates of all islands."""
    return sum(report.candidates for report in reports)


def layers(reports: Reports) -> dict[str, int]:
    """Candidates of all islands by the layer that settled them."""
    counts = np.sum([report.counts for report in reports], axis=0)
    return dict(zip(LAYERS, counts.tolist(), strict=True))


def fec_sample(plan: Plan, reports: Reports) -> dict[str, int] | None:
    """Hits of the functional equivalence cache, and the counts of the sample that was evaluated in full; None without FEC."""
    if not plan.search.fec:
        return None
    counts = np.sum([report.fec_sample for report in reports], axis=0)
    return {"hits": layers(reports)["fec"]} | dict(zip(COUNTS, counts.tolist(), strict=True))


def hurdles(plan: Plan, reports: Reports) -> dict[str, Any] | None:
    """The summary of the hurdles (``proxy.summary``); None without hurdles."""
    known = [report.hurdles for report in _on_run(plan, reports).values()]
    return proxy.summary(known, plan.costs) if plan.costs and known else None


def means(plan: Plan, reports: Reports) -> tuple[float, tuple[float, ...]]:
    """The mean fitness of all members, and that of each island's members.

    The former without islands that search on tasks of their own, unless all do.
    """
    same = (_on_run(plan, reports) or _on_own(plan, reports)).values()
    by_island = tuple(_mean(own.space.floor, report.fitness) for own, report in zip(plan.islands, reports, strict=True))
    return _mean(plan.space.floor, np.concatenate([report.fitness for report in same])), by_island


def _mean(floor: float, fitness: NDArray[np.float64]) -> float:
    """The mean over evaluated members that no hurdle stopped, whose fitness is at least ``floor``; 0 without any."""
    known = fitness[fitness >= max(floor, 0.0)]
    return float(sums.mean(known)) if known.size else 0.0
