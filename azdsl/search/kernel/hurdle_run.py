"""Compiled code that evaluates a candidate at one hurdle after the other."""

from __future__ import annotations

from typing import Any

from azdsl.codegen.numba_jit import jit
from azdsl.search.kernel.canonical import Scratch
from azdsl.search.kernel.evaluation import hurdle
from azdsl.search.kernel.fitness import combined
from azdsl.search.kernel.hurdles import (
    Hurdles,
    bounded,
    is_sampled,
    judge,
    observe,
    predict,
    start_sample,
    stopped_fitness,
)
from azdsl.search.kernel.space import Space

PASSED = -1.0
"""The result for a program that passes all hurdles. No fitness is negative."""


@jit
def run_hurdles(space: Space, hurdles: Hurdles, scratch: Scratch, engine: Any, program_hash: Any) -> float:
    """Evaluate the live program in ``scratch`` at the hurdles: its fitness, or ``PASSED`` if it passes all."""
    count = scratch.lengths[0] + scratch.lengths[1] + scratch.lengths[2]
    code, constants = scratch.code[:count], scratch.constants[:count]
    spared = space.proxy and is_sampled(program_hash)
    if space.proxy:
        start_sample(hurdles, count / scratch.code.size)
    for k in range(space.hurdles):
        hurdles.reached[k] += 1
        tasks = hurdle(engine, k, scratch.lengths, code, constants, scratch.task_fitness)
        task_fitness = scratch.task_fitness[:tasks]
        if space.proxy:
            observe(hurdles, k, task_fitness)
        score = combined(space, task_fitness)
        if space.proxy:
            score = predict(hurdles, k, score)
        score = bounded(score)
        if not judge(hurdles, k, score, space.percentile) and not spared:
            return stopped_fitness(score, space.hurdles - k)
    hurdles.reached[space.hurdles] += 1
    return PASSED
