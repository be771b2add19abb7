"""Which program a command's FILE names, and where its data are."""

from __future__ import annotations

from pathlib import Path

import pytest

from azdsl.cli import main

PROGRAM = 'task file(data="../houses.csv", target_column=price, test_tasks=1)\ndef Predict():\n  s1 = 0.5\n'
COMMANDS = ("score", "show", "explain", "compile", "tune", "playground")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory ``run`` beside the table of its task."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("")
    rows = "".join(f"{at % 7},{at % 5},{3 * (at % 7) - at % 5}\n" for at in range(40))
    (tmp_path / "houses.csv").write_text(f"a,b,price\n{rows}")
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [[name, "run"] for name in COMMANDS] + [["predict", "run", "houses.csv", "--train", "houses.csv"]]
)
def test_a_run_directory_names_its_best_program(folder, capsys, arguments):
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "error: run: this run has no best.az yet; it is written after the first epoch of all islands\n"
    )
    (folder / "run" / "best.az").write_text("def Predict(:\n")
    assert main(arguments) == 2
    assert "run/best.az:1:" in capsys.readouterr().err


def test_a_run_directory_is_scored_and_shown(folder, capsys):
    (folder / "run" / "best.az").write_text(PROGRAM)
    assert main(["show", "run"]) == 0
    assert "s1 = 0.5" in capsys.readouterr().out
    assert main(["score", "run", "--against", "run", "--backend", "reference"]) == 0
    assert "houses.csv, target price, rmse" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["evolve", "compare"])
def test_a_run_directory_is_no_seed(folder, capsys, command):
    assert main([command, "run"]) == 2
    assert "--resume run continues it, and run/best.az may be the seed of a new one" in capsys.readouterr().err


def test_a_program_that_was_moved_needs_the_place_of_its_data(folder, capsys):
    (folder / "best.az").write_text(PROGRAM)
    for command in COMMANDS[:1] + COMMANDS[2:]:
        assert main([command, "best.az"]) == 2, command
        error = capsys.readouterr().err
        assert "../houses.csv: no such file or directory" in error and "set --data" in error
    assert main(["show", "best.az"]) == 0
    capsys.readouterr()
    assert main(["score", "best.az", "--data", "houses.csv", "--backend", "reference"]) == 0
    told = capsys.readouterr().out
    assert "target price" in told
    assert main(["score", "best.az", "--path", "houses.csv", "--backend", "reference"]) == 0
    assert capsys.readouterr().out == told, "the older name"
    assert main(["score", "best.az", "--path", "houses.csv", "--data", "houses.csv"]) == 2
    assert "--path is an older name of --data: give only --data" in capsys.readouterr().err
    assert main(["score", "best.az", "--data", "houses.csv", "--target-column", "cost"]) == 2
    assert "has no column 'cost'" in capsys.readouterr().err
