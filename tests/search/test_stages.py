"""Stages: tasks that change when a target or a budget is reached, while the populations carry over."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from search.test_combinations import results
from search.test_pipeline import Placement
from search_runs import files, small

import azdsl
from azdsl import taskset
from azdsl.comparison import runs as comparison
from azdsl.config.experiment import Stage
from azdsl.config.search import SettingsError, StageSettings
from azdsl.config.tasks import Affine, Linear
from azdsl.diagnostics import SyntaxError
from azdsl.reporting.charts import progress
from azdsl.reporting.data import best_curve, stage_starts
from azdsl.reporting.load_run import read_run
from azdsl.search import recorder, session
from azdsl.search.display.introduction import introduction
from azdsl.search.evolve import run
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.run_state import PastStage, RunState
from azdsl.search.islands.schedule import Schedule
from azdsl.search.islands.stages import restarted, stop_reason
from azdsl.search.rundir import checkpoint
from azdsl.syntax import parse, parse_experiment
from azdsl.tasks import build

FUNCTIONS = "def Setup():\ndef Predict():\ndef Learn():\n"
FIRST = Linear(features=2, tasks=4, train=8, valid=4, select_tasks=3)


def staged(**search):
    """Stages of 1200 and 800 candidates, and 1000 for the run's own task."""
    stages = (
        Stage(FIRST, StageSettings(max_evals=900, tournament=3, restart=400)),
        Stage(None, StageSettings(target=0.0), mutations=("alter", "insert", "remove")),
    )
    return replace(small(**{"restart": 600} | search), stages=stages)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without interruptions, on one worker."""
    return run(staged(), out=tmp_path_factory.mktemp("whole") / "run", quiet=True, workers=1)


def test_the_tasks_change_at_the_budget_or_the_target(whole):
    assert [event["stage"] for event in whole.history] == [1, 1, 1, 2, 2, 3, 3]
    assert [event["evaluations"] for event in whole.history] == [400, 800, 1200, 1600, 2000, 2400, 2800]
    assert [stage["evaluations"] for stage in whole.stages] == [1200, 800] and whole.evaluations == 3000
    assert [stage["stopped"] for stage in whole.stages] == ["max_evals 900 reached", "target 0 reached"]
    assert whole.stopped == "max_evals 3,000 reached" and sum(whole.layers.values()) == 3000
    written = json.loads((whole.run_dir / "result.json").read_text())
    assert written["stages"] == json.loads(json.dumps(whole.stages))
    best = (whole.run_dir / "best.az").read_text()
    assert "# tasks              3 linear tasks, 3 features, 12 + 6 examples; after 4 linear tasks, 2 features" in best
    again = parse_experiment(best)
    assert not again.stages and again.task == staged().task  # the program has been through them
    assert parse_experiment((whole.run_dir / "seed.az").read_text()).stages == staged().stages


def test_a_comparison_has_the_fitness_on_the_runs_own_tasks(whole):
    kept = comparison._kept("staged", whole)
    own = [step for event in whole.history if event["stage"] == 3 for step in event.get("milestones", ())]
    before = [step for event in whole.history if event["stage"] < 3 for step in event.get("milestones", ())]
    assert own and before, "so that both could be in the curve"
    assert kept.curve == tuple((step["evaluations"], step["fitness"]) for step in own)


def test_a_run_that_was_killed_in_a_stage_is_loaded(tmp_path):
    """With the figures of the last exchange, on the tasks of the stage."""
    run(staged(), out=tmp_path / "run", quiet=True, workers=1, on_epoch=lambda snapshot: snapshot.epoch == 2)
    (tmp_path / "run" / "result.json").unlink()
    found = azdsl.load_run(tmp_path / "run")
    assert found.history[-1]["stage"] == 1 and found.stopped == "not finished" and not found.stages
    assert found.fitness == found.history[-1]["selected"] and str(found)


def test_the_population_carries_over_and_is_evaluated_again(monkeypatch):
    seen = []
    carry_over = session.stages.carry_over

    def spy(plan, state, islands):
        before = [island.members.code[island.members.fitness >= 0].copy() for island in islands]
        carry_over(plan, state, islands)
        seen.append((plan, state, before, [island.members.code.copy() for island in islands]))
        assert all(
            (island.members.fitness < 0).all() and not island.fitness_cache.sets["tags"].any() for island in islands
        )

    monkeypatch.setattr(session.stages, "carry_over", spy)
    run(staged(), quiet=True, workers=1)
    assert [len(state.past) for _, state, *_ in seen] == [1, 2]
    for plan, state, before, after in seen:
        assert plan.search.target == (0.0 if len(state.past) == 1 else 2.0)
        for old, new in zip(before, after, strict=True):
            assert len(new) == 60  # 57 of the 60 members, and 3 copies of the stage's answer, as many as migrate
            assert {row.tobytes() for row in new[:57]} <= {row.tobytes() for row in old}
            assert len({row.tobytes() for row in new[57:]}) == 1


def test_each_stage_has_its_settings_and_its_tasks(sessions, whole):
    run(staged(), quiet=True, workers=1)
    (ended,) = sessions
    assert [plan.search.tournament for plan in ended.plans] == [3, 5, 5]
    assert [plan.search.restart for plan in ended.plans] == [400, 600, 600]
    assert [len(plan.space.mutations) for plan in ended.plans] == [6, 3, 6]
    assert [plan.judge.select.features for plan in ended.plans] == [2, 3, 3]
    first = ended.state.past[0]
    assert first.fitness == ended.plans[0].judge.fitness([first.answer])[0] == whole.stages[0]["fitness"]


def test_results_do_not_depend_on_workers_and_interruptions(tmp_path, monkeypatch, whole):
    assert files(run(staged(), out=tmp_path / "three", quiet=True, workers=3).run_dir) == files(whole.run_dir)
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    path = tmp_path / "parts"
    for number, limit in enumerate((77, 800, 1200, 1313, 2000, 2001)):
        asked = staged(max_evals=limit)
        part = run(asked, quiet=True, workers=1 + number % 2, **{"resume" if path.exists() else "out": path})
        assert part.evaluations == limit and ("in stage" in part.stopped) == (limit < 2000)
    last = run(staged(), resume=path, quiet=True)
    assert files(path) == files(whole.run_dir) and results(last) == results(whole) and last.stages == whole.stages


class StagedPlacement(Placement):
    """A placement whose pools run the islands in a random order, with other tasks in each stage."""

    def start(self, plan):
        return super(StagedPlacement, copy(self)).start(plan)


def test_results_do_not_depend_on_the_order_of_islands(tmp_path, monkeypatch, whole):
    """Stopped at any exchange and saved at every exchange, while islands are in different epochs."""
    monkeypatch.setattr(recorder, "save_after", lambda seconds: 0.0)
    path = tmp_path / "run"
    for number in (1, 2, 3, 4, 5, 7):
        stop = {"on_epoch": lambda snapshot, at=number: snapshot.epoch >= at, "placement": StagedPlacement(number)}
        run(None if path.exists() else staged(), quiet=True, **{"resume" if path.exists() else "out": path}, **stop)
    run(None, resume=path, quiet=True, placement=StagedPlacement(9))
    assert files(path) == files(whole.run_dir)


def test_a_run_that_ends_in_a_stage_is_scored_on_its_own_tasks(tmp_path):
    result = run(staged(max_evals=500), out=tmp_path / "run", quiet=True)
    assert result.stopped == "max_evals 500 reached in stage 1 of 3" and result.stages == ()
    own = build(staged().task, 0, "select")
    assert result.experiment.task == staged().task and len(result.task_fitness) == 5 and own.features == 3
    assert (result.run_dir / "best.az").read_text().count("3 linear tasks") == 1


def test_a_run_without_evaluations_of_its_last_stage_has_the_answer_of_the_one_before(tmp_path):
    experiment = replace(
        small(init="seed", max_evals=800, choose="best"), stages=(Stage(FIRST, StageSettings(max_evals=700)),)
    )
    result = run(experiment, out=tmp_path / "run", quiet=True)
    assert [stage["evaluations"] for stage in result.stages] == [800]


def test_other_algorithms_have_stages():
    for algorithm in ("nonregularized_evolution", "hill_climbing", "random_search", "reinforce"):
        whole, other = (run(staged(algorithm=algorithm), quiet=True, workers=n) for n in (1, 2))
        assert results(whole) == results(other) and len(whole.stages) == 2


def test_task_groups_and_hurdles_in_stages(tmp_path):
    settings = {"tasks_per_evaluation": 2, "redraw": 300, "hurdles": "4", "hurdle_every": 40, "proxy": True}
    task = replace(staged().task, tasks=6)
    stages = (Stage(replace(FIRST, tasks=2), StageSettings(max_evals=1000)), Stage(FIRST, StageSettings(patience=500)))
    asked = replace(small(**settings), task=task, stages=stages)
    whole = run(asked, out=tmp_path / "a", quiet=True, workers=1)
    run(replace(asked, search=replace(asked.search, max_evals=1500)), out=tmp_path / "b", quiet=True)
    parts = run(asked, resume=tmp_path / "b", quiet=True)
    assert files(tmp_path / "a") == files(tmp_path / "b") and results(whole) == results(parts)


def test_the_schedule_of_a_stage_begins_where_the_stage_began():
    schedule = Schedule(160, 2, first=5, begin=1000)
    assert [schedule.end(epoch) for epoch in (4, 5, 6, 7, 8)] == [1000, 1040, 1120, 1280, 1440]


def test_restarts_in_turn(sessions):
    run(staged(restart_from="both", max_evals=2600), quiet=True, workers=1)
    (ended,) = sessions
    answer, best = ended.state.past[-1].answer, ended.state.finalists[0].found.program
    assert ended.state.restarts == 0 and best is not None
    for restarts, programs in ((3, (answer, best)), (4, (best, answer))):
        made = [
            restarted(ended.plan, replace(ended.state, restarts=restarts, finalists=ended.state.finalists[:1]), n)
            for n in (0, 1)
        ]
        assert tuple(one.program for one in made) == programs and made[0].search.init == "seed"


def test_patience_counts_from_the_start_of_the_stage():
    search = replace(small().search, patience=500, max_evals=None)
    state = RunState(best_at=2000, past=(PastStage(1, parse(FUNCTIONS), 0.5, 2000, 5, ""),))
    assert stop_reason(search, state, 2499, 499) == "" and "nothing better in 500" in stop_reason(
        search, state, 2500, 500
    )


def test_a_checkpoint_with_other_stages_is_not_used(tmp_path, whole):
    path = tmp_path / "run"
    run(staged(max_evals=2100), out=path, quiet=True)
    saved = checkpoint.read(path)[0]
    for past in ([saved.facts["state"]["past"][0]] * 3, [{**saved.facts["state"]["past"][0], "epoch": -1}]):
        facts = {**saved.facts, "state": {**saved.facts["state"], "past": past}}
        arrays = {**saved.arrays, "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
        with open(path / "checkpoint", "wb") as file:
            file.write(checkpoint.seal(_archive(arrays)))
        with pytest.raises(SettingsError, match="cannot be used"):
            run(None, resume=path, quiet=True)


def _archive(arrays):
    from io import BytesIO

    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def test_other_stages_are_another_run(tmp_path):
    path = tmp_path / "run"
    run(staged(max_evals=100), out=path, quiet=True)
    with pytest.raises(SettingsError, match="other settings"):
        run(replace(staged(), stages=()), resume=path, quiet=True)


def test_a_stage_has_the_registers_of_the_run():
    multiclass = 'stage(task=sklearn("iris", metric_name=multiclass), target=0.9)'
    experiment = parse_experiment(f"{multiclass}\ntask linear()\nsearch(init=empty)\n{FUNCTIONS}")
    with pytest.raises(SettingsError, match="predictions would be in another register"):
        run(experiment, quiet=True)


@pytest.mark.parametrize("keys", ["test=0.1", "missing=drop"])
def test_a_stage_does_not_search_on_held_out_rows(keys):
    stage = f'stage(task=sklearn("diabetes", {keys}), target=0.9)'
    experiment = parse_experiment(f"{stage}\ntask sklearn(diabetes)\nsearch(init=empty)\n{FUNCTIONS}")
    with pytest.raises(SettingsError, match=f"set {keys.split('=')[0]} as in the run's own task"):
        run(experiment, quiet=True)


def test_a_stage_does_not_search_on_held_out_rows_by_another_path(tmp_path):
    rows = "".join(f"{at % 7},{at % 5},{at % 3}\n" for at in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}")
    (tmp_path / "link.csv").symlink_to(tmp_path / "t.csv")
    for path in ("./t.csv", "link.csv", str(tmp_path / "t.csv")):
        stage = f'stage(task=file(data="{path}", test=0.1), target=0.9)'
        experiment = parse_experiment(f'{stage}\ntask file(data="t.csv")\nsearch(init=empty)\n{FUNCTIONS}')
        with pytest.raises(SettingsError, match="set test as in the run's own task"):
            run(experiment, base_dir=tmp_path, quiet=True)


def test_tasks_given_from_python_are_those_of_the_run():
    given = build(replace(staged().task, tasks=2), 3, "search")
    assert isinstance(given, taskset.TaskSet)
    assert [event["stage"] for event in run(staged(), tasks=given, quiet=True).history][-1] == 3


STATEMENTS = (
    "stage(task=linear(tasks=8, valid=50), target=0.97, restart=200000, mutations(alter, insert))",
    "stage(max_evals=1000, patience=500, tournament=5)",
    "stage(task=affine(), target=0.5, parsimony=0.1, mutation=0.5, edits=0.1, restart_from=both)",
    "stage(target=0.5, max_evals=1000, missed=first)",
    "stage(patience=1000, attempts=20)",
)


def test_stages_are_read_and_written():
    text = "\n".join([*STATEMENTS, "task two_layer()", FUNCTIONS])
    experiment = parse_experiment(text)
    assert str(experiment) == text and parse_experiment(str(experiment)) == experiment
    own = experiment.of_stage(2)
    assert (own.task, own.search.target, own.search.max_evals, own.stages) == (
        Affine(),
        0.5,
        None,
        experiment.stages[:2],
    )
    assert experiment.of_stage(5) is experiment
    lines = list(introduction(Plan(experiment, *[None] * 5), "1 worker", None, False))
    assert lines[:2] == [
        "stage 1   8 linear tasks, 4 features, 100 + 50 examples, until target 0.97",
        "stage 2   10 two-layer tasks, 4 features, 100 + 100 examples, until max_evals 1,000 or patience 500",
    ]


def test_the_ops_of_a_stage_are_those_of_the_run():
    experiment = parse_experiment(f'stage(task=file("a.csv"), target=0.5)\ntask linear()\n{FUNCTIONS}')
    assert experiment.of_stage(0).allowed_ops == experiment.allowed_ops
    moved = experiment.moved(lambda path: f"../{path}")
    assert "../a.csv" in str(moved.stages[0]) and moved.task == experiment.task


@pytest.mark.parametrize(
    "text, message",
    [
        ("stage()", "needs an end: set target, max_evals or patience"),
        ("stage(task=linear())", "needs an end"),
        ("stage(task=linaer(), target=1)", "unknown task 'linaer'; did you mean 'linear'"),
        ("stage(task=3, target=0.5)", r"must be a kind of task[^$]*write task=linear\(features=4\)"),
        ("stage(task=linear(feat=4), target=0.5)", "unknown key 'feat' of linear"),
        ("stage(target=0.5, timeout=3)", r"timeout is the same in all stages[^$]*set it in search\(timeout=…\)"),
        ("stage(target=0.5, missed=again)", "must be one of next, first"),
        ("stage(target=0.5, missed=first)", "set target, and max_evals or patience"),
        ("stage(max_evals=50, missed=first)", "set target, and max_evals or patience"),
        ("stage(target=0.5, population=3)", "population is the same in all stages"),
        ("stage(target=0.5, attempts=2)", "each of several attempts needs an end: set max_evals or patience"),
        ("stage(target=0.5, target=0.4)", "target is given twice"),
        ("stage(task=linear, task=affine, target=.5)", "task is given twice"),
        ("stage(target=.5, mutations(alter), mutations(alter))", "mutations is given twice"),
        ("stage(target=0.5, mutations())", r"mutations\(\) is empty"),
        ("stage(target=0.5, mutations(alte))", "unknown mutation 'alte'"),
        ("stage(targit=0.5)", "unknown key 'targit' of stage; did you mean 'target'"),
        ("stage(0, target=0.5)", "'0' has no key"),
        ("stage(restart_from=x, target=0.5)", "must be one of initial, best, both"),
        ("stage(max_evals=0)", "at least 1"),
        ("  stage(target=0.5)", "must not be indented"),
        ("staage(target=0.5)", "unknown statement 'staage'; did you mean 'stage'"),
    ],
)
def test_invalid_stages(text, message):
    with pytest.raises(SyntaxError, match=message) as error:
        parse_experiment(f"{text}\n{FUNCTIONS}")
    assert len(error.value.diagnostics) == 1


def test_the_report_marks_where_stages_begin(whole):
    shown = read_run(whole.run_dir)
    assert stage_starts(shown) == [1200, 2000]
    curve = best_curve(shown)
    for start, end in ((0, 1200), (1200, 2000), (2000, 3000)):
        fitness = [value for at, value in curve if start < at <= end]
        assert fitness and fitness == sorted(fitness)
    chart = progress(shown, 600.0, [])
    assert "stage 2" in chart and "stage 3" in chart and "stage 1" not in chart
