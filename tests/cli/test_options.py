"""Options for every setting, and how they are laid over a file."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from azdsl.cli.evolve import command
from azdsl.cli.options import apply_options
from azdsl.config.experiment import Experiment
from azdsl.config.search import Range, Registers, Search, SettingsError, keys
from azdsl.config.tasks import TASKS, Affine, FileTask, Linear, SklearnTask
from azdsl.ops import BY_NAME
from azdsl.setting_overrides import known_settings, override, setting_name


def test_every_key_has_an_option():
    options = {p.name for p in command.params if isinstance(p, click.Option)}
    assert known_settings() <= options
    for schema in (Registers, Search, *TASKS.values()):
        assert {setting_name(f) for f in keys(schema)} <= options


def test_no_two_statements_share_a_name():
    plain = [f.name for schema in (Registers, Search) for f in keys(schema)]
    tasks = {setting_name(f) for schema in TASKS.values() for f in keys(schema)}
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
    assert override(file, {"task": "sklearn", "path": "diabetes"}).task == SklearnTask(path="diabetes")


def test_a_path_is_stored_as_the_file_would_write_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = override(Experiment(), {"task": "file", "path": "data/x.csv"}, Path("seeds")).task
    assert isinstance(task, FileTask) and task.path == "../data/x.csv"


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
        ({"task": "linear", "path": "x"}, "a task of kind linear has no path; these kinds have it: file, sklearn"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        override(Experiment(), settings)
