"""The language reference has an entry for every word of the language, and its examples and defaults are right."""

from __future__ import annotations

import re

import pytest

from azdsl.cli import COMMANDS, main
from azdsl.config.experiment import OPS_KEYS, Experiment
from azdsl.config.schema import SettingsError, keys
from azdsl.config.search import MUTATIONS, IslandSettings, Registers, Search, StageSettings
from azdsl.config.tasks import TASKS
from azdsl.ir import FUNCTIONS
from azdsl.ir.metric import METRICS
from azdsl.ops import OPS
from azdsl.ops.groups import GROUPS
from azdsl.reference import topics
from azdsl.syntax import parse_experiment
from azdsl.syntax.desugar import SUGAR
from azdsl.syntax.file_builder import STATEMENTS
from azdsl.syntax.name_resolution import ALIASES, KINDS, RESERVED
from azdsl.syntax.op_patterns import callees

SCHEMAS = {"search": Search, "registers": Registers, "island": IslandSettings, "stage": StageSettings, **TASKS}
TOPICS = {topic.name: topic for found in topics.sections().values() for topic in found}
REQUIRED = {"file": "data=x", "sklearn": "data=wine", "projected": "images=mnist", "images": "images=mnist"}


@pytest.mark.parametrize(
    "words",
    [STATEMENTS, FUNCTIONS, ALIASES, RESERVED, KINDS, SUGAR, MUTATIONS, GROUPS, METRICS, TASKS, OPS_KEYS, callees()],
)
def test_every_word_of_the_language_has_an_entry(words):
    assert words and not [word for word in words if not list(topics.lookup(word))]


def test_every_op_and_every_key_has_an_entry():
    for op in OPS:
        for name in (op.name, op.shape, op.expression):
            assert any(topic.name == op.name for topic in topics.lookup(name)), name
    for owner, schema in SCHEMAS.items():
        assert [key.name for key in TOPICS[owner].keys] == [field.name for field in keys(schema)]
        for field in keys(schema):
            assert any(owner in topic.what for topic in topics.lookup(field.name)), (owner, field.name)


@pytest.mark.parametrize("topic", [t for t in TOPICS.values() if t.example], ids=lambda t: t.name)
def test_examples_are_files_without_errors(topic):
    experiment = parse_experiment(topic.example)
    assert parse_experiment(str(experiment)) == experiment


def test_the_example_of_a_statement_contains_it():
    assert not [
        topic.name for topic in TOPICS.values() if topic.what == "statement" and topic.name not in topic.example
    ]


@pytest.mark.parametrize("owner", ["search", "registers", *TASKS])
def test_stated_defaults_are_those_of_a_file(owner):
    def written(*arguments: str) -> Experiment:
        inside = ", ".join(filter(None, (REQUIRED.get(owner), *arguments)))
        return parse_experiment(f"task {owner}({inside})\n" if owner in TASKS else f"{owner}({inside})\n")

    stated = [key for key in TOPICS[owner].keys if key.default.startswith("`")]
    assert stated
    for key in stated:
        assert written(f"{key.name}={key.default.strip('`')}") == written(), key


def test_stated_bounds_are_those_that_are_checked():
    counted = 0
    for owner in ("registers", *TASKS):
        for key in TOPICS[owner].keys:
            if bounds := re.fullmatch(r"whole number, ([\d,]+) to ([\d,]+)", key.values):
                least, most = (int(bound.replace(",", "")) for bound in bounds.groups())
                for value in (least - 1, most + 1):
                    with pytest.raises(SettingsError, match=f"{key.name} must be at"):
                        SCHEMAS[owner](**{key.name: value})
                counted += 1
    assert counted > 50


def test_help_prints_entries(capsys):
    assert main(["help", "train"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("train: key of linear, affine, two_layer\n") and printed.count("train: key of") == 3
    assert main(["help", "s", "-", "s"]) == 0 and "scalar_subtract: op" in capsys.readouterr().out
    assert main(["help", "tune"]) == 0
    printed = capsys.readouterr().out
    assert "tune: key of search" in printed and "azdsl tune: command" in printed and "`" not in printed
    assert main(["help", "poplation"]) == 2 and "did you mean 'population'" in capsys.readouterr().err


def test_help_lists_all_topics(capsys):
    assert main(["help"]) == 0
    listed = set(re.split(r"[,\s]+", capsys.readouterr().out))
    assert {word for name in (*TOPICS, *COMMANDS) for word in name.split()} <= listed
