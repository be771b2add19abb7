"""Runs with hurdles: the same for any number of workers and after any interruption; scores as the backends give them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from search_runs import files, small

from azdsl.api import evaluate
from azdsl.config.search import SettingsError
from azdsl.search.evolve import run
from azdsl.search.kernel.canonical import make_scratch
from azdsl.search.kernel.engines import make_engines
from azdsl.search.kernel.hurdles import STOPPED_BELOW, hurdle_tasks, stopped_fitness
from azdsl.search.kernel.loop import run_epoch
from azdsl.search.kernel.population import genotype, make_island, write_initial
from azdsl.search.kernel.space import make_space
from azdsl.tasks import build

SETTINGS = {"hurdles": "4x2, 8", "hurdle_every": 40, "proxy": True, "restart": 8000, "max_evals": 24_000, "epoch": 1000}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without interruptions."""
    return run(small(**SETTINGS), out=tmp_path_factory.mktemp("whole") / "run", quiet=True, workers=2)


def test_workers_make_no_difference(tmp_path, whole):
    one = run(small(**SETTINGS), out=tmp_path / "run", quiet=True, workers=1)
    assert files(tmp_path / "run") == files(whole.run_dir)
    assert (one.layers, one.hurdles) == (whole.layers, whole.hurdles)
    assert whole.layers["hurdle"] > 100 and whole.hurdles["samples"] > 48 and whole.hurdles["saved"] > 0.05


def test_interrupted_and_resumed(tmp_path, whole):
    path = tmp_path / "run"
    for evaluations in (77, 1313, 12_345, 23_999):  # in the middle of epochs
        run(
            small(**SETTINGS | {"max_evals": evaluations}),
            quiet=True,
            workers=1,
            **{"resume" if path.exists() else "out": path},
        )
    last = run(small(**SETTINGS), resume=path, quiet=True)
    assert files(path) == files(whole.run_dir)
    assert (last.layers, last.hurdles) == (whole.layers, whole.hurdles)


def test_what_a_run_says(whole):
    events = [json.loads(line) for line in (whole.run_dir / "events.jsonl").read_text().splitlines()]
    assert events[-1]["hurdles"] == whole.hurdles and events[-1]["layers"]["hurdle"] == whole.layers["hurdle"]
    assert whole.hurdles["reached"][0] - whole.hurdles["reached"][-1] == whole.layers["hurdle"]
    assert "of the examples saved" in str(whole) and json.loads(json.dumps(whole.as_dict()))["hurdles"] == whole.hurdles
    assert all(entry.fitness > STOPPED_BELOW for entry in whole.hall_of_fame) and len(whole.hall_of_fame) > 1
    assert "hurdles" not in run(small(max_evals=400), quiet=True).history[0]


def test_scores_are_those_of_an_evaluation_on_fewer_examples():
    """Whatever a member's fitness says, evaluating it on the hurdle's tasks or on all of them gives it."""
    experiment = small(hurdles="4x2, 8", hurdle_every=40, population=200, fec=False)
    tasks = build(experiment.task, 0, "search")
    space = make_space(experiment, tasks)
    island, engines = make_island(space, experiment, 0), make_engines(experiment, tasks)
    write_initial(space, experiment, island)
    run_epoch(space, island, make_scratch(space, tasks.tasks), engines.engines, 1500)
    sets = [hurdle_tasks(tasks, stage) for stage in experiment.search.hurdle_list]
    seen = np.zeros(3, int)
    for row, fitness in enumerate(island.members.fitness):
        program = genotype(space, island.members, row)
        scores = [evaluate(program, some, backend="vm", seed=0).fitness for some in (*sets, tasks)]
        possible = [stopped_fitness(min(score, 1.0 - 2.0**-53), 2 - k) for k, score in enumerate(scores)]
        assert fitness in possible or fitness == 0.0
        seen += [fitness == value > 0.0 for value in possible]
    assert seen.min() >= 3, seen


def test_hurdles_that_do_not_fit_the_tasks(tmp_path):
    with pytest.raises(SettingsError, match="there are only 3 tasks of 12 training examples"):
        run(small(hurdles="13"), out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
