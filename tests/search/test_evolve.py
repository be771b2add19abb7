"""Complete searches: they are reproducible, stop exactly, and write true files."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from search_runs import files, small

import azdsl
from azdsl import tasks
from azdsl.config.search import Range, SettingsError
from azdsl.config.tasks import SklearnTask
from azdsl.scoring import draw_seed
from azdsl.search.evolve import run
from azdsl.search.islands.schedule import Schedule, Schedules
from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet


def test_the_same_seed_gives_the_same_files(tmp_path):
    run(small(), out=tmp_path / "a", quiet=True)
    run(small(), out=tmp_path / "b", quiet=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_another_seed_gives_another_result(tmp_path):
    a, b = (run(small(seed=seed), quiet=True) for seed in (1, 2))
    assert a.layers != b.layers


@pytest.mark.parametrize("islands", [1, 3])
def test_results_do_not_depend_on_workers(tmp_path, islands):
    for workers in (1, 2, 3):
        run(small(islands=islands), out=tmp_path / str(workers), workers=workers, quiet=True)
    assert files(tmp_path / "1") == files(tmp_path / "2") == files(tmp_path / "3")


def test_results_do_not_depend_on_slices(tmp_path, monkeypatch):
    run(small(), out=tmp_path / "a", quiet=True)
    monkeypatch.setattr("azdsl.search.islands.workers.SLICE_SECONDS", 0.0)
    run(small(), out=tmp_path / "b", quiet=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("limit", [1, 2, 7, 999, 1000, 1001, 2500])
def test_max_evals_is_exact(limit):
    result = run(small(max_evals=limit, islands=3), quiet=True)
    assert result.evaluations == sum(result.layers.values()) == limit
    assert result.stopped.startswith("max_evals") and result.reached and not result.interrupted


def test_patience_counts_candidates_without_a_better_one():
    result = run(small(max_evals=None, patience=3000), quiet=True)
    better = [e["evaluations"] for before, e in pairwise(result.history) if e["best"] > before["best"]]
    last = better[-1] if better else result.history[0]["evaluations"]
    assert result.evaluations - last >= 3000 > result.history[-2]["evaluations"] - last
    assert "nothing better" in result.stopped


def test_a_target_stops_the_search():
    result = run(small(max_evals=100_000, target=0.3), quiet=True)
    assert result.reached and result.fitness >= 0.3 and result.evaluations < 100_000
    missed = run(small(max_evals=500, target=1.0), quiet=True)
    assert not missed.reached and not missed.interrupted


def test_a_time_limit_stops_in_the_middle_of_an_epoch():
    result = run(small(max_evals=None, epoch=10**9, timeout=0.3), quiet=True)
    assert 0.3 <= result.seconds < 1.3 and result.stopped.startswith("timeout")


def test_a_callback_stops_the_search():
    seen = []
    result = run(small(), quiet=True, on_epoch=lambda snapshot: seen.append(snapshot.evaluations) or len(seen) == 2)
    assert seen == [400, 800] and result.evaluations == 800 and not result.interrupted


def test_a_search_runs_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(run(small(), quiet=True)))
    thread.start()
    thread.join()
    assert results[0].evaluations == small().search.max_evals


@pytest.mark.parametrize("backend", ["reference", "vm"])
@pytest.mark.parametrize("precision", [32, 64])
def test_the_header_is_true(tmp_path, backend, precision):
    result = run(small(precision=precision, all_ops=True), out=tmp_path / "run", quiet=True)
    text = (tmp_path / "run" / "best.az").read_text()
    stated = {name: float(value) for name, value in re.findall(r"# (\w+) fitness +([-0-9.e]+)", text)}
    assert stated == {"search": result.search_fitness, "selection": result.fitness, "test": result.test_fitness}
    experiment = load_experiment(tmp_path / "run" / "best.az")
    assert experiment.program == result.best
    for role, name, bits in (("search", "search", precision), ("select", "selection", 64), ("test", "test", 64)):
        seed = experiment.search.seed
        again = azdsl.evaluate(
            experiment.program,
            tasks.build(experiment.task, seed, role),
            backend,
            seed=draw_seed(seed, role),
            max_abs_error=experiment.search.max_abs_error,
            precision=bits,
        )
        assert again.fitness == stated[name]


def test_the_hall_of_fame_is_true(tmp_path):
    run(small(fec=False), out=tmp_path / "run", quiet=True)
    rows = [line.split(",") for line in (tmp_path / "run" / "hall_of_fame.csv").read_text().splitlines()[1:]]
    assert rows and {Path(row[4]).name for row in rows} == {
        p.name for p in (tmp_path / "run" / "hall_of_fame").iterdir()
    }
    assert [int(row[0]) for row in rows] == sorted({int(row[0]) for row in rows})
    assert all(float(a[1]) < float(b[1]) for a, b in pairwise(rows))
    experiment = small()
    search_tasks = tasks.build(experiment.task, experiment.search.seed, "search")
    for size, fitness, _, _, name in rows:
        program = azdsl.load(tmp_path / "run" / name)
        assert len(program) == int(size)
        seed = draw_seed(experiment.search.seed, "search")
        assert azdsl.evaluate(program, search_tasks, "vm", seed=seed).fitness == float(fitness)


def test_best_az_is_a_seed_program(tmp_path):
    first = run(small(), out=tmp_path / "a", quiet=True)
    second = run(load_experiment(tmp_path / "a" / "best.az"), out=tmp_path / "b", quiet=True)
    assert second.history[0]["best"] >= first.search_fitness


def test_islands_restart(tmp_path):
    result = run(small(restart=1000, max_evals=6000), out=tmp_path / "a", quiet=True)
    plain = run(small(max_evals=6000), quiet=True)
    assert result.evaluations == 6000 and result.layers != plain.layers
    best = [event["best"] for event in result.history]
    assert best == sorted(best)


def test_migration_changes_the_result_and_can_be_disabled():
    assert run(small(migrants=0.0), quiet=True).layers != run(small(migrants=0.2), quiet=True).layers


def test_tasks_from_python(tmp_path):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(3, 30, 2))
    y = (X @ [1.0, 2.0] > 0.0).astype(float)
    given = TaskSet.from_arrays(X[:, :20], y[:, :20], X[:, 20:], y[:, 20:], metric="accuracy")
    result = run(replace(small(), task=None), tasks=given, out=tmp_path / "run", quiet=True)
    assert "task linear" not in (tmp_path / "run" / "best.az").read_text()
    assert azdsl.evaluate(result.best, given, seed=draw_seed(0, "search")).fitness == result.search_fitness
    with pytest.raises(SettingsError, match="came from Python"):
        run(None, resume=tmp_path / "run", quiet=True)
    with pytest.raises(SettingsError, match="differ in kind"):
        run(small(), tasks=given, quiet=True)
    (tmp_path / "run" / "result.json").unlink()
    assert azdsl.load_run(tmp_path / "run").metric == "accuracy", "also of a run that is not finished"


def test_a_table_is_scored_in_its_own_units(tmp_path):
    pytest.importorskip("sklearn")
    task = SklearnTask(data="diabetes", tasks=2, select_tasks=1, test_tasks=1)
    result = run(replace(small(), task=task), out=tmp_path / "run", quiet=True)
    assert result.mean_rmse and 60 < result.mean_rmse < 100
    assert "the mean" in str(result) and result.mean_rmse == result.ending.baseline.units
    json.dumps(result.as_dict())


def test_paths_in_a_run_directory_are_relative_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    rows = np.random.default_rng(0).normal(size=(80, 3))
    np.savetxt("data/table.csv", rows, delimiter=",", header="a,b,y", comments="")
    program = "def Setup():\ndef Predict():\n  s1 = mean(v0)\ndef Learn():\n"
    (tmp_path / "data" / "seed.az").write_text(
        f'task file("table.csv")\nsearch(population=50, max_evals=500)\n{program}'
    )
    experiment = load_experiment("data/seed.az")
    run(experiment, base_dir=Path("data"), out="deep/run", quiet=True)
    best = load_experiment("deep/run/best.az")
    assert best.task.data == "../../data/table.csv"
    tasks.build(best.task, 0, "test", Path("deep/run"))


def test_the_default_task_is_reported(capsys):
    run(replace(small(max_evals=100), task=None))
    assert "the file names no task" in capsys.readouterr().err


def test_programs_over_budget_are_counted():
    experiment = small(budget=1e-9, max_evals=500)
    result = run(experiment, quiet=True)
    assert result.layers["over_budget"] > 0 and result.evaluations == 500


def test_the_first_epochs_are_shorter():
    schedule = Schedule(64, 3)
    ends = [schedule.end(epoch) for epoch in range(6)]
    assert [b - a for a, b in zip([0, *ends], ends, strict=False)] == [8, 16, 32, 64, 64, 64]
    assert Schedule(5).end(2) == 15


def test_a_limit_is_shared_among_islands():
    same = Schedules((Schedule(4),) * 3)
    assert [same.end(island, 0, 10) for island in range(3)] == [4, 3, 3]
    assert [same.end(island, 1, 13) for island in range(3)] == [5, 4, 4]
    assert [same.end(island, 2, 13) for island in range(3)] == [8, 8, 8]  # where they would be: they have more already
    assert [same.end(island, 0, limit) for island in range(3) for limit in (None, 12, 99)] == [4] * 9
    other = Schedules((Schedule(6, 1), Schedule(60, 1), Schedule(30)))
    assert [other.end(island, 1, None) for island in range(3)] == [9, 90, 60] and other.average(1) == 53
    assert [other.end(island, 1, 63 + 9) for island in range(3)] == [4, 36, 32]
    for limit in range(63, 160):
        assert sum(other.end(island, 1, limit) for island in range(3)) == limit
    assert [other.candidate(island, birth, 1) for island, birth in ((0, 3), (0, 9), (1, 60), (2, 45))] == [
        64,
        159,
        113,
        114,
    ]


def test_impossible_settings_make_no_directory(tmp_path):
    with pytest.raises(SettingsError):
        run(small(predict=Range(0, 0), setup=Range(0, 0), learn=Range(0, 0)), out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    with pytest.raises(SettingsError, match="workers"):
        run(small(), workers=0, quiet=True)
