"""Runs whose files another program has changed: refused with a message, or shown as far as they are valid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape

import pytest
from search_runs import small

from azdsl import messages
from azdsl.cli import main
from azdsl.config.search import SettingsError
from azdsl.reporting import reproduce
from azdsl.reporting.load_run import read_run
from azdsl.search.evolve import run


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run(small(max_evals=2000), out=tmp_path_factory.mktemp("whole") / "run", quiet=True)


NAMES = ["a b", "it's", 'say "hi"', "-rf", "$(touch x)", "new\nline", "\x1b[2J", "tab\there", "é", "back\\slash\x01"]


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_that_reproduce_a_run_are_quoted(name):
    """A shell reads each word as it is meant; none is an option, and none controls a terminal."""
    word = reproduce.quoted(f"{name}/best.az")
    assert messages.printable(word) == word or name == "new\nline"
    done = subprocess.run(["bash", "-c", f"printf '%s' {word}"], capture_output=True, check=True)
    assert done.stdout.decode() in (f"{name}/best.az", f"./{name}/best.az") and not done.stdout.startswith(b"-")


def test_a_version_that_is_a_command_is_quoted(result):
    run_data = replace(read_run(result.run_dir), version='1"; touch x; "', name="it's; touch x")
    text = unescape(reproduce.section(run_data))
    assert """pip install 'azdsl==1"; touch x; "'""" in text and """'it'"'"'s; touch x/best.az'""" in text


def changed(result, path, name, change):
    """A copy of a run in which a file is changed."""
    shutil.copytree(result.run_dir, path)
    (path / name).write_text(change((path / name).read_text()))
    return path


def test_the_table_of_the_hall_of_fame_names_no_file_outside(result, tmp_path, capsys):
    (tmp_path / "outside.az").write_text("def Predict():\n  s1 = 1\n")
    for number, name in enumerate(
        ("../outside.az", str(tmp_path / "outside.az"), "hall_of_fame/../../outside.az", "best.az")
    ):
        path = changed(
            result,
            tmp_path / f"run{number}",
            "hall_of_fame.csv",
            lambda text, to=name: re.sub("hall_of_fame/[^\n]*", to, text),
        )
        assert main(["report", str(path)]) == 2 and "not of this run" in capsys.readouterr().err
    path = changed(result, tmp_path / "linked", "best.az", str)
    entry = next((path / "hall_of_fame").iterdir())
    entry.unlink()
    entry.symlink_to(tmp_path / "outside.az")
    assert main(["plot", str(path)]) == 2 and "not of this run" in capsys.readouterr().err


def test_damaged_events_are_shown_up_to_the_damage_with_a_word(result, tmp_path, caplog):
    path = changed(result, tmp_path / "run", "events.jsonl", lambda text: text.replace("\n", "\n\0\0\n", 3))
    assert len(read_run(path).history) == 1
    assert ["line 2 is invalid" in record.message and str(path) in record.message for record in caplog.records] == [
        True
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluations", "1; touch x"),
        ("seconds", [1]),
        ("layers", {"full": "<b>"}),
        ("task_fitness", [2.0]),
        ("fitness", True),
    ],
)
def test_a_result_with_other_values_is_refused(result, tmp_path, key, value):
    path = changed(result, tmp_path / "run", "result.json", lambda text: json.dumps(json.loads(text) | {key: value}))
    with pytest.raises(SettingsError, match=f"result.json is invalid: '{key}' has an invalid value"):
        read_run(path)
