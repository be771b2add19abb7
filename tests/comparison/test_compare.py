"""Whole comparisons: repeatable, resumable, and clear about what is wrong with them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from search_runs import small

import azdsl
from azdsl.cli import main
from azdsl.comparison import store
from azdsl.comparison.compare import compare
from azdsl.comparison.runs import one_run, settings_of
from azdsl.config.experiment import Experiment
from azdsl.config.image_tasks import Projected
from azdsl.config.search import ALGORITHMS, SettingsError
from azdsl.config.tasks import FileTask
from azdsl.search.evolve import run
from azdsl.search.rundir import directory as rundir
from azdsl.taskset import TaskError

TWO = ["random_search", "regularized_evolution"]
BUDGET = {"max_evals": 400, "epoch": 100, "islands": 1}


def facts(comparison):
    """What must not depend on how a comparison went."""
    return [replace(run, seconds=0.0) for run in comparison.runs]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "c"
    return azdsl.compare(small(target=0.4, **BUDGET), algorithms=TWO, seeds=range(2), out=path, workers=1)


def test_runs_are_those_of_evolve(whole):
    assert [run.key for run in whole.runs] == [(name, seed) for seed in range(2) for name in TWO]
    for kept in whole.runs:
        alone = run(small(target=0.4, **BUDGET, seed=kept.seed, algorithm=kept.name), quiet=True)
        assert (kept.program, kept.fitness, kept.test) == (
            alone.ending.program,
            alone.history[-1]["best"],
            alone.ending.chosen.fitness,
        )
        assert (kept.evaluations, kept.reached) == (alone.evaluations, alone.reached)
        steps = [fitness for _, fitness in kept.curve]
        assert steps == sorted(steps) and steps[-1] == kept.fitness and kept.at(kept.evaluations) == kept.fitness


def test_workers_do_not_matter(whole):
    again = compare(small(target=0.4, **BUDGET), base_dir=None, algorithms=TWO, seeds=range(2), workers=3)
    assert facts(again) == facts(whole) and again.directory is None


def test_a_second_start_runs_only_what_is_missing(whole, monkeypatch):
    path, told, asked = whole.directory, [], []
    runs = path / "runs.jsonl"
    lines = runs.read_bytes().splitlines(keepends=True)
    runs.write_bytes(b"".join(lines[:2]) + lines[2][:40])

    def counted(experiment, name, seed, *rest):
        asked.append((name, seed))
        return one_run(experiment, name, seed, *rest)

    monkeypatch.setattr("azdsl.comparison.compare.one_run", counted)
    settings = {"base_dir": None, "out": path, "workers": 1}
    again = compare(
        small(target=0.4, **BUDGET),
        algorithms=TWO,
        seeds=range(2),
        report=lambda run, done, _: told.append(done),
        **settings,
    )
    assert len(asked) == 2 and told == [2, 3, 4] and facts(again) == facts(whole)
    more = compare(small(target=0.4, **BUDGET), algorithms=TWO, seeds=[1], **settings)
    assert len(asked) == 2 and [run.seed for run in more.runs] == [1, 1]
    with pytest.raises(SettingsError, match="other settings"):
        compare(small(target=0.5, **BUDGET), algorithms=TWO, seeds=range(2), **settings)


def test_a_directory_in_use_is_left_as_it_is(whole):
    runs = whole.directory / "runs.jsonl"
    with rundir.locked(whole.directory), runs.open("ab") as file:
        before = runs.read_bytes()
        file.write(b'{"algorithm": ')
        file.flush()
        with pytest.raises(SettingsError, match="in use by process"):
            compare(small(target=0.4, **BUDGET), base_dir=None, algorithms=TWO, seeds=range(2), out=whole.directory)
        assert runs.read_bytes() == before + b'{"algorithm": '
        file.truncate(len(before))


def test_other_data_are_another_comparison(tmp_path):
    columns = {"x": np.arange(40.0), "y": np.arange(40.0) % 7}
    np.savez(tmp_path / "d.npz", **columns)
    np.savez(tmp_path / "p.npz", images=np.zeros((40, 2, 2), np.uint8), labels=np.arange(40) % 2)
    for task in (FileTask(data="d.npz"), Projected(images="npz", data="p.npz")):
        experiment = Experiment(task=task)
        before = store.identity(experiment, tmp_path)
        assert store.identity(experiment, tmp_path) == before
        np.savez(tmp_path / task.data, images=np.ones((40, 2, 2), np.uint8), labels=np.arange(40) % 2)
        assert store.identity(experiment, tmp_path) != before
        (tmp_path / task.data).unlink()
        with pytest.raises(TaskError, match=task.data):
            store.identity(experiment, tmp_path)


def test_the_files_hold_what_the_result_does(whole):
    files = whole.files()
    assert set(files) <= {path.name for path in whole.directory.iterdir()}
    table = list(csv.DictReader(io.StringIO(files["table.csv"])))
    assert [row["name"] for row in table] == [row.name for row in whole.rows]
    assert [float(row["median"]) for row in table] == [row.median for row in whole.rows]
    points = list(csv.DictReader(io.StringIO(files["curves.csv"])))
    assert len(points) == 2 * len(whole.places) and points[-1]["evaluations"] == "400"
    assert len(whole.frame()) == 4
    json.dumps(whole.as_dict())


def test_the_table_and_the_figure(whole, tmp_path):
    text = str(whole)
    assert "reached 0.4" in text and "random search" in text and len(text.splitlines()) == 3
    whole.plot().savefig(tmp_path / "a.svg")
    without = replace(whole, target=None)
    assert "reached" not in str(without) and len(without.plot().axes) == 1


def test_a_run_that_is_halted_is_not_kept():
    experiment = replace(small(), search=settings_of(small().search, 3000))
    assert one_run(experiment, "random_search", 0, None, lambda: True) is None


def test_every_algorithm_by_default(tmp_path):
    result = azdsl.compare(small(**BUDGET), seeds=[3])
    assert [run.name for run in result.runs] == list(ALGORITHMS) and not result.interrupted


def test_variants_are_runs_with_those_settings(tmp_path):
    variants = [{"population": 5, "tournament": 2}, {"algorithm": "random_search"}, {}]
    made = azdsl.compare(small(target=0.4, **BUDGET), variants=variants, seeds=[1, 2], out=tmp_path / "c", workers=1)
    assert [row.name for row in made.rows] == ["population=5, tournament=2", "algorithm=random_search", "as given"]
    found = [run.program for run in made.runs if run.seed == 2]
    alone = [run(small(target=0.4, **BUDGET, **own, seed=2), quiet=True) for own in variants]
    assert found == [result.ending.program for result in alone]
    assert len({kept.fitness for kept in made.runs if kept.seed == 2}) > 1
    assert made.baseline == "population=5, tournament=2" and "times as fast as population=5, tournament=2" in str(made)
    again = compare(small(target=0.4, **BUDGET), base_dir=None, variants=variants[1:], seeds=[2], out=tmp_path / "c")
    assert facts(again) == [kept for kept in facts(made) if kept.seed == 2][1:]
    made.plot().savefig(tmp_path / "a.svg")


def test_variants_have_epochs_of_their_own():
    made = compare(
        small(max_evals=400, epoch=None), base_dir=None, variants=[{"islands": 1}, {"islands": 2}], seeds=[0]
    )
    alone = [run(small(max_evals=400, islands=n, epoch=4 // n), quiet=True) for n in (1, 2)]
    assert [kept.program for kept in made.runs] == [result.ending.program for result in alone]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variants": []}, "the list of variants is empty"),
        ({"variants": [{}], "algorithms": TWO}, "exclude each other"),
        ({"variants": [{}, {"max_evals": 3}]}, "cannot differ in max_evals"),
        ({"variants": [{"migrant": 0}]}, "did you mean 'migrants'"),
    ],
)
def test_variants_that_cannot_be(settings, message):
    with pytest.raises(SettingsError, match=message):
        compare(small(**BUDGET), base_dir=None, seeds=[0], **settings)


def test_the_command(tmp_path, capsys):
    file, out, plot = tmp_path / "seed.az", tmp_path / "out", tmp_path / "a.png"
    file.write_text(str(small(**BUDGET)))
    arguments = [
        "compare",
        file,
        "--algorithms",
        "random_search, hill_climbing",
        "--seeds",
        "4,5",
        "--out",
        out,
        "--plot",
        plot,
        "--json",
    ]
    assert main([str(a) for a in arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["runs"] for row in found["rows"]] == [2, 2] and {run["seed"] for run in found["runs"]} == {4, 5}
    assert plot.read_bytes().startswith(b"\x89PNG") and found["target"] is None
    assert main([str(a) for a in [*arguments[:-1], "--quiet"]]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_with_variants(tmp_path, capsys):
    file = tmp_path / "seed.az"
    file.write_text(str(small(**BUDGET)))
    variants = ["--variant", "--islands 2 --migrants 0", "--variant", "--islands 2 --no-fec --ops 'dot, s - s'"]
    assert main(["compare", str(file), "--seeds", "4", "--out", str(tmp_path / "out"), "--json", *variants]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == ["islands=2, migrants=0.0", "islands=2, fec=False, ops=dot, s - s"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "5:5"], "contains no seed"),
        (["--seeds", "-1,2"], "below 0"),
        (["--seeds", f"0:{10**20}"], "contains a seed above"),
        (["--seeds", "9223372036854775808"], "contains a seed above"),
        (["--seeds", "0:10001"], "more than 10,000 seeds"),
        (["--repetitions", "10001"], "10001 is more than 10,000"),
        (["--seeds", "a"], "neither a range such as 0:20"),
        (["--seeds", "0:2", "--repetitions", "3"], "exclude each other"),
        (["--algorithm", "reinforce"], "--algorithms NAMES"),
        (["--algorithms", "annealing"], "unknown algorithm 'annealing'"),
        (
            ["--variant", "--migrant 0"],
            "does not consist of options such as '--islands 4 --migrants 0': No such option",
        ),
        (["--variant", "--learn 'x"], "No closing quotation"),
        (["--variant", "--seed 3"], "cannot differ in seed"),
        (
            ["--variant", "--islands 1", "--algorithms", "random_search"],
            "--algorithms and --variant exclude each other",
        ),
        (["--plot", "a.txt"], "must end in .png"),
        (["--plot", "nowhere/a.png"], "no directory nowhere"),
        (["--out", "."], "is not empty, and not a comparison"),
    ],
)
def test_bad_input(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed.az").write_text(str(small()))
    assert main(["compare", "seed.az", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split()) and "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["seed.az"]


def test_a_damaged_directory(whole, capsys):
    with (whole.directory / "runs.jsonl").open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(SettingsError, match="is invalid"):
        compare(small(target=0.4, **BUDGET), base_dir=None, algorithms=TWO, seeds=[0], out=whole.directory)
