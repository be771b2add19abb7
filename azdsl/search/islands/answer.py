"""The answer of a run: the chosen program if it is better on the test tasks, else the seed program, tuned if that helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from azdsl.ir import Program
from azdsl.paired import difference
from azdsl.scoring import combined
from azdsl.search.islands.ending import Ending, FinalistScore, Gain, TestScore, Tuned
from azdsl.search.islands.final_tuning import tuned_seed
from azdsl.search.islands.hall_of_fame import HallOfFame
from azdsl.search.islands.selection import Finalist, Judge, canonical, failures
from azdsl.taskset import TaskSet

Scored = tuple[Program, float, Sequence[float]]
"""A program with its fitness on the test tasks, combined and on each task."""


@dataclass(frozen=True)
class Answer:
    """The program that a run gives back, its fitness on each test task, and the verdict on what was found."""

    finalist: Finalist
    task_fitness: tuple[float, ...]
    ending: Ending


def make_answer(
    judge: Judge, chosen: Finalist, finalists: Sequence[Finalist], hall_of_fame: HallOfFame, candidates: int, tune: bool
) -> Answer:
    """The answer of a run of ``candidates`` candidates, in which ``chosen`` was chosen among ``finalists``.

    ``tune`` is whether the constants of the seed program are tuned if it is the answer.
    """
    seed, program = judge.experiment.program, chosen.found.program
    if program == canonical(seed, judge.search.metric_definition):
        program = seed
    of_seed, of_chosen = judge.final([seed, program])
    ending = _ending(judge, of_seed, of_chosen, chosen, finalists, program in {e.program for e in hall_of_fame})
    if ending.better:
        return Answer(chosen, tuple(of_chosen[2]), ending)
    better = tuned_seed(judge, candidates) if tune and judge.test and judge.selects_on_held_out else None
    if better:
        tuned, gain = better
        (of_tuned,) = judge.final([tuned])
        over_seed = _gain(judge.scored, of_tuned[2], of_seed[2])
        ending = replace(ending, tuned=Tuned(_score(judge.scored, of_tuned), over_seed, Gain.of(gain)))
        return Answer(_finalist(judge, tuned), tuple(of_tuned[2]), ending)
    return Answer(_finalist(judge, seed), tuple(of_seed[2]), ending)


def _finalist(judge: Judge, program: Program) -> Finalist:
    """A program that is not among the finalists."""
    return judge.finalist(judge.measured(program, 0, 0))


def _ending(
    judge: Judge, seed: Scored, chosen: Scored, finalist: Finalist, finalists: Sequence[Finalist], in_hall_of_fame: bool
) -> Ending:
    """The verdict, from the seed program and the chosen program on the test tasks; on those of the search if none are held out."""
    test, combine, search = judge.scored, judge.experiment.search.combine, judge.search
    base, compared = test.baseline(), judge.selects_on_held_out
    trivial = float(combined(np.array(base), combine))
    return Ending(
        metric=test.metric,
        combine=combine,
        held_out=judge.test is not None,
        tasks=test.tasks,
        seed=_score(test, seed),
        chosen=_score(test, chosen),
        baseline=TestScore(trivial, test.mean_units(base), failures(base), 0),
        gain=_gain(test, chosen[2], seed[2]),
        gain_over_baseline=_gain(test, chosen[2], base),
        units_gain=_units_gain(test, chosen[2], seed[2]),
        units_gain_over_baseline=_units_gain(test, chosen[2], base),
        program=str(chosen[0]),
        is_seed=chosen[0] == seed[0],
        in_hall_of_fame=in_hall_of_fame,
        selection_fitness=finalist.fitness if compared else None,
        selection_failures=finalist.failures if compared else 0,
        selection_tasks=judge.select.tasks if compared else 0,
        finalists=tuple(FinalistScore(len(f.found.program), f.fitness, f.failures) for f in finalists if compared),
        candidates=2 * test.visits / search.visits,
    )


def _score(test: TaskSet, scored: Scored) -> TestScore:
    program, fitness, by_task = scored
    size = len(canonical(program, test.metric_definition))
    return TestScore(fitness, test.mean_units(by_task), failures(by_task), size)


def _gain(test: TaskSet, by_task: Sequence[float], other: Sequence[float]) -> Gain:
    """The gain of the first of two programs, or predictors, by their fitness on each test task."""
    return Gain.of(difference(by_task, other, test.overlap, test.halves))


def _units_gain(test: TaskSet, by_task: Sequence[float], other: Sequence[float]) -> Gain | None:
    """The same in units, positive if the first is better; None if a task failed."""
    sign = 1.0 if test.metric_definition.classifies else -1.0
    units = [[sign * value for value in test.units(fitness)] for fitness in (by_task, other)]
    return _gain(test, *units) if all(map(math.isfinite, [*units[0], *units[1]])) else None
