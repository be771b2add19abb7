"""Tuning of the best finalists at the end of a run (``search(tune_finalists=100)``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from azdsl.search.islands.selection import Finalist, Found, Judge, canonical, ranked, text_hash
from azdsl.tuning.finalists import better_constants

TUNED = 5
"""The number of finalists that are tuned. Any two differ in more than constants."""

SHARE = 0.001
"""The greatest number of evaluations for one finalist, as a share of the run's candidates: a short run ends soon."""


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


def _different(finalists: Iterable[Finalist]) -> list[Finalist]:
    """The first ``TUNED`` finalists that differ from all earlier ones in more than constants."""
    first: dict[str, Finalist] = {}
    for finalist in finalists:
        instructions = [[(i.op, i.inputs, i.output) for i in f] for f in finalist.found.program.functions]
        first.setdefault(repr(instructions), finalist)
    return list(first.values())[:TUNED]
