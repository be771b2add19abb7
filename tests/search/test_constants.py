"""``search(tune=…)``: a share of the evaluations tunes the constants of elites."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from search.helpers import Run, everything, restore, to_arrays
from search_runs import small

import azdsl
from azdsl.codegen.numba_jit import jit
from azdsl.ir import FUNCTIONS, RMSE, liveness
from azdsl.ops import Role
from azdsl.scoring import draw_seed
from azdsl.search.islands.workers import make_context
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import LAYERS, genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.tuning import LEFT, REMEMBERED, SPENT, SPREAD, TUNED, WIDEST, step
from azdsl.tasks import build

SLOW = azdsl.parse(
    "def Setup():\n  s2 = 0.0005\n  s3 = 7\ndef Predict():\n  s1 = dot(v0, v1)\n"
    "def Learn():\n  s3 = s0 - s1\n  s3 = s3 * s2\n  v2 = s3 * v0\n  v1 = v1 + v2\n"
)
"""A linear model whose learning rate is far too small; its second constant has no effect."""


class Real:
    """An island that is evaluated on tasks; the seed program is ``SLOW``."""

    def __init__(self, **search):
        self.experiment = replace(small(init="seed", **search), program=SLOW)
        self.tasks = build(self.experiment.task, draw_seed(0, "search"), "search")
        self.space = make_space(self.experiment, self.tasks)
        self.island = make_island(self.space, self.experiment, 0)
        write_initial(self.space, self.experiment, self.island)
        self.context = make_context(self.experiment, self.space, self.tasks)

    def go(self, candidates):
        run_epoch(self.space, self.island, self.context.scratch, self.context.groups[0].engines, candidates)
        return self


@jit
def _step(space, island, scratch, row):
    return step(space, island, scratch, row)


def test_steps_change_live_constants_only_and_keep_signs():
    run, moved, kept = Run(everything(population=1000, mutation=1.0)).go(5000), 0, 0
    run.island.tuning[SPREAD] = WIDEST
    for row in range(1000):
        before = genotype(run.space, run.island.members, row)
        changed = _step(run.space, run.island, run.scratch, row)
        after, live = genotype(run.space, run.island.members, row), liveness(before, RMSE)
        tunable = 0
        for f in range(len(FUNCTIONS)):
            for old, new, is_live in zip(before.functions[f], after.functions[f], live[f], strict=True):
                assert (old.op, old.inputs, old.output) == (new.op, new.inputs, new.output)
                for role, a, b in zip(old.op.constants, old.constants, new.constants, strict=True):
                    free = is_live and role is not Role.INDEX and a != 0.0
                    tunable += free
                    moved, kept = moved + (a != b), kept + (a == b)
                    assert a == b or (free and (np.sign(a) == np.sign(b) or Role.LOW in old.op.constants))
        assert changed == (tunable > 0) and (before != after) == changed
    assert moved > 20 and kept > 100


def test_results_do_not_depend_on_the_split_into_calls():
    whole, parts = Run(everything(tune=0.3)).go(12_000), Run(everything(tune=0.3))
    for size in (1, 99, 100, 1, 2799, 9000):
        parts.go(size)
    assert whole.state() == parts.state() and whole.island.tuning[TUNED] > 3
    saved = {name: array.copy() for name, array in to_arrays(parts.island).items()}
    other = Run(everything(tune=0.3))
    restore(other.island, saved)
    assert other.go(1000).state() == whole.go(1000).state()


@pytest.mark.parametrize("algorithm", ["regularized_evolution", "nonregularized_evolution", "hill_climbing"])
def test_tuning_finds_the_learning_rate(algorithm):
    """There are no mutations, so that only tuning can change a program."""
    fitness = {}
    for share in (0.0, 0.3):
        run = Real(tune=share, population=50, algorithm=algorithm, mutation=0.0)
        run.island.counts[LAYERS.index("full")] = 1000  # as if mutated candidates had been evaluated before
        run.go(400)
        fitness[share] = run.island.finalists.fitness.max()
    assert fitness[0.3] > fitness[0.0] + 0.05, fitness


def test_the_incumbent_has_its_own_fitness_and_replaces_its_predecessor_among_the_finalists():
    run, improved, replaced = Real(tune=0.5, population=50).go(60), 0, 0
    for _ in range(1500):
        before = int(run.island.incumbent.about["hash"][0])
        left = run.island.tuning[LEFT]
        run.go(1)
        known = set(run.island.finalists.about["hash"][run.island.finalists.fitness >= 0.0].tolist())
        if before != run.island.incumbent.about["hash"][0] and run.island.tuning[LEFT] == left - 1:
            improved += 1
            if int(run.island.incumbent.about["hash"][0]) in known:
                replaced += 1
                assert before not in known
    assert improved > 10 and replaced > 5
    program = genotype(run.space, run.island.incumbent, 0)
    again = azdsl.evaluate(program, run.tasks, seed=draw_seed(0, "search"))
    assert again.fitness == run.island.incumbent.fitness[0]


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_share_is_one_of_the_full_evaluations(share):
    run = Real(tune=share, population=50).go(4000)
    full = sum(run.island.counts[LAYERS.index(layer)] for layer in ("full", "stopped_early"))
    assert run.island.tuning[SPENT] == pytest.approx(share * full, abs=1 + 0.2 * share * full)
    write_initial(run.space, run.experiment, run.island)
    assert run.island.tuning[SPENT] > 0 == run.island.tuning[LEFT]


def test_no_program_is_tuned_again_at_once():
    run = Real(tune=0.5, population=50).go(3000)
    count = int(run.island.tuning[TUNED])
    kept = run.island.tuned[: min(count, REMEMBERED)]
    assert count > 4 and (kept != 0).all()
    assert sum(a == b for a, b in pairwise(kept)) <= count // 2  # begun and ended without a success
