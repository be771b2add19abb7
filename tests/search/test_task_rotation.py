"""Task rotation: the order of groups, the evaluation of members after a change, and scores on all tasks."""

import json
from dataclasses import replace

import numpy as np
import pytest
from search_runs import files, small

from azdsl.codegen import evaluate
from azdsl.config.search import ALGORITHMS, Search, SettingsError
from azdsl.scoring import draw_seed
from azdsl.search.evolve import run
from azdsl.search.islands import task_rotation
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.engines import group_engines
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.search.kernel.task_groups import first_group
from azdsl.syntax import load_experiment
from azdsl.tasks import build

SETTINGS = {
    "tasks_per_evaluation": 2,
    "redraw": 2500,
    "restart": 9000,
    "max_evals": 24_000,
    "epoch": 1000,
    "hurdles": "4x1, 8",
}


def diverse(**search):
    """A small search with six tasks in groups of two; its ops include random ones."""
    experiment = small(**SETTINGS | {"hurdle_every": 40} | search)
    return replace(experiment, task=replace(experiment.task, tasks=6))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run without interruptions."""
    return run(diverse(), out=tmp_path_factory.mktemp("uninterrupted") / "run", quiet=True, workers=2)


def test_results_do_not_depend_on_workers(tmp_path, uninterrupted):
    one = run(diverse(), out=tmp_path / "run", quiet=True, workers=1)
    assert files(tmp_path / "run") == files(uninterrupted.run_dir)
    assert one.layers == uninterrupted.layers and uninterrupted.layers["hurdle"] > 100


def test_an_interrupted_and_resumed_run_gives_the_same_result(tmp_path, uninterrupted):
    path = tmp_path / "run"
    for evaluations in (77, 6313, 12_345, 23_999):  # in the middle of epochs
        run(diverse(max_evals=evaluations), quiet=True, workers=1, **{"resume" if path.exists() else "out": path})
    last = run(diverse(), resume=path, quiet=True)
    assert files(path) == files(uninterrupted.run_dir)
    assert (last.layers, last.hurdles) == (uninterrupted.layers, uninterrupted.hurdles)


def test_stored_scores_are_those_on_all_tasks(uninterrupted):
    experiment = load_experiment(uninterrupted.run_dir / "seed.az")
    seed = experiment.search.seed
    tasks = build(experiment.task, seed, "search", uninterrupted.run_dir)
    assert tasks.tasks == 6
    programs = [uninterrupted.best, *(entry.program for entry in uninterrupted.hall_of_fame)]
    scores = evaluate(programs, tasks, seed=draw_seed(seed, "search")).mean(axis=1).tolist()
    np.testing.assert_allclose(
        scores, [uninterrupted.search_fitness, *(entry.fitness for entry in uninterrupted.hall_of_fame)], rtol=1e-15
    )
    assert len(uninterrupted.hall_of_fame) > 1 and any("gaussian" in str(p) or "uniform" in str(p) for p in programs)
    events = [json.loads(line) for line in (uninterrupted.run_dir / "events.jsonl").read_text().splitlines()]
    bests = [event["best"] for event in events]
    assert bests == sorted(bests) and bests[-1] > bests[0] > 0.0


def started(experiment):
    """Tasks, space, engines of each group, an island with its initial population, and scratch memory."""
    tasks = build(experiment.task, 0, "search")
    space = make_space(experiment, first_group(experiment.search, tasks))
    island, scratch = make_island(space, experiment, 0), make_scratch(space, 2)
    write_initial(space, experiment, island)
    return tasks, space, group_engines(experiment, tasks), island, scratch


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_members_are_evaluated_again_after_a_change_of_group(algorithm):
    """Their fitness is that on the new group, and programs draw by the number of the task in the complete task set."""
    experiment = diverse(algorithm=algorithm, hurdles=None, fec=False, restart=None)
    tasks, space, handles, island, scratch = started(experiment)
    seen = 0
    for group in (1, 0, 2):
        before = [str(genotype(space, island.members, row)) for row in range(len(island.members.fitness))]
        task_rotation.set_group(space, island, group)
        assert (island.members.fitness == -1.0).all() and (island.finalists.fitness == -1.0).all()
        if algorithm == "regularized_evolution":
            run_epoch(space, island, scratch, handles[group].engines, len(before))
            assert sorted(before) == sorted(str(genotype(space, island.members, row)) for row in range(len(before)))
        run_epoch(space, island, scratch, handles[group].engines, 300)
        for members in (island.members, island.finalists):
            for row in np.flatnonzero(members.fitness > 0.0).tolist():
                program = genotype(space, members, row)
                by_task = evaluate([program], tasks, seed=experiment.search.seed)[0]
                assert members.fitness[row] == (by_task[2 * group] + by_task[2 * group + 1]) / 2
                seen += 1
    assert seen > 20


def test_hill_climbing_continues_with_its_program():
    experiment = diverse(algorithm="hill_climbing", hurdles=None, restart=None)
    _, space, handles, island, scratch = started(experiment)
    run_epoch(space, island, scratch, handles[0].engines, 500)
    climbing = int(np.lexsort((-island.members.about["birth"], -island.members.fitness))[0])
    program = str(genotype(space, island.members, climbing))
    task_rotation.set_group(space, island, 1)
    run_epoch(space, island, scratch, handles[1].engines, 1)
    assert str(genotype(space, island.members, 0)) == program and island.members.fitness[0] >= 0.0


def test_every_group_is_used_before_any_is_repeated():
    orders = set()
    for seed in range(20):
        search = Search(seed=seed)
        rounds = [
            tuple(task_rotation.group_of_draw(search, 4, 4 * number + at) for at in range(4)) for number in range(3)
        ]
        assert all(sorted(one) == [0, 1, 2, 3] for one in rounds)
        orders.update(rounds)
    assert len(orders) > 10
    assert task_rotation.group_of_draw(Search(), 1, 7) == 0


def test_invalid_settings_are_refused():
    with pytest.raises(SettingsError, match="tasks_per_evaluation=4 does not divide the number of tasks, 6"):
        run(diverse(tasks_per_evaluation=4), quiet=True)
    with pytest.raises(SettingsError, match="redraw has no effect without tasks_per_evaluation"):
        Search(redraw=100)
    with pytest.raises(
        SettingsError, match="tasks are redrawn every 1000 candidates, before the first update of a threshold"
    ):
        Search(tasks_per_evaluation=2, population=100, hurdles="8")
    with pytest.raises(SettingsError, match="there are only 2 tasks"):
        run(diverse(hurdles="8x3"), quiet=True)


def test_one_group_has_no_effect():
    """A group of all tasks gives the result of a search without groups."""
    plain, one = (
        run(small(max_evals=6000, **extra), quiet=True, workers=1) for extra in ({}, {"tasks_per_evaluation": 3})
    )
    assert plain.best == one.best and plain.layers == one.layers
