"""Tuning at the end of a run: of the best finalists (``search(tune_finalists=100)``), and of a seed program that is the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from azdsl.ir import Program
from azdsl.paired import Difference, difference
from azdsl.search.islands.selection import Finalist, Found, Judge, canonical, ranked, text_hash
from azdsl.tuning.finalists import better_constants

TUNED = 5
"""The number of finalists that are tuned. Any two differ in more than constants."""

SHARE = 0.001
"""The greatest number of evaluations for one finalist, as a share of the run's candidates: a short run ends soon."""

SEED_EVALUATIONS = 100
"""The greatest number of evaluations that tune the seed program, unless ``tune_finalists`` is greater."""


def tuned_finalists(judge: Judge, finalists: Iterable[Finalist], candidates: int) -> list[Found]:
    """The best finalists with constants that are better on the search tasks, after a run of ``candidates`` candidates.

    Finalists without better constants are left out. The random seed and the arguments determine the result.
    """
    search = judge.experiment.search
    evaluations = min(search.tune_finalists, int(SHARE * candidates))
    metric, found = judge.search.metric_definition, list[Found]()
    for finalist in _different(ranked(finalists)) if evaluations else []:
        program, fitness = finalist.found.program, judge.search_fitness([finalist.found.program])[0]
        better = better_constants(program, fitness, judge.experiment, judge.search, judge.search_fitness, evaluations)
        if better:
            tuned = canonical(better[0], metric)
            found.append(replace(finalist.found, program=tuned, hash=text_hash(str(tuned)), search_fitness=better[1]))
    return found


def tuned_seed(judge: Judge, candidates: int) -> tuple[Program, Difference] | None:
    """The seed program with constants that are better on the search tasks, after a run of ``candidates`` candidates.

    None unless it is better on the selection tasks than the seed program, and than the baseline: both 95 % intervals of the paired
    differences are above 0. Also returns the difference from the seed program.
    """
    seed, select = judge.experiment.program, judge.select
    evaluations = min(max(judge.experiment.search.tune_finalists, SEED_EVALUATIONS), int(SHARE * candidates))
    fitness = judge.search_fitness([seed])[0]
    better = better_constants(seed, fitness, judge.experiment, judge.search, judge.search_fitness, evaluations)
    if not better:
        return None
    of_seed, of_tuned = (each.tolist() for each in judge.on_each([seed, better[0]]))
    gains = [difference(of_tuned, other, select.overlap, select.halves) for other in (of_seed, select.baseline())]
    if all(gain.low is not None and gain.low > 0.0 for gain in gains):
        return better[0], gains[0]
    return None


def _different(finalists: Iterable[Finalist]) -> list[Finalist]:
    """The first ``TUNED`` finalists that differ from all earlier ones in more than constants."""
    first: dict[str, Finalist] = {}
    for finalist in finalists:
        instructions = [[(i.op, i.inputs, i.output) for i in f] for f in finalist.found.program.functions]
        first.setdefault(repr(instructions), finalist)
    return list(first.values())[:TUNED]
