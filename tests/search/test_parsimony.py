"""``search(parsimony=…)``: parents are chosen by the fitness less a price for each live instruction."""

from __future__ import annotations

import numpy as np
import pytest
from search.helpers import Run, everything

from azdsl.config.search import SettingsError
from azdsl.ir import RMSE, remove_dead_code
from azdsl.search.kernel.population import genotype


def sizes(run):
    """The live instructions of every member."""
    rows = range(len(run.island.members.fitness))
    return np.array([len(remove_dead_code(genotype(run.space, run.island.members, row), RMSE)) for row in rows])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"fec": False, "mutation": 0.5},
        {"algorithm": "nonregularized_evolution"},
        {"algorithm": "hill_climbing"},
        {"algorithm": "random_search"},
        {"budget": 0.01},
        {"hurdles": "4, 8", "hurdle_every": 40},
    ],
)
def test_the_adjusted_fitness_is_the_fitness_less_the_price_of_live_instructions(settings):
    run = Run(everything(parsimony=0.01, **settings)).go(3000)
    members, found = run.island.members, sizes(run)
    known = members.fitness >= 0.0
    assert (members.adjusted[known] == members.fitness[known] - 0.01 * found[known]).all()
    assert known.sum() > 1 and found[known].max() > 0


def test_without_a_price_both_are_equal():
    run = Run(everything()).go(3000)
    assert run.island.members.adjusted.tobytes() == run.island.members.fitness.tobytes()


@pytest.mark.parametrize("algorithm", ["regularized_evolution", "nonregularized_evolution"])
def test_programs_stay_small(algorithm):
    """Fitness has nothing to do with size here, so that a price must show."""
    free, priced = (Run(everything(algorithm=algorithm, parsimony=price)).go(20_000) for price in (0.0, 0.02))
    assert sizes(priced).mean() < sizes(free).mean() - 1.0


def test_finalists_are_ranked_by_their_fitness():
    """The best finalist is the best member that ever was, whatever its size."""
    run, best = Run(everything(parsimony=0.05)), -1.0
    for _ in range(500):
        best = max(best, run.go(1).island.members.fitness.max())
    assert run.island.finalists.fitness.max() == best


def test_a_price_is_between_0_and_1():
    with pytest.raises(SettingsError, match="parsimony must be at least 0"):
        everything(parsimony=-0.1)
