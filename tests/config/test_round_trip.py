"""Every setting survives the way from a file to an experiment, to ``config.toml`` and back, at the extremes of its key."""

from __future__ import annotations

import dataclasses
import math
import tomllib

import pytest

from azdsl.cli import main
from azdsl.config.experiment import Experiment, Group
from azdsl.config.schema import Range, SettingsError, keys, value_types
from azdsl.config.search import IslandSettings, Registers, Search
from azdsl.config.tasks import TASKS, Linear
from azdsl.ir import Program
from azdsl.search.rundir.artifacts import config_text, seed_text
from azdsl.syntax import parse_experiment

NEEDED = {
    ("proxy", True): {"hurdles": "100"},
    "redraw": {"tasks_per_evaluation": 1},
    "tournament": {"population": 10_000_000},
    "population": {"tournament": 2},
    "select": {"test": 0.001},
    "test": {"select": 0.001},
    "setup": {"init": "random"},
}
"""Other settings that make an extreme value of a key valid."""

TEXTS = {
    "hurdles": ("100, 1000x5", "1"),
    "pairs": ("0-1 2-7",),
    "held_out": ("none", "8-9"),
    "classes": ("0 1 7",),
    "columns": ("a, b", "größe"),
}
"""Valid values of keys whose text has a syntax."""

ANY_TEXT = ("x", "true", "inf", "def", "s0", "größe", "two words", "7", 'a "quote" \\ and #', "it's", "x\u00a0y", "℘")


def _numbers(least, most, kind):
    if kind is int:
        return {least, most, (least + most) // 2}
    top = {math.inf, 1e22, 1.7976931348623157e308} if most is None else {most}
    return {least, least + 5e-324, -0.0 if least == 0.0 else least, 1 / 3 if least < 1 / 3 else least, *top}


def _extremes(schema, field):
    """The least, the greatest and other critical values of a key."""
    least, most, choices = (field.metadata.get(name) for name in ("least", "most", "choices"))
    kind = value_types(schema)[field.name]
    if choices:
        return set(choices)
    if kind is bool:
        return {False, True}
    if kind is str:
        return set(TEXTS.get(field.name, ANY_TEXT))
    if kind is Range:
        return {Range(least, least), Range(least, most), Range(most, most)}
    return _numbers(least, most, kind)


def _settings(schema, title):
    """Instances of ``schema`` with one key at each of its critical values, and one without any."""
    required = {f.name: (f.metadata.get("choices") or ("x",))[0] for f in keys(schema) if f.metadata.get("required")}
    yield pytest.param(schema(**required), id=title)
    for field in keys(schema):
        for value in sorted(_extremes(schema, field), key=str):
            more = NEEDED.get(field.name, NEEDED.get((field.name, value), {}))
            known = {k: v for k, v in more.items() if k in {f.name for f in keys(schema)}}
            yield pytest.param(schema(**{**required, **known, field.name: value}), id=f"{title}-{field.name}={value}")


def _placed(settings):
    """An experiment with the settings."""
    if isinstance(settings, Search):
        return Experiment(search=settings)
    if isinstance(settings, Registers):
        return Experiment(registers=settings, search=Search(init="empty"))
    if isinstance(settings, IslandSettings):
        return Experiment(groups=(Group(Range(0, 4095), settings),))
    return Experiment(task=settings)


ALL = [
    case
    for title, schema in [("search", Search), ("registers", Registers), ("island", IslandSettings), *TASKS.items()]
    for case in _settings(schema, title)
]


@pytest.mark.parametrize("settings", ALL)
def test_a_file_and_config_toml_give_the_same_values(settings):
    experiment = _placed(settings)
    read = parse_experiment(str(experiment))
    assert read == experiment and str(read) == str(experiment)
    assert parse_experiment(seed_text(read)) == experiment
    config = tomllib.loads(config_text(read, "digest"))
    for table, own in (("search", read.search), ("registers", read.registers), ("task", read.task)):
        expected = {f.name: getattr(own, f.name) for f in keys(own)} if own else {}
        found = {name: value for name, value in config.get(table, {}).items() if name != "kind"}
        assert found == {k: str(v) if isinstance(v, Range) else v for k, v in expected.items() if v is not None}
    assert [Group] * len(config.get("groups", {})) == list(map(type, read.groups))


def test_every_key_that_may_be_absent_is_so_by_default():
    for schema in (Search, Registers, IslandSettings, *TASKS.values()):
        for field in dataclasses.fields(schema):
            assert "None" not in str(field.type) or field.default is None or field.name == "features"


def test_no_limit_has_one_form():
    assert Search(timeout=math.inf) == Search() and parse_experiment("search(timeout=inf)").search.timeout is None
    assert math.copysign(1.0, Search(budget=-0.0).budget) == 1.0


def test_numbers_of_other_types_become_the_keys_type():
    import numpy as np

    search = Search(population=np.int64(50), timeout=60, max_evals=1e6, budget=np.float32(0.5))
    assert [type(v) for v in (search.population, search.timeout, search.max_evals, search.budget)] == [
        int,
        float,
        int,
        float,
    ]
    assert parse_experiment(str(Experiment(search=search))).search == search


@pytest.mark.parametrize(
    ("schema", "settings", "message"),
    [
        (Search, {"population": 2.5}, "population must be a whole number, not 2.5"),
        (Search, {"population": True}, "population must be a whole number, not True"),
        (Search, {"population": None}, "population must be a whole number, not None"),
        (Search, {"max_evals": 10**18 + 1}, "max_evals must be at most 1,000,000,000,000,000,000"),
        (Search, {"max_evals": math.inf}, "max_evals must be a whole number, not inf"),
        (Search, {"timeout": math.nan}, "timeout must be seconds or a duration such as 5m or 1h30m, not nan"),
        (Search, {"timeout": 10**400}, "timeout must be seconds"),
        (
            Search,
            {"timeout": "60 minutes"},
            "timeout must be seconds or a duration such as 5m or 1h30m, not '60 minutes'",
        ),
        (Search, {"target": -math.inf}, "target must be at least 0, not -inf"),
        (Search, {"policy_rate": math.inf}, "policy_rate must be at most 1e"),
        (Search, {"mutation": math.inf}, "mutation must be at most 1, not inf"),
        (Search, {"fec": 1}, "fec must be true or false, not 1"),
        (Search, {"hurdles": 100}, "hurdles must be a word or a quoted text, not 100"),
        (Search, {"setup": Range(5, 2)}, "setup=5..2: the range is empty"),
        (TASKS["file"], {"data": "a\nb"}, "data must be text without line breaks or control characters, not 'a"),
        (TASKS["file"], {"data": "a\udcff"}, "data must be text without line breaks"),
        (Linear, {"select_train": 10**9}, "select_train must be at most 100,000,000"),
    ],
)
def test_values_that_could_not_be_read_back_are_refused(schema, settings, message):
    with pytest.raises(SettingsError, match=message):
        schema(**settings)


def test_an_experiment_that_no_file_can_express_is_not_written():
    with pytest.raises(SettingsError, match="cannot be written to a file"):
        seed_text(Experiment(Program(), ops=((), (), ())))


SMALL = "task linear(tasks=2, train=5, valid=5, select_tasks=2, test_tasks=2)\n"


@pytest.mark.parametrize("options", [["--timeout", "1e400"], ["--max-abs-error", "inf"], ["--budget", "inf"]])
def test_a_run_without_a_limit_can_be_reported_and_resumed(options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed.az").write_text(
        f"{SMALL}search(population=10, tournament=2, islands=1, epoch=50, max_evals=100)\ndef Setup():\ndef Predict():\ndef Learn():\n"
    )
    assert main(["evolve", "seed.az", "--quiet", "--out", "run", *options]) == 0
    assert main(["report", "run"]) == 0
    first = (tmp_path / "run" / "best.az").read_text()
    assert main(["evolve", "--resume", "run", "--timeout", "inf", "--max-evals", "200", "--quiet"]) == 0
    assert main(["evolve", "--resume", "run", "--max-evals", "300", "--timeout", "600", "--quiet"]) == 0
    assert main(["report", "run"]) == 0 and first
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("config.toml", "seed.az")}
    assert main(["evolve", "--resume", "run", "--timeout", "nan"]) == 2
    assert "'--timeout': 'nan' is not a duration" in capsys.readouterr().err
    assert before == {name: (tmp_path / "run" / name).read_bytes() for name in before}
