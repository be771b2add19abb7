"""Selection of the final program and the hall of fame: random seeds of draws, and the order among equals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from search.helpers import everything, task_set

import azdsl
from azdsl.ir.metric import RMSE
from azdsl.scoring import draw_seed
from azdsl.search.islands.hall_of_fame import HallOfFameEntry, fittest, include, update
from azdsl.search.islands.selection import Finalist, Found, Judge, answer
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.population import make_island, select, write_initial
from azdsl.search.kernel.space import make_space

DRAWS = azdsl.parse("def Setup():\n  s2 = gaussian(0, 1)\ndef Predict():\n  s1 = s2 + s3\n")
SMALL = azdsl.parse("def Predict():\n  s1 = mean(v0)\n")
OTHER = azdsl.parse("def Predict():\n  s1 = norm(v0)\n")
LARGE = azdsl.parse("def Predict():\n  s2 = mean(v0)\n  s1 = s2 * s2\n")


@pytest.mark.parametrize("seed", [0, 7])
def test_each_split_has_its_own_random_seed_of_draws(seed):
    experiment, tasks = everything(seed=seed), task_set(tasks=3)
    judge = Judge(experiment, make_space(experiment, tasks), tasks, tasks, tasks)
    found = Found(DRAWS, 1, -1.0, 0, 0)
    scores = {
        "search": judge.on_all([found])[0].search_fitness,
        "select": judge.fitness([DRAWS])[0],
        "test": judge.final([DRAWS])[0][1],
    }
    for split, score in scores.items():
        assert score == azdsl.evaluate(DRAWS, tasks, "reference", seed=draw_seed(seed, split)).fitness
    assert len(set(scores.values())) == 3


def finalist(program=SMALL, fitness=0.5, search_fitness=0.5, island=0, birth=10):
    return Finalist(Found(program, 1, search_fitness, island, birth), fitness)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (finalist(LARGE, 0.6, 0.1, 1, 90), finalist(SMALL, 0.5, 0.9)),
        (finalist(LARGE, search_fitness=0.6, birth=90), finalist(SMALL)),
        (finalist(SMALL, island=1, birth=90), finalist(LARGE)),
        (finalist(OTHER, island=1, birth=5), finalist(SMALL)),
        (finalist(OTHER), finalist(SMALL, island=1)),
    ],
    ids=["selection fitness", "search fitness", "size", "birth", "island"],
)
def test_the_answer_is_chosen_by_selection_fitness_then_search_fitness_size_birth_and_island(better, worse):
    assert answer([better, worse]) is answer([worse, better]) is better


@pytest.mark.parametrize("birth", [5, 10, 90])
@pytest.mark.parametrize("island", [0, 1])
def test_the_hall_of_fame_keeps_an_entry_when_an_equal_program_is_found(island, birth):
    entries = (HallOfFameEntry(SMALL, 0.5, 0, 10),)
    for program in (OTHER, LARGE):
        assert include(entries, [Found(program, 2, 0.5, island, birth)]) == entries
        assert update(entries, *members_of(program, 0.5, island, birth)) == entries
    better = np.nextafter(0.5, 1.0)
    for grown in (
        include(entries, [Found(OTHER, 2, better, island, birth)]),
        update(entries, *members_of(OTHER, better, island, birth)),
    ):
        assert [(e.program, e.fitness, e.island, e.birth) for e in grown] == [(OTHER, better, island, birth)]
        assert [tuple(ancestor) for ancestor in grown[0].lineage] == [(1, 0.5, 0, 10)]


def test_the_hall_of_fame_states_the_fitness_of_a_full_evaluation():
    """A member may have the fitness of another program, with the same early errors: here 0.9."""
    entries = (HallOfFameEntry(SMALL, 0.5, 0, 10),)
    *members, _ = members_of(LARGE, 0.9, 0, 20)
    assert update(entries, *members, lambda program: 0.4) == entries
    (_, entry) = update(entries, *members, lambda program: 0.6)
    assert (entry.program, entry.fitness) == (LARGE, 0.6)


def test_of_equals_found_at_once_the_smallest_enters_the_hall_of_fame():
    (space, small), (_, large) = filled_by(SMALL, 0.5, 20), filled_by(LARGE, 0.5, 10)
    found = fittest(space, [select(large.members, [0]), select(small.members, [0])], make_scratch(space, 1))
    assert found.fitness.size == 2
    assert [(e.program, e.birth) for e in update((), space, {0: found}, RMSE, lambda program: 0.5)] == [(SMALL, 20)]


def filled_by(program, fitness, birth):
    """A space, and an island of copies of a program; the first has a fitness and a birth."""
    experiment = replace(everything(init="seed"), program=program)
    space = make_space(experiment, task_set())
    filled = make_island(space, experiment, 0)
    write_initial(space, experiment, filled)
    filled.members.fitness[0], filled.members.about["birth"][0] = fitness, birth
    return space, filled


def members_of(program, fitness, island, birth):
    """The arguments of ``update``: one member of island number ``island``, and islands before it without members."""
    space, filled = filled_by(program, fitness, birth)
    scratch = make_scratch(space, 1)
    none, one = (fittest(space, [select(filled.members, rows)], scratch) for rows in ([1], [0]))
    assert (none.fitness.size, one.fitness.size) == (0, 1)
    return space, dict(enumerate([none] * island + [one])), RMSE, lambda program: fitness
