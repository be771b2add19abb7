"""Islands: sources of immigrants, groups with their own settings, emigration and immigration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_runs import files, small

from azdsl.config.experiment import Experiment, Group
from azdsl.config.search import IslandSettings, Range, Search, SettingsError
from azdsl.diagnostics import SyntaxError
from azdsl.ops import BY_NAME
from azdsl.search.evolve import run
from azdsl.search.islands.migration import emigrants, insert_immigrants, sources
from azdsl.search.kernel.population import Clock, genotype, make_island
from azdsl.search.kernel.space import make_space
from azdsl.syntax import parse_experiment
from azdsl.tasks import build

FUNCTIONS = "def Setup():\ndef Predict():\ndef Learn():\n"
SUMS = tuple(BY_NAME[name] for name in ("scalar_subtract", "vector_add"))


@given(st.integers(0, 2**63 - 1), st.integers(1, 50), st.integers(1, 1000))
def test_pairs(seed, islands, exchange_number):
    found = sources(Search(seed=seed, islands=islands, exchange="pairs"), exchange_number)
    assert all(found[found[island]] == island for island in range(islands))
    assert sum(found[island] == island for island in range(islands)) == islands % 2


def test_pairs_change_at_every_exchange_and_reach_all_islands():
    search = Search(islands=64, exchange="pairs")
    drawn = [tuple(sources(search, exchange_number)) for exchange_number in range(1, 41)]
    assert len(set(drawn)) == 40 and tuple(sources(replace(search, seed=1), 1)) != drawn[0]
    reached = {0}
    for taken_from in drawn[:15]:  # a ring would need 63
        reached |= {island for island in range(64) if taken_from[island] in reached}
    assert len(reached) == 64


def test_the_pairs_of_a_random_seed_do_not_change():
    assert sources(Search(seed=7, islands=8, exchange="pairs"), 3) == [1, 0, 5, 4, 3, 2, 7, 6]


def test_the_default_is_the_ring_and_with_many_islands_both():
    for islands, exchange in ((2, "ring"), (99, "ring"), (100, "both")):
        default, named = Search(islands=islands), Search(islands=islands, exchange=exchange)
        assert [sources(default, exchange_number) for exchange_number in range(3)] == [
            sources(named, exchange_number) for exchange_number in range(3)
        ]


def test_ring_and_both():
    ring, pairs, both = (Search(islands=5, exchange=exchange) for exchange in ("ring", "pairs", "both"))
    assert sources(ring, 4) == [4, 0, 1, 2, 3]
    assert [sources(both, m) == sources(ring, m) for m in (1, 2, 3, 4)] == [True, False, True, False]
    assert all(sources(both, m) == sources(pairs, m) for m in (2, 4))


def grouped(**search):
    groups = (
        Group(Range(0, 0), IslandSettings(tournament=20, mutation=0.5), (SUMS,) * 3),
        Group(Range(1, 2), mutations=("randomize_instruction",)),
    )
    return replace(small(islands=4, **search), groups=groups)


def test_the_settings_of_groups_have_effect(sessions):
    run(grouped(migrants=0.0), quiet=True, workers=1)
    (ended,) = sessions
    used = []
    for own, island in zip(ended.plan.islands, ended.islands, strict=True):
        programs = [genotype(own.space, island.members, row) for row in range(60)]
        used.append({i.op for program in programs for i in program.instructions})
    assert used[0] == set(SUMS) and not any(ops <= set(SUMS) for ops in used[1:])
    assert [(own.space.tournament, own.space.mutation) for own in ended.plan.islands] == [(20, 0.5), *[(5, 0.9)] * 3]
    assert [len(own.space.mutations) for own in ended.plan.islands] == [6, 1, 1, 6]


def test_islands_evolve_and_differ(sessions):
    result = run(small(islands=4, migrants=0.0, max_evals=16_000), quiet=True)
    (ended,) = sessions
    means = [event["islands"] for event in result.history]
    assert all(max(later) > first for first, *later in zip(*means, strict=True))
    assert len({island.members.code.tobytes() for island in ended.islands}) == len(set(means[-1])) == 4


def test_results_do_not_depend_on_the_number_of_threads(tmp_path):
    runs = [run(grouped(exchange="both"), out=tmp_path / str(n), quiet=True, workers=n) for n in (1, 2, 4)]
    assert files(runs[0].run_dir) == files(runs[1].run_dir) == files(runs[2].run_dir)
    assert files(runs[0].run_dir) != files(run(grouped(), out=tmp_path / "ring", quiet=True).run_dir)


def test_a_restart_keeps_the_settings_of_groups(sessions):
    run(grouped(migrants=0.0, restart=400, max_evals=1600), quiet=True, workers=1)
    (ended,) = sessions
    programs = [genotype(ended.plan.islands[0].space, ended.islands[0].members, row) for row in range(60)]
    assert {i.op for program in programs for i in program.instructions} <= set(SUMS)


@pytest.mark.parametrize(
    "text",
    [
        "island(0, tournament=20)",
        "island(1..3, mutation=0.5, ops(dot, scalar_subtract))",
        "island(2, setup_ops(const), learn_ops(dot), mutations(alter, trade))",
    ],
)
def test_groups_are_read_and_written(text):
    experiment = parse_experiment(f"search(islands=4)\n{text}\n{FUNCTIONS}")
    assert len(experiment.groups) == 1 and text in str(experiment)
    assert parse_experiment(str(experiment)) == experiment


def test_later_groups_win():
    text = f"search(islands=4)\nisland(0..3, tournament=20, mutation=0.1)\nisland(1, tournament=30)\n{FUNCTIONS}"
    own = [parse_experiment(text).of_island(n).search for n in range(4)]
    assert [(s.tournament, s.mutation) for s in own] == [(20, 0.1), (30, 0.1), (20, 0.1), (20, 0.1)]


@pytest.mark.parametrize(
    "text, message",
    [
        ("island()", "must be the number of an island or a range"),
        ("island(tournament=20)", "must be the number of an island or a range"),
        ("island(3..1)", r"the range 3\.\.1 contains no island[^$]*write 1\.\.3"),
        ("island(0.5)", "must be the number of an island or a range"),
        ("island(0, turnament=20)", "unknown key 'turnament'"),
        ("island(0, tournament=0)", "at least 1"),
        ('island(0, hurdles="20")', r"hurdles is the same on all islands[^$]*set it in search\(hurdles=…\)"),
        ("island(0, proxy=true)", "proxy is the same on all islands"),
        ("island(1..3, tournament=20, algorithm=random_search)", "algorithm is the same on all islands"),
        ("island(0, ops(dto))", "unknown op 'dto'"),
        ("island(0, ops())", r"ops\(\) is empty"),
        ("island(0, mutations())", r"mutations\(\) is empty"),
        ("island(0, ops(dot), ops(dot))", "given twice"),
        ("island(0, mutations(alter), mutations(trade))", "given twice"),
        ("island(0, 5)", "has no key"),
    ],
)
def test_invalid_groups_are_refused(text, message):
    with pytest.raises(SyntaxError, match=message):
        parse_experiment(f"{text}\n{FUNCTIONS}")


@pytest.mark.parametrize(
    "group, message",
    [
        (Group(Range(1, 4)), "numbered 0 to 3"),
        (Group(Range(0, 0), IslandSettings(tournament=61)), "larger than population=60"),
    ],
)
def test_groups_of_absent_islands_are_refused(group, message):
    with pytest.raises(SettingsError, match=message):
        run(replace(small(islands=4), groups=(group,)), quiet=True)


def test_without_groups_islands_share_one_space():
    experiment = Experiment()
    assert experiment.of_island(3) is experiment


@pytest.mark.parametrize("algorithm", ["regularized_evolution", "nonregularized_evolution"])
def test_the_best_members_emigrate_and_of_equals_the_oldest(algorithm):
    experiment = small(islands=2, migrants=0.1, algorithm=algorithm)
    space = make_space(experiment, build(experiment.task, 0, "search"))
    members = make_island(space, experiment, 0).members
    rows = np.random.default_rng(0).permutation(60)
    members.about["birth"][rows], members.fitness[rows] = np.arange(60), np.arange(60) // 4 / 20
    found = emigrants(experiment.search, members)
    assert found.about["birth"].tolist() == [56, 57, 58, 59, 52, 53]
    for share, count in ((0.001, 1), (0.02, 1), (0.03, 2), (1.0, 60)):
        assert len(emigrants(replace(experiment.search, migrants=share), members).fitness) == count
    members.fitness[rows[0]] = -1.0
    assert not emigrants(experiment.search, members).fitness.size


def test_immigrants_replace_the_oldest_members_in_the_default_algorithm():
    experiment = small(islands=2, migrants=0.05)
    space = make_space(experiment, build(experiment.task, 0, "search"))
    home, abroad = (make_island(space, experiment, number) for number in range(2))
    for island, births in ((home, 0), (abroad, 1000)):
        island.members.about["birth"] = births + np.arange(60)
        island.members.fitness[:] = np.arange(60) / 60
    home.clock[Clock.WRITTEN] = 58  # the oldest member is in row 58
    insert_immigrants(experiment.search, home, emigrants(experiment.search, abroad.members))
    changed = np.flatnonzero(home.members.about["birth"] >= 1000)
    assert changed.tolist() == [0, 58, 59]
    assert home.members.about["birth"][[58, 59, 0]].tolist() == [1059, 1058, 1057] and home.clock[Clock.WRITTEN] == 61
