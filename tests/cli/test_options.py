"""Options for every setting, and how they are laid over a file."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from azdsl.cli.evolve import command
from azdsl.cli.options import apply_options
from azdsl.config.experiment import Experiment
from azdsl.config.image_tasks import Projected
from azdsl.config.search import Range, Registers, Search, SettingsError, keys
from azdsl.config.tasks import TASKS, Affine, FileTask, Linear, SklearnTask
from azdsl.diagnostics import SyntaxError
from azdsl.ops import BY_NAME
from azdsl.setting_overrides import known_settings, override
from azdsl.syntax import parse_experiment


def test_every_key_has_an_option():
    options = {p.name for p in command.params if isinstance(p, click.Option)}
    assert known_settings() <= options
    for schema in (Registers, Search, *TASKS.values()):
        assert {f.name for f in keys(schema)} <= options


def test_no_two_statements_share_a_name():
    plain = [f.name for schema in (Registers, Search) for f in keys(schema)]
    tasks = {f.name for schema in TASKS.values() for f in keys(schema)}
    assert len(set(plain)) == len(plain) and not tasks & set(plain)


def test_options_win_over_the_file():
    file = Experiment(task=Linear(features=8, tasks=3), search=Search(population=50), registers=Registers(vectors=4))
    given = {"population": 70, "scalars": 5, "tasks": 2, "learn": Range(2, 9), "out": "kept out", "epoch": None}
    result = apply_options(file, given)
    assert result.search == Search(population=70, learn=Range(2, 9))
    assert result.registers == Registers(scalars=5, vectors=4)
    assert result.task == Linear(features=8, tasks=2)


def test_another_kind_of_task_starts_from_its_defaults():
    file = Experiment(task=Linear(features=8))
    assert override(file, {"task": "affine"}).task == Affine()
    assert override(file, {"task": "linear"}).task == Linear(features=8)
    assert override(file, {"task": "sklearn", "data": "diabetes"}).task == SklearnTask(data="diabetes")


def test_a_path_is_stored_as_the_file_would_write_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = override(Experiment(), {"data": "data/x.csv"}, Path("seeds")).task
    assert isinstance(task, FileTask) and task.data == "../data/x.csv"


def test_data_without_a_kind_of_task_is_a_table_where_the_task_cannot_have_them():
    table = FileTask(data="a.csv", target_column="price", epochs=3)
    bundled, images = SklearnTask(data="iris"), Projected(images="cifar10")
    for task, data, expected in (
        (None, "b.csv", FileTask(data="b.csv")),
        (Linear(features=8), "b.csv", FileTask(data="b.csv")),
        (table, "b.csv", FileTask(data="b.csv", target_column="price", epochs=3)),
        (bundled, "wine", SklearnTask(data="wine")),
        (bundled, "b.csv", FileTask(data="b.csv")),
        (images, "folder", Projected(images="cifar10", data="folder")),
        (images, "b.csv", FileTask(data="b.csv")),
    ):
        assert override(Experiment(task=task), {"data": data}).task == expected


def test_older_names_are_read():
    found = override(Experiment(), {"path": "b.csv", "metric_name": "accuracy", "target_column": "z"}).task
    assert found == FileTask(data="b.csv", metric="accuracy", target_column="z")
    text = 'task file(path="b.csv", target=z, metric_name=accuracy)\ndef Setup():\n'
    assert parse_experiment(text).task == found
    assert str(parse_experiment(text)).startswith('task file(data="b.csv", target_column=z, metric=accuracy)\n')
    with pytest.raises(SyntaxError, match="data is given twice"):
        parse_experiment('task file(path="b.csv", data="c.csv")\ndef Setup():\n')


def test_counts_and_durations_are_texts_too():
    found = override(Experiment(), {"max_evals": "1e6", "population": "1_000", "timeout": "1h30m"}).search
    assert found == Search(max_evals=1_000_000, population=1000, timeout=5400.0)
    assert parse_experiment('search(timeout="5m", max_evals=1e6)\ndef Setup():\n').search == Search(
        timeout=300.0, max_evals=1_000_000
    )
    assert type(found.max_evals) is int
    with pytest.raises(SyntaxError, match='write a duration in quotes: timeout="5m"'):
        parse_experiment("search(timeout=1h30m)\ndef Setup():\n")


def test_ops_by_shape_name_or_list():
    dot, minus = BY_NAME["dot"], BY_NAME["scalar_subtract"]
    assert override(Experiment(), {"ops": "scalar_subtract, dot"}).ops[0] == (minus, dot)
    ops = override(Experiment(), {"ops": ["s - s"], "learn_ops": "dot(v, v)"}).ops
    assert ops == ((minus,), (minus,), (dot,))


def test_ranges_and_mutations():
    result = override(Experiment(), {"setup": 3, "learn": "1..23", "predict": (2, 4), "mutations": "alter, trade"})
    assert (result.search.setup, result.search.predict, result.search.learn) == (Range(3, 3), Range(2, 4), Range(1, 23))
    assert result.mutations == ("alter", "trade")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"popluation": 3}, "unknown setting 'popluation'; did you mean 'population'?"),
        ({"task": "lineal"}, "unknown kind of task 'lineal'"),
        ({"learn": "x"}, "learn must be a whole number or a range such as 1..21"),
        ({"population": "many"}, "population must be a whole number, not 'many'"),
        ({"mutations": []}, "the list of mutations is empty"),
        ({"task": "linear", "data": "x"}, "a task of kind linear has no data; these kinds have it: file, sklearn"),
        ({"data": "x.csv", "path": "y.csv"}, "path is an older name of data: give only data"),
        ({"max_evals": "1.5e0"}, "max_evals must be a whole number, not '1.5e0'"),
        ({"timeout": "5 weeks"}, "timeout must be seconds or a duration such as 5m or 1h30m, not '5 weeks'"),
        ({"timeout": "-5"}, "timeout must be at least 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        override(Experiment(), settings)
