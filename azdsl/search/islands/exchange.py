"""A meeting of the islands: what a run makes of their standings at the end of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.search.islands import proxy
from azdsl.search.islands.hall_of_fame import Front, include, update
from azdsl.search.islands.island_report import Standing
from azdsl.search.islands.milestones import milestones
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import State
from azdsl.search.islands.selection import Found, all_found, bests
from azdsl.search.kernel.population import LAYERS

Standings = Sequence[Standing]
"""Those of all islands, in the islands' order."""


def hold(plan: Plan, state: State, met: Standings) -> tuple[State, list[dict[str, Any]]]:
    """The state after the epoch that ``state`` says is running, whose end is in ``met``; and the milestones in it."""
    clock, drawing = plan.schedule.end(state.epoch), plan.redraws(state)
    apart = plan.groups > 1  # fitness is that on a part of the tasks
    found: list[Found] = []
    if apart:
        found = finalists(plan, met) if drawing or state.best < 0.0 else []
        best = max((f.search_fitness for f in found), default=-1.0)
    else:
        best = max(float(standing.finalists.fitness.max()) for standing in met)
        if best > state.best or best >= plan.search.target:
            found = bests(plan.space, [standing.finalists for standing in met], plan.multiclass)
    if best > state.best or best >= plan.search.target:
        state = replace(state, finalists=plan.judge.compare(state.finalists, found))
    steps: list[dict[str, Any]] = []
    if best > state.best:
        steps = milestones(found if apart else finalists(plan, met, state.best), state.best, plan.search.islands)
        state = replace(state, best=best, best_at=evaluations(met))
    started = clock if plan.restarts(state) else state.started
    drawn, draws = (clock, state.draws + 1) if drawing else (state.drawn, state.draws)
    grown = front(plan, state.front, met, found)
    return replace(state, epoch=state.epoch + 1, front=grown, started=started, drawn=drawn, draws=draws), steps


def finalists(plan: Plan, met: Standings, above: float = -1.0) -> list[Found]:
    """All finalists that islands know to be fitter than ``above``, with their fitness on all tasks of the search."""
    found = all_found(plan.space, [standing.finalists for standing in met], above, plan.multiclass)
    return plan.judge.on_all(found) if plan.groups > 1 else found


def front(plan: Plan, before: Front, met: Standings, found: Sequence[Found]) -> Front:
    """The hall of fame with what the islands add to it, or with ``found`` where these alone were measured on all tasks."""
    if plan.groups > 1:
        return include(before, found)
    return update(before, plan.space, [standing.fittest for standing in met], plan.multiclass)


def evaluations(met: Standings) -> int:
    """Candidates of all islands."""
    return sum(int(standing.clock[1]) for standing in met)


def layers(met: Standings) -> dict[str, int]:
    """How candidates were settled."""
    counts = np.sum([standing.counts for standing in met], axis=0)
    return dict(zip(LAYERS, counts.tolist(), strict=True))


def hurdles(plan: Plan, met: Standings) -> dict[str, Any] | None:
    """What the hurdles did; None without any."""
    return proxy.summary([standing.hurdles for standing in met], plan.costs) if plan.costs else None


def means(plan: Plan, met: Standings) -> tuple[float, tuple[float, ...]]:
    """The mean fitness of all members, and of each island's."""
    fitness = [standing.fitness for standing in met]
    return _mean(plan, np.concatenate(fitness)), tuple(_mean(plan, values) for values in fitness)


def _mean(plan: Plan, fitness: NDArray[np.float64]) -> float:
    """The mean of members whose fitness is known, without those that a hurdle stopped; 0 when there is none."""
    known = fitness[fitness >= max(plan.space.floor, 0.0)]
    return float(known.mean()) if known.size else 0.0
