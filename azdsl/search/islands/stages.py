"""Stages: a run whose tasks change when a target or a budget is reached, while its populations carry over.

A stage has a plan of its own: tasks, search space, schedule and selection tasks. Whether it ends is decided at an exchange, from the
reports alone. It then ends after the epoch that is already running, where all islands block. Their members, and copies of the
stage's answer in the place of as many as migrate, are the initial population of the next stage: everything is evaluated again, and
nothing that was measured on the old tasks remains. A stage that ends without its target may be searched again (``attempts``), from
the programs that it started from; if all attempts miss it, the next stage starts from the answers of all. With ``missed=first``
it is followed by the first stage, with a new initial population. Random streams continue, so every attempt is another search.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from azdsl.config.experiment import Experiment, Stage
from azdsl.config.search import Search
from azdsl.ir import Program
from azdsl.search.islands import task_rotation
from azdsl.search.islands.island_plan import IslandPlan
from azdsl.search.islands.migration import INSERT, insert_immigrants, migrants
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import PastStage, RunState, numbered
from azdsl.search.islands.selection import answer, canonical
from azdsl.search.kernel.hurdles import make_hurdles
from azdsl.search.kernel.population import Island, initial_members, write_initial


def begun(plans: Sequence[Plan], state: RunState) -> Plan:
    """The plan of the stage that is running, its schedules from where the stage began. ``plans`` are those of all stages."""
    schedules = plans[0].schedules
    for ended in state.past:
        schedules = plans[ended.following].schedules.starting(ended.epoch, schedules)
    return replace(plans[state.stage], schedules=schedules)


def evaluations_before(state: RunState) -> int:
    """Candidates of all islands before the stage that is running."""
    return sum(stage.evaluations for stage in state.past)


def stop_reason(search: Search, state: RunState, evaluations: int, counted: int) -> str:
    """The stopping condition of ``search`` that holds after ``evaluations`` candidates; empty without one.

    ``counted`` are the candidates that ``max_evals`` limits.
    """
    since = evaluations - state.best_at
    if _reached(search, state):
        return f"target {search.target:g} reached"
    if search.max_evals is not None and counted >= search.max_evals:
        return limit_reached(search)
    if search.patience is not None and since >= search.patience:
        return f"nothing better in {since:,} candidates"
    return ""


def _reached(search: Search, state: RunState) -> bool:
    """Whether the answer so far reaches the target of ``search``."""
    chosen = answer(state.finalists)
    return chosen is not None and chosen.fitness >= search.target


def limit_reached(search: Search) -> str:
    """The reason of a run that had as many candidates as it may have."""
    return f"max_evals {search.max_evals:,} reached"


def stage_reason(plan: Plan, state: RunState, evaluations: int) -> str:
    """Why the stage of ``plan`` ends after the epoch that is running; empty if it does not."""
    at_end = plan.schedules.total(state.epoch) - evaluations_before(state)
    return stop_reason(plan.search, state, evaluations, at_end)


def following_stage(plan: Plan, stage: Stage, state: RunState) -> int:
    """The number of the stage after ``stage``, which ends and whose plan is ``plan``.

    It is the next one if the target is reached; else the same one if there are attempts left, or 0 if ``stage`` says so.
    """
    if _reached(plan.search, state):
        return state.stage + 1
    if len(_attempts(state.past, state.stage)) + 1 < stage.settings.attempts:
        return state.stage
    return 0 if stage.settings.missed == "first" else state.stage + 1


def _attempts(past: Sequence[PastStage], number: int) -> list[PastStage]:
    """The last stages of ``past`` if they were attempts at stage ``number``, the latest first."""
    latest_first = reversed(list(numbered(past)))
    return [ended for _, ended in itertools.takewhile(lambda pair: pair[0] == number, latest_first)]


def _starts(state: RunState) -> list[Program]:
    """The programs that the running stage starts from; none for the first stage.

    It is the answer of the stage before, or if several attempts missed its target, the different answers of all, the best first.
    """
    if state.stage == 0:
        return []
    past = state.past[: len(state.past) - len(_attempts(state.past, state.stage))]
    attempts = _attempts(past, state.stage - 1)
    if attempts[0].reached:
        return [attempts[0].answer]
    return list(dict.fromkeys(ended.answer for ended in sorted(attempts, key=lambda ended: -ended.fitness)))


def next_stage(plan: Plan, number: int, following: Plan, state: RunState, evaluations: int) -> RunState:
    """The run state at the start of stage ``number``, whose plan is ``following``, ``evaluations`` candidates after the start of the run.

    The programs that it starts from, measured on its tasks, are its first finalists. The first stage has none.
    """
    chosen = answer(state.finalists)
    if chosen:
        found, fitness = chosen.found, chosen.fitness
    else:  # no program was evaluated in full
        found = plan.judge.measured(canonical(initial(plan, state).program, plan.metric), 0, 0)
        fitness = plan.judge.fitness([found.program])[0]
    ended = PastStage(
        following=number,
        answer=found.program,
        fitness=fitness,
        evaluations=evaluations - evaluations_before(state),
        epoch=state.epoch,
        reason=state.ending,
        reached=_reached(plan.search, state),
    )
    begin = evaluations // plan.search.islands
    begun = RunState(
        epoch=state.epoch, best_at=evaluations, restarted_at=begin, regrouped_at=begin, past=(*state.past, ended)
    )
    judge = following.judge
    carried = (
        replace(found, search_fitness=judge.search_fitness([program])[0])
        if program == found.program
        else judge.measured(program, 0, 0)
        for program in _starts(begun)
    )
    return replace(begun, finalists=judge.compare((), carried))


def carry_over(plan: Plan, state: RunState, islands: Sequence[Island]) -> None:
    """Make the populations of the previous stage, and its answer, the initial ones of the stage of ``plan``, whose start is ``state``.

    The first stage has the initial populations of a run. A further attempt at a stage, and the stage after several attempts that missed
    the target, start from copies of the answers.
    """
    experiment = initial(plan, state)
    before = _attempts(state.past, state.stage - 1)
    carried = bool(before) and (len(before) == 1 or before[0].reached)
    for own, island in zip(plan.islands, islands, strict=True):
        if not carried:
            write_initial(own.space, experiment, island)
        elif own.search.algorithm in INSERT:
            insert_immigrants(own.search, island, initial_members(own.space, experiment, migrants(own.search)))
        for array, fresh in zip(island.hurdles, make_hurdles(own.search), strict=True):
            array[...] = fresh
        set_group(plan, own, island, 0)


def set_group(plan: Plan, own: IslandPlan, island: Island, draw: int) -> None:
    """Evaluate an island on the task group of draw number ``draw``; one with tasks of its own is evaluated on all of them again."""
    group = 0 if own.tasks else task_rotation.group_of_draw(plan.search, plan.groups, draw)
    task_rotation.set_group(own.space, island, group)


def initial(plan: Plan, state: RunState) -> Experiment:
    """The experiment whose initial population a stage has: that of the plan, or copies of the previous stage's answers."""
    starts = _starts(state)[: plan.search.population]
    return _from(plan.experiment, starts) if starts else plan.experiment


def _from(experiment: Experiment, programs: Sequence[Program]) -> Experiment:
    """The experiment with ``programs`` as its initial population."""
    first, *others = programs
    search = replace(experiment.search, init="seed")
    return replace(experiment, program=first, further_seeds=tuple(others), search=search)


def restarted(plan: Plan, state: RunState, number: int) -> Experiment:
    """The experiment whose initial population island ``number`` has after a restart.

    With ``restart_from=both``, neighboring islands and successive restarts of an island alternate.
    """
    search, chosen = plan.search, answer(state.finalists)
    in_turn = (state.restarts + number) % 2 == 1
    if chosen is None or search.restart_from == "initial" or (search.restart_from == "both" and in_turn):
        return initial(plan, state)
    return _from(plan.experiment, [chosen.found.program])
