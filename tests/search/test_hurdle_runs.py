"""Runs with hurdles: results do not depend on workers and interruptions; scores equal those of the backends."""

from __future__ import annotations

import json

import numpy as np
import pytest
from search.helpers import stopped_fitness
from search_runs import files, small

from azdsl.api import evaluate
from azdsl.config.search import SettingsError
from azdsl.search.evolve import run
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.engines import make_engines
from azdsl.search.kernel.hurdles import STOPPED_BELOW, hurdle_tasks
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.tasks import build

SETTINGS = {"hurdles": "4x2, 8", "hurdle_every": 40, "proxy": True, "restart": 8000, "max_evals": 24_000, "epoch": 1000}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run without interruptions."""
    return run(small(**SETTINGS), out=tmp_path_factory.mktemp("uninterrupted") / "run", quiet=True, workers=2)


def test_results_do_not_depend_on_workers(tmp_path, uninterrupted):
    one = run(small(**SETTINGS), out=tmp_path / "run", quiet=True, workers=1)
    assert files(tmp_path / "run") == files(uninterrupted.run_dir)
    assert (one.layers, one.hurdles) == (uninterrupted.layers, uninterrupted.hurdles)
    assert (
        uninterrupted.layers["hurdle"] > 100
        and uninterrupted.hurdles["samples"] > 48
        and uninterrupted.hurdles["saved"] > 0.05
    )


def test_an_interrupted_and_resumed_run_gives_the_same_result(tmp_path, uninterrupted):
    path = tmp_path / "run"
    for evaluations in (77, 1313, 12_345, 23_999):  # in the middle of epochs
        run(
            small(**SETTINGS | {"max_evals": evaluations}),
            quiet=True,
            workers=1,
            **{"resume" if path.exists() else "out": path},
        )
    last = run(small(**SETTINGS), resume=path, quiet=True)
    assert files(path) == files(uninterrupted.run_dir)
    assert (last.layers, last.hurdles) == (uninterrupted.layers, uninterrupted.hurdles)


def test_the_summary_of_hurdles_is_recorded_and_shown(uninterrupted):
    events = [json.loads(line) for line in (uninterrupted.run_dir / "events.jsonl").read_text().splitlines()]
    assert (
        events[-1]["hurdles"] == uninterrupted.hurdles
        and events[-1]["layers"]["hurdle"] == uninterrupted.layers["hurdle"]
    )
    assert uninterrupted.hurdles["reached"][0] - uninterrupted.hurdles["reached"][-1] == uninterrupted.layers["hurdle"]
    assert (
        "of the examples saved" in str(uninterrupted)
        and json.loads(json.dumps(uninterrupted.as_dict()))["hurdles"] == uninterrupted.hurdles
    )
    assert (
        all(entry.fitness > STOPPED_BELOW for entry in uninterrupted.hall_of_fame)
        and len(uninterrupted.hall_of_fame) > 1
    )
    assert "hurdles" not in run(small(max_evals=400), quiet=True).history[0]


def test_scores_are_those_of_an_evaluation_on_fewer_examples():
    """A member's fitness equals that of an evaluation on the hurdle's tasks that stopped it, or on all tasks."""
    experiment = small(hurdles="4x2, 8", hurdle_every=40, population=200, fec=False)
    tasks = build(experiment.task, 0, "search")
    space = make_space(experiment, tasks)
    island, engines = make_island(space, experiment, 0), make_engines(experiment, tasks)
    write_initial(space, experiment, island)
    run_epoch(space, island, make_scratch(space, tasks.tasks), engines.engines, 2000)
    sets = [hurdle_tasks(tasks, stage) for stage in experiment.search.hurdle_list]
    seen = np.zeros(3, int)
    for row, fitness in enumerate(island.members.fitness):
        program = genotype(space, island.members, row)
        scores = [evaluate(program, some, backend="vm", seed=0).fitness for some in (*sets, tasks)]
        possible = [stopped_fitness(min(score, 1.0 - 2.0**-53), 2 - k) for k, score in enumerate(scores)]
        assert fitness in possible or fitness == 0.0
        seen += [fitness == value > 0.0 for value in possible]
    assert seen.min() >= 3, seen


def test_hurdles_with_too_many_examples_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="there are only 3 tasks of 12 training examples"):
        run(small(hurdles="13"), out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
