"""The exchange between islands after an epoch: the run state is updated from the reports of all islands."""

from __future__ import annotations

from collections.abc import Sequence
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
from azdsl.search.kernel.population import LAYERS

Reports = Sequence[IslandReport]
"""The reports of all islands, by island."""


def run_exchange(plan: Plan, state: RunState, reports: Reports) -> tuple[RunState, list[dict[str, Any]]]:
    """The run state after the epoch ``state.epoch``, at whose end ``reports`` were made, and the epoch's milestones."""
    on_groups = plan.groups > 1  # the fitness in reports is that on one task group
    found = _found_on_all_tasks(plan, state, reports) if on_groups else []
    best = max(
        (f.search_fitness for f in found) if on_groups else (float(r.finalists.fitness.max()) for r in reports),
        default=-1.0,
    )
    better = best > state.best
    compare = better or best >= plan.search.target
    if compare and not on_groups:
        found = bests(plan.space, [report.finalists for report in reports], plan.metric)
    steps: list[dict[str, Any]] = []
    if better:
        candidates = found if on_groups else finalists(plan, reports, state.best)
        steps = milestones(candidates, state.best, plan.search.islands)
    end, redraws, restarts = plan.schedule.end(state.epoch), plan.redraws(state), plan.restarts(state)
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
    """All finalists with their fitness on all tasks, before the task group changes and while no best program is known."""
    return finalists(plan, reports) if plan.redraws(state) or state.best < 0.0 else []


def finalists(plan: Plan, reports: Reports, above: float = -1.0) -> list[Found]:
    """All islands' finalists with a fitness greater than ``above``, with their fitness on all tasks of the search."""
    found = all_found(plan.space, [report.finalists for report in reports], above, plan.metric)
    return plan.judge.on_all(found) if plan.groups > 1 else found


def updated_hall_of_fame(plan: Plan, entries: HallOfFame, reports: Reports, found: Sequence[Found]) -> HallOfFame:
    """The hall of fame with the reports' fittest programs; with task groups, with ``found``, measured on all tasks, instead."""
    if plan.groups > 1:
        return include(entries, found)

    def measure(program: Program) -> float:
        return plan.judge.search_fitness([program])[0]

    return update(entries, plan.space, [report.fittest for report in reports], plan.metric, measure)


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
    return proxy.summary([report.hurdles for report in reports], plan.costs) if plan.costs else None


def means(plan: Plan, reports: Reports) -> tuple[float, tuple[float, ...]]:
    """The mean fitness of all members, and that of each island's members."""
    fitness = [report.fitness for report in reports]
    return _mean(plan, np.concatenate(fitness)), tuple(_mean(plan, values) for values in fitness)


def _mean(plan: Plan, fitness: NDArray[np.float64]) -> float:
    """The mean over evaluated members that no hurdle stopped; 0 without any."""
    known = fitness[fitness >= max(plan.space.floor, 0.0)]
    return float(sums.mean(known)) if known.size else 0.0
