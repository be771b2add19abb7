"""Islands that search on tasks of their own: what migrates, what is compared, and results that do not depend on where islands ran."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from search.test_combinations import results
from search.test_pipeline import Placement
from search_runs import files, small

from azdsl import evaluate
from azdsl.config.experiment import Group, Stage
from azdsl.config.search import ALGORITHMS, IslandSettings, Range, SettingsError, StageSettings
from azdsl.config.tasks import Affine, Linear, Projected
from azdsl.diagnostics import SyntaxError
from azdsl.ir import FUNCTIONS
from azdsl.ops import BY_NAME
from azdsl.scoring import draw_seed
from azdsl.search import planning, recorder
from azdsl.search.display.introduction import introduction
from azdsl.search.evolve import run
from azdsl.search.islands.migration import emigrants, immigrants, receive_immigrants
from azdsl.search.islands.workers import run_slices
from azdsl.search.kernel.population import Clock, genotype
from azdsl.syntax import parse, parse_experiment
from azdsl.tasks import build

EMPTY = "def Setup():\ndef Predict():\ndef Learn():\n"
CHEAP = Linear(features=2, tasks=1, train=6, valid=4)
OTHER = Affine(features=4, tasks=2, train=8, valid=4)


def varied(**search):
    """Island 0 searches on the run's tasks, 1 and 2 on a cheap task with more candidates, 3 on two others in a small population."""
    groups = (
        Group(Range(1, 2), IslandSettings(epoch=300), task=CHEAP),
        Group(Range(3, 3), IslandSettings(population=20, tournament=3), task=OTHER),
    )
    return replace(small(**{"islands": 4, "exchange": "both", "max_evals": 5000} | search), groups=groups)


def everything(**search):
    """With task groups, hurdles, restarts and a stage, of which the islands with tasks of their own know nothing but the restarts."""
    settings = {"tasks_per_evaluation": 2, "redraw": 500, "hurdles": "4", "hurdle_every": 40, "proxy": True}
    asked = varied(**{"restart": 700, "max_evals": 6000} | settings | search)
    task = replace(asked.task, tasks=4)
    return replace(asked, task=task, stages=(Stage(replace(task, tasks=2), StageSettings(max_evals=2500)),))


def fitness_on(tasks, program, experiment):
    """The fitness of a program in a search of ``experiment`` on ``tasks``."""
    return evaluate(program, tasks, seed=draw_seed(experiment.search.seed, "search")).fitness


class OwnPlacement(Placement):
    """A placement whose pools run the islands in a random order, with plans for each stage."""

    def start(self, plan):
        return super(OwnPlacement, copy(self)).start(plan)


@pytest.mark.parametrize("asked", [varied, everything])
def test_results_do_not_depend_on_workers_interruptions_and_the_order_of_islands(tmp_path, monkeypatch, asked):
    whole = run(asked(), out=tmp_path / "whole", quiet=True, workers=1)
    total = asked().search.max_evals
    assert whole.evaluations == total == sum(whole.layers.values())
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    path = tmp_path / "parts"
    for number, limit in enumerate((77, 1313, 3000, 3001, total)):
        where = {"placement": OwnPlacement(number)} if number % 2 else {"workers": 2}
        part = run(asked(max_evals=limit), quiet=True, **{"resume" if path.exists() else "out": path}, **where)
        assert part.evaluations == limit
    assert files(path) == files(tmp_path / "whole") and results(part) == results(whole) and part.stages == whole.stages


def test_each_island_has_its_tasks_its_population_and_its_pace(sessions):
    result = run(everything(), quiet=True, workers=2)
    (ended,) = sessions
    plan = ended.plan
    assert [own.tasks for own in plan.islands] == [0, 1, 1, 2] and len(plan.task_sets) == 3
    assert [tasks.features for tasks in plan.task_sets] == [3, 2, 4]
    assert [len(island.members.fitness) for island in ended.islands] == [60, 60, 60, 20]
    assert [len(island.hurdles.thresholds) for island in ended.islands] == [1, 0, 0, 0]
    assert [island.clock[Clock.TASK_GROUP] for island in ended.islands[1:]] == [0, 0, 0]
    candidates = [island.candidates for island in ended.islands]
    assert (
        candidates[1] == candidates[2] and 1.3 < candidates[1] / candidates[0] < 1.6 and candidates[0] == candidates[3]
    )
    assert len(result.stages) == 1 and result.hurdles["reached"][0] > 0 and ended.state.restarts > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS[:2])
@pytest.mark.parametrize("home", [0, 1, 3])
def test_immigrants_are_evaluated_on_the_tasks_of_their_new_island(sessions, algorithm, home):
    """Only programs go there, and no cached fitness of the island is that of a program on other tasks."""
    experiment = varied(algorithm=algorithm, fec=False, migrants=0.1, budget=0.0)
    run(experiment, quiet=True, workers=1)
    (ended,) = sessions
    plan, islands, contexts = ended.plan, ended.islands, ended._executors[0].contexts[0]
    own, island = plan.islands[home], islands[home]
    for one, each in zip(plan.islands, islands, strict=True):  # immigrants that came at the end are not evaluated yet
        waiting = int(each.clock[Clock.UNCHANGED] - each.clock[Clock.WRITTEN])
        run_slices(one.space, each, contexts[one.tasks], each.candidates + max(0, waiting), lambda: False)
    going = [emigrants(one.search, each.members) for one, each in zip(plan.islands, islands, strict=True)]
    lengths = [schedule.length for schedule in plan.schedules.each]
    for source in {0, 1, 3} - {home}:
        arrived = immigrants(going, [source] * 4, plan.islands, lengths)[home]
        count = min(len(going[source].fitness), 2 if home == 3 else 6)
        assert len(arrived.fitness) == count and (arrived.fitness == -1.0).all() and not arrived.about["hash"].any()
        receive_immigrants(own.search, island, [arrived])
        assert (island.members.fitness < 0.0).sum() == count
        first, rows = island.candidates, np.flatnonzero(island.members.fitness < 0.0)
        run_slices(own.space, island, contexts[own.tasks], first + count, lambda: False)
        came = {genotype(own.space, arrived, at) for at in range(count)}
        assert {genotype(own.space, island.members, row) for row in rows} == came
        assert sorted(island.members.about["birth"][rows]) == list(range(first, first + count))
        tasks = build(experiment.of_island(home).task, 0, "search")
        for row, fitness in enumerate(island.members.fitness.tolist()):
            program = genotype(own.space, island.members, row)
            assert fitness == pytest.approx(fitness_on(tasks, program, experiment), rel=1e-9, abs=1e-12)
    same = immigrants(going, [2] * 4, plan.islands, lengths)[1]
    assert same.fitness.tolist() == going[2].fitness.tolist(), "islands 1 and 2 search on the same tasks"
    assert immigrants(going, [home] * 4, plan.islands, lengths)[home] is None
    short = immigrants(going, [3] * 4, plan.islands, [3] * 4)[0]
    assert len(short.fitness) == 1, "an epoch of three candidates has one for immigrants"


def test_members_have_the_fitness_of_their_islands_tasks(sessions):
    experiment = varied(fec=False, migrants=0.2, budget=0.0)
    run(experiment, quiet=True, workers=2)
    (ended,) = sessions
    for number, island in enumerate(ended.islands):
        tasks = build(experiment.of_island(number).task, 0, "search")
        space, moved = ended.plan.islands[number].space, 0
        for row in np.flatnonzero(island.members.fitness >= 0.0):
            fitness = fitness_on(tasks, genotype(space, island.members, row), experiment)
            assert island.members.fitness[row] == pytest.approx(fitness, rel=1e-9, abs=1e-12)
            moved += 1
        assert moved > 10


@pytest.mark.parametrize("groups", [(0, 1), (0, 3)])
def test_all_that_is_compared_was_measured_on_the_tasks_of_the_run(sessions, groups):
    """Also where all islands have tasks of their own."""
    first, last = groups
    experiment = replace(varied(fec=False, migrants=0.0, budget=0.0), groups=(Group(Range(first, last), task=CHEAP),))
    result = run(experiment, quiet=True, workers=1)
    (ended,) = sessions
    own = build(experiment.task, 0, "search")
    compared = [*ended.state.finalists, *(f for f in ended.plan.judge.compare((), planned_finalists(ended)))]
    assert {finalist.found.island for finalist in compared} & set(range(first, last + 1))
    for finalist in compared:
        fitness = fitness_on(own, finalist.found.program, experiment)
        assert finalist.found.search_fitness == pytest.approx(fitness, rel=1e-9, abs=1e-12)
    for entry in result.hall_of_fame:
        assert entry.fitness == pytest.approx(fitness_on(own, entry.program, experiment), rel=1e-9, abs=1e-12)
    steps = [step for event in result.history for step in event.get("milestones", ())]
    assert steps and all(
        step["fitness"] == pytest.approx(fitness_on(own, parse(step["program"]), experiment)) for step in steps
    )
    assert result.history[-1]["best"] == max(step["fitness"] for step in steps)
    at = [step["evaluations"] for step in steps]
    assert at == sorted(at) and at[0] > 0 and at[-1] <= result.evaluations


def planned_finalists(ended):
    """The finalists of all islands at the end of a run."""
    from azdsl.search.islands.exchange import finalists

    return finalists(ended.plan, [ended._report(number) for number in range(len(ended.islands))])


def test_a_program_over_the_budget_on_the_runs_tasks_is_no_finalist():
    experiment = varied()
    judge = planning.make_plans(experiment, planning.make_all_task_sets(experiment, planning.Given(), None))[0].judge
    found = judge.measured(parse("def Predict():\n  s1 = dot(v0, v1)\n"), 1, 0)
    dot = judge.space.table["costs"][BY_NAME["dot"].code, FUNCTIONS.index("Predict")]
    for budget, kept in ((dot, [found]), (0.99 * dot, [])):
        assert replace(judge, space=judge.space._replace(budget=float(budget))).on_run([found]) == kept


def test_what_islands_search_on_is_told(tmp_path, sessions):
    result = run(varied(), out=tmp_path / "run", quiet=True, workers=1)
    words = {
        "1..2": "1 linear task, 2 features, 6 + 4 examples",
        "3": "2 affine tasks, 4 features, 8 + 4 examples",
    }
    assert all(event["own_tasks"] == words for event in result.history)
    last = result.history[-1]
    assert last["mean"] == last["islands"][0] and len(set(last["islands"])) == 4
    lines = list(introduction(sessions[0].plan, "1 worker", None, False))
    assert lines[1:3] == [f"islands {islands}   {tasks}" for islands, tasks in words.items()]
    best = (tmp_path / "run" / "best.az").read_text()
    assert "6 examples; 1 linear task, 2 features, 6 + 4 examples on islands 1..2; 2 affine" in best
    assert parse_experiment(best).groups == varied().groups


@pytest.mark.parametrize(
    "text, message",
    [
        ("island(0, task=3)", "the task of islands must be a kind of task"),
        ("island(0, task=linaer())", "unknown task 'linaer'"),
        ("island(0, task=linear(train=0))", "at least 1"),
        ("island(0, task=linear(), task=affine())", "task is given twice"),
        ("island(0, task=linear(), redraw=5)", "redraw is the same on all islands"),
    ],
)
def test_invalid_tasks_of_islands_are_refused(text, message):
    with pytest.raises(SyntaxError, match=message) as error:
        parse_experiment(f"{text}\n{EMPTY}")
    assert len(error.value.diagnostics) == 1


@pytest.mark.parametrize(
    "statements, message",
    [
        ('island(0, task=sklearn("iris"))\ntask linear()', "island.0, .*predictions would be in another register"),
        ('island(0, task=sklearn("diabetes", test=0.1))\ntask sklearn(diabetes)', "set test as in the run's own task"),
        ("island(2, task=linear())\ntask linear()", "numbered 0 to 1"),
        ("island(0, population=5, task=linear())\ntask linear()", "larger than population=5"),
    ],
)
def test_impossible_tasks_of_islands_are_refused(statements, message):
    with pytest.raises(SettingsError, match=message):
        run(parse_experiment(f"{statements}\nsearch(init=empty)\n{EMPTY}"), quiet=True)


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"valid": 100}, "set select_valid=500 "),
        ({"pairs": "0-1"}, "set pairs "),
        ({"held_out": "none"}, "set held_out "),
        ({"features": 8, "train": 100, "tasks": 1}, ""),
        ({"images": "mnist", "valid": 10, "held_out": "0-1"}, ""),
    ],
)
def test_islands_search_on_no_image_that_the_run_holds_out(keys, message):
    own = Projected(images="cifar10", valid=500)
    if not message:
        planning._check_splits("island", "island(0)", replace(own, **keys), own, None)
        return
    with pytest.raises(SettingsError, match=message):
        planning._check_splits("island", "island(0)", replace(own, **keys), own, None)


def test_tasks_of_islands_are_read_and_written():
    text = (
        "task sklearn(diabetes)\n"
        "island(0..1, task=linear(tasks=1, train=20), population=50, epoch=100, ops(dot), mutations(alter))\n"
        f'island(1, task=file("a.csv"))\n{EMPTY}'
    )
    experiment = parse_experiment(text)
    assert str(experiment) == text.replace('("a.csv")', '(data="a.csv")').replace("(diabetes)", "(data=diabetes)")
    assert [task.kind if task else None for task in map(experiment.island_task, range(3))] == ["linear", "file", None]
    assert [task.kind for task in experiment.island_tasks] == ["linear", "file"]
    assert experiment.of_island(0).search.population == 50 and experiment.of_island(2) is experiment
    assert experiment.on(experiment.island_tasks[0]).allowed_ops == experiment.allowed_ops
    moved = experiment.moved(lambda path: f"../{path}")
    assert moved.island_tasks[1].data == "../a.csv" and moved.island_tasks[0] == experiment.island_tasks[0]
