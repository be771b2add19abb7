"""Ask and tell: the engine's population with an evaluation from outside; a function of the settings and the calls alone."""

from __future__ import annotations

import doctest
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_runs import LEARNER, small

import azdsl
from azdsl.config.search import SettingsError
from azdsl.search.evolve import run
from azdsl.search.islands.selection import canonical
from azdsl.search.rundir.checkpoint import member_arrays

SEED = azdsl.parse(LEARNER)
FEW = azdsl.parse("def Predict():\n  s1 = dot(v0, v1)\n")
MEAN = azdsl.parse("def Predict():\n  s2 = mean(v0)\n  s3 = mean(v0)\n  s1 = s2 + s3\n")


def search(**changes):
    return azdsl.Search(small(all_ops=True, **{"population": 20, **changes}))


def invented(programs):
    """A fitness in place of an evaluation; some programs fail."""
    return [math.nan if len(str(program)) % 5 == 0 else 7.0 - len(str(program)) for program in programs]


def state(asking):
    """The members and the random generator, without what is undefined."""
    members = asking._island.members
    return {name: array.tobytes() for name, array in member_arrays(asking._own.space, members).items()}


@pytest.mark.parametrize("options", [{}, {"edits": 0.5, "parsimony": 0.01, "combine": "median"}])
def test_one_at_a_time_with_our_fitness_it_is_a_run(sessions, options):
    """The members after as many candidates, bit for bit."""
    experiment = small(islands=1, fec=False, budget=0.0, epoch=100, **options)
    told = azdsl.Search(experiment)
    while told.evaluations < 1500:
        programs = told.ask()
        told.tell(programs, told.evaluate(programs).fitness)
    run(replace(experiment, search=replace(experiment.search, max_evals=told.evaluations)), quiet=True)
    (session,) = sessions
    (island,) = session.islands
    expected = {name: a.tobytes() for name, a in member_arrays(session.plan.space, island.members).items()}
    assert state(told._asking) == expected
    assert told._asking._island.rng.tolist() == island.rng.tolist()
    assert told.fitness == island.finalists.fitness.max() > island.members.fitness.mean()


def test_told_our_fitness_it_reaches_the_target_of_the_demo():
    for seed in range(3):
        found = azdsl.Search("examples/linear.az", init="seed", seed=seed)
        while (found.fitness or 0.0) < 0.9999 and found.told < 1000:
            programs = found.ask(50)
            found.tell(programs, found.evaluate(programs).fitness)
        assert found.fitness >= 0.9999
        assert (
            azdsl.score(replace(azdsl.experiments.opened("examples/linear.az").experiment, program=found.best)).fitness
            > 0.999
        )


calls = st.lists(st.tuples(st.integers(1, 25), st.floats(0, 1), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=8)
@given(
    calls, st.sampled_from(["regularized_evolution", "nonregularized_evolution"]), st.sampled_from(["random", "seed"])
)
def test_any_calls(calls, algorithm, init):
    """No program is asked for twice; equal calls give equal programs, in whichever order the answers are given."""

    def play(order):
        found = azdsl.Search(
            [SEED, FEW] if init == "seed" else SEED, population=20, tournament=4, algorithm=algorithm, init=init
        )
        asked, waiting = [], []
        for count, share, other in calls:
            new = found.ask(count)
            assert len(new) == count
            asked += new
            waiting += new
            now, waiting = waiting[: round(share * len(waiting))], waiting[round(share * len(waiting)) :]
            answers = list(zip(now, invented(now), strict=True)) + ([(MEAN, 3.5)] if other else [])
            answers = answers[::order]
            found.tell([program for program, _ in answers], [value for _, value in answers])
        return asked, state(found._asking), found

    asked, members, found = play(1)
    again, same, _ = play(-1)
    assert asked == again and members == same
    assert len({canonical(program, found._tasks.metric_definition) for program in asked}) == len(asked)


def test_first_the_seed_programs_then_their_children():
    found = azdsl.Search([SEED, FEW], seed=3)
    first = found.ask(10)
    assert {canonical(p, found._tasks.metric_definition) for p in first[:2]} == {
        canonical(p, found._tasks.metric_definition) for p in (SEED, FEW)
    }
    assert found.best is None and found.fitness is None and found.told == 0
    found.tell(first[1:], range(9))
    assert (found.fitness, found.told) == (8.0, 9)
    found.tell(first[0], 20)
    assert found.fitness == 20.0 and found._asking._island.members.fitness.max() == 20.0
    other = azdsl.Search([FEW, SEED], seed=4).ask(10)
    assert other[:2] == first[:2] and other[2:] != first[2:]


def test_programs_from_elsewhere_become_parents():
    found = azdsl.Search(FEW, population=50, tournament=50, mutations="alter", parsimony=0.0)
    found.tell(found.ask(), 0.0)
    found.tell([MEAN], [1.0])
    children = found.ask(20)
    assert MEAN not in children and sum("mean(" in str(child) for child in children) > 5


def test_the_last_fitness_counts_for_a_program_that_is_told_again():
    found = azdsl.Search(FEW, population=4, tournament=4, mutation=0.0)
    found.tell([FEW], [1.0])
    found.tell([MEAN], [2.0])
    found.tell([MEAN], [-1.0])
    assert found.fitness == 2.0, "the best that was told"
    assert found._asking._known[canonical(MEAN, found._tasks.metric_definition)] == -1.0


def test_an_exhausted_space_gives_what_there_is():
    found = azdsl.Search(
        "def Predict():\n  s1 = mean(v0)\n", ops="s = mean(v)", setup=0, predict=1, learn=0, vectors=1, scalars=2
    )
    assert len(found.ask(5)) == 1
    assert found.ask(5) == []


def test_a_frozen_function_stays():
    frozen = "def Setup():\n  s7 = 0.25\n@frozen\ndef Predict():\n  s5 = dot(v0, v1)\n  s9 = s5 + s5\n  s1 = s5 * s7\ndef Learn():\n  v1 = s7 * v0\n"
    found = azdsl.Search(frozen, population=10, tournament=5)
    for _ in range(3):
        programs = found.ask(8)
        assert {p.predict for p in programs} == {azdsl.parse(frozen.replace("@frozen\n", "")).predict}
        found.tell(programs, range(8))
    found.tell(programs, range(8))
    with pytest.raises(SettingsError, match=r"programs\[1\]: Predict is frozen"):
        found.tell([programs[0], MEAN], [1.0, 1.0])


def test_failed_programs_are_no_parents():
    found = search(init="seed", tournament=20)
    programs = found.ask(40)
    found.tell(programs, [math.nan] * 20 + [-math.inf] * 19 + [-1e9])
    assert found.best == canonical(programs[-1], found._tasks.metric_definition) and found.fitness == -1e9
    known = found._asking._island.members.fitness
    assert not np.isnan(known).any() and (known[known > -np.inf] == -1e9).all()


@pytest.mark.parametrize(
    ("programs", "fitness", "error", "message"),
    [
        ([FEW], [1.0, 2.0], ValueError, r"there are 1 programs, but fitness has the shape \(2,\)"),
        ([FEW, FEW], [[1.0], [2.0]], ValueError, r"fitness has the shape \(2, 1\)"),
        ([FEW], ["high"], TypeError, "fitness must be numbers"),
        ([FEW], [math.inf], ValueError, r"fitness\[0\] is inf: give a finite number, or NaN"),
        ([FEW, "def Predict():\n"], [1.0, 2.0], TypeError, r"programs\[1\]: not a program, but str"),
        (
            [azdsl.parse("def Predict():\n  s1 = mean(v40)\n")],
            [1.0],
            SettingsError,
            r"programs\[0\]: the program uses v40",
        ),
    ],
)
def test_bad_answers_change_nothing(programs, fitness, error, message):
    found, other = search(), search()
    with pytest.raises(error, match=message):
        found.tell(programs, fitness)
    assert found.told == 0 and state(found._asking) == state(other._asking)
    assert found.ask(20) == other.ask(20)


def test_bad_arguments():
    for name, value in (("islands", 3), ("timeout", 10), ("hurdles", "100")):
        with pytest.raises(SettingsError, match=f"{name} has no effect on ask and tell: leave it out"):
            azdsl.Search(FEW, **{name: value})
    with pytest.raises(SettingsError, match="algorithm=random_search has no population"):
        azdsl.Search(FEW, algorithm="random_search")
    with pytest.raises(SettingsError, match="unknown setting 'populaton'; did you mean 'population'"):
        azdsl.Search(FEW, populaton=3)
    with pytest.raises(SettingsError, match="3 seed programs do not fit"):
        azdsl.Search([FEW, SEED, MEAN], population=2, tournament=2)
    for count, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="count must be"):
            search().ask(count)
    with pytest.raises(ValueError, match="the list of programs is empty"):
        search().evaluate([])


def test_our_fitness_is_that_of_evaluate():
    found = search(seed=5, precision=32)
    programs = found.ask(4)
    together, alone = found.evaluate(programs), found.evaluate(programs[2], backend="reference")
    assert together.task_fitness.shape == (4, 3) and alone.fitness == together.fitness[2]
    assert alone.task_fitness.tolist() == together.task_fitness[2].tolist()


def test_a_record_is_the_search(tmp_path):
    path, plain = tmp_path / "told.jsonl", search()

    def generation(found):
        programs = found.ask(15)[:12]
        found.tell([*programs, MEAN], [*invented(programs), 2.0])

    for number in range(4):
        found = azdsl.Search(small(all_ops=True, population=20), record=path)
        assert found.told == 13 * number
        generation(found)
        generation(plain)
        assert (found.best, found.fitness, found.evaluations) == (plain.best, plain.fitness, plain.evaluations)
        assert state(found._asking) == state(plain._asking)
        with path.open("ab") as file:
            file.write(b'{"search": "a kill cut this li')
    assert len(path.read_text().splitlines()) == 5
    lost = azdsl.Search(small(all_ops=True, population=20), record=path)
    lost.ask(3)  # never told
    assert azdsl.Search(small(all_ops=True, population=20), record=path).ask(15) == plain.ask(15)


def test_a_record_of_another_search_is_refused(tmp_path):
    path = tmp_path / "told.jsonl"
    first, second = (azdsl.Search(FEW, record=path) for _ in range(2))
    first.tell(FEW, 1.0)
    with pytest.raises(SettingsError, match="was changed by another process"):
        second.tell(FEW, 2.0)
    with pytest.raises(SettingsError, match="is of a search with other settings"):
        azdsl.Search(FEW, record=path, population=500)
    assert json.loads(path.read_text())["fitness"] == [1.0]
    path.write_text('{"search": 3}\n')
    with pytest.raises(SettingsError, match="is damaged: line 1 is invalid"):
        azdsl.Search(FEW, record=path)


def test_the_example_of_the_docstring():
    assert doctest.testmod(azdsl.ask_tell).attempted > 3 and doctest.testmod(azdsl.ask_tell).failed == 0
