from dataclasses import replace

import numpy as np
import pytest
from search.helpers import Run, demo, everything, restore, to_arrays

from azdsl.codegen.numba_jit import jit
from azdsl.search.kernel import fec_sample
from azdsl.search.kernel.algorithms import tournament
from azdsl.search.kernel.cache import clear
from azdsl.search.kernel.fitness import upper_median
from azdsl.search.kernel.population import best, genotype, replace_oldest, reset_fitness, select
from azdsl.search.kernel.rng import seeded


@pytest.mark.parametrize("make", [demo, everything])
def test_results_do_not_depend_on_the_split_into_calls(make):
    whole, parts = Run(make(population=200)).go(20_000), Run(make(population=200))
    for size in (1, 99, 100, 1, 4799, 5000, 10_000):
        parts.go(size)
    assert whole.state() == parts.state()
    assert Run(make(population=200, seed=1)).go(3000).state() != Run(make(population=200)).go(3000).state()
    assert Run(make(population=200), 1).go(3000).state() != Run(make(population=200)).go(3000).state()


def test_a_reset_of_the_fitness_empties_both_caches():
    run = Run(everything()).go(2000)
    caches = run.island.fitness_cache, run.island.fec_cache
    assert all(cache.sets["tags"].any() for cache in caches)
    reset_fitness(run.space, run.island)
    assert not any(cache.sets["tags"].any() for cache in caches)


def test_a_restored_island_continues_as_the_original():
    run = Run(everything()).go(2000)
    saved = {name: array.copy() for name, array in to_arrays(run.island).items()}
    run.go(1000)
    other = Run(everything())
    restore(other.island, saved)
    assert other.go(1000).state() == run.state()


def test_every_candidate_is_counted_in_one_layer():
    run = Run(everything(population=50)).go(200_000)
    counts = run.counts()
    assert sum(counts.values()) == 200_000 == run.island.candidates
    assert counts.pop("hurdle") == 0  # there is none
    assert min(counts.values()) > 10, counts
    sampled, wrong, flattering = run.island.fec_sample.tolist()
    confirmed = run.engine.calls[0] - counts["stopped_early"] - counts["full"] - sampled
    assert 0 < confirmed < 100
    assert sampled == counts["fec"] // fec_sample.EVERY and sampled >= wrong > flattering > 0
    assert counts["stopped_early"] + counts["full"] + counts["fec"] == run.engine.calls[1]


@pytest.mark.parametrize("hurdles", [None, "4, 8"])
def test_a_cached_fitness_above_the_finalists_is_confirmed(hurdles):
    """A constructed collision: every entry of the FEC has a fitness that no program has."""
    run = Run(everything(population=50, hurdles=hurdles)).go(2000)
    run.island.fec_cache.sets["values"][run.island.fec_cache.sets["tags"] != 0] = 1.0
    clear(run.island.fitness_cache)
    hits = run.counts()["fec"]
    run.go(2000)
    assert run.counts()["fec"] > hits + 10
    assert 0.0 <= run.island.members.fitness.max() <= run.island.finalists.fitness.max() < 1.0


def test_the_fitness_of_a_finalist_is_its_own():
    """Although the fake engine gives different fitness to many programs with equal early errors."""
    run = Run(everything(population=50)).go(20_000)
    assert run.counts()["fec"] > 300
    search = replace(run.experiment.search, init="seed")
    for row, fitness in enumerate(run.island.finalists.fitness):
        program = genotype(run.space, run.island.finalists, row)
        assert Run(replace(run.experiment, program=program, search=search)).go(1).island.members.fitness[0] == fitness


def test_without_fec_and_mutation():
    run = Run(everything(population=50, fec=False)).go(2000)
    assert run.counts()["fec"] == 0 == run.engine.calls[1]
    run = Run(everything(population=50, mutation=0.0)).go(2000)
    assert run.counts()["copies"] == 1950


def test_stored_fitness_equals_the_engines():
    """Without FEC, for every layer. The fake engine distinguishes some programs with equal hashes."""
    run, same = Run(demo(population=60, fec=False, combine="median")).go(5000), 0
    search = replace(run.experiment.search, init="seed")
    for row in range(60):
        program = genotype(run.space, run.island.members, row)
        again = Run(replace(run.experiment, program=program, search=search)).go(1).island.members
        mine, other = run.island.members.about[row], again.about[0]
        assert mine["hash"] == other["hash"]
        same += run.island.members.fitness[row] == again.fitness[0]
    assert same >= 10


def test_over_budget_is_zero_and_never_cached():
    run = Run(everything(population=50, budget=0.01)).go(3000)
    over = run.island.members.about["hash"] == 0
    assert run.counts()["over_budget"] > 100 and (run.island.members.fitness[over] == 0).all()
    assert (run.island.fitness_cache.sets["tags"] != 0).sum() == run.engine.calls[1]


def test_children_replace_the_oldest():
    run = Run(demo(population=100)).go(250)
    births = run.island.members.about["birth"]
    assert sorted(births.tolist()) == list(range(150, 250)) and births[49] == 249 and births[50] == 150


def test_best_is_the_first_to_reach_its_fitness_and_finalists_differ():
    run, seen, first = Run(everything(population=50, finalists=7)), -1.0, -1
    for i in range(3000):
        run.go(1)
        fitness = run.island.members.fitness[i % 50]
        if fitness > seen:
            seen, first = fitness, i
    finalists = run.island.finalists
    row = best(run.island.finalists)
    assert (finalists.fitness[row], finalists.about[row]["birth"]) == (seen, first)
    assert len(set(finalists.about["hash"].tolist())) == 7
    assert finalists.fitness.min() >= np.sort(run.island.members.fitness)[0]


def test_fitness_rises():
    run = Run(everything(population=100)).go(100)
    before = run.island.members.fitness.mean()
    assert run.go(3000).island.members.fitness.mean() > before + 0.2


def test_immigrants_replace_the_oldest_members():
    one, two = Run(demo(population=50)).go(75), Run(demo(population=50), 1).go(75)
    migrants = select(two.island.members, np.arange(5))
    replace_oldest(one.island, migrants)
    assert one.island.clock.tolist() == [80, 75, 0, 50]
    for mine, theirs in zip(one.island.members, two.island.members, strict=True):
        assert mine[25:30].tobytes() == theirs[:5].tobytes()


@jit
def _winners(fitness, draws, state, out):
    for i in range(out.size):
        out[i] = tournament(fitness, draws, state)


def test_tournament():
    """Rank r wins with the probability that it is the best of T draws; equal members win with equal probability."""
    n, draws, out = 20, 5, np.zeros(50_000, np.int64)
    _winners(np.arange(n) / n, draws, seeded(0, 0), out)
    chance = (np.arange(1, n + 1) / n) ** draws - (np.arange(n) / n) ** draws
    assert np.abs(np.bincount(out, minlength=n) / out.size - chance).max() < 0.01
    _winners(np.zeros(n), draws, seeded(1, 0), out)
    assert np.abs(np.bincount(out, minlength=n) / out.size - 1 / n).max() < 0.006


def test_the_first_drawn_of_equals_wins_a_tournament():
    fitness, state, won, first = np.zeros(1000), seeded(0, 0), np.zeros(1, np.int64), np.zeros(1, np.int64)
    for _ in range(20):
        before = state.copy()
        _winners(fitness, 5, state, won)
        _winners(fitness, 1, before, first)
        assert won == first


def test_upper_median():
    draw = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 10, 101):
        for values in (draw.normal(size=n), draw.integers(0, 3, n).astype(float)):
            assert upper_median(values.copy()) == np.sort(values)[n // 2]
