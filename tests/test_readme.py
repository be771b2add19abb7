"""README's Python example runs and finds what the text says; the printed programs are those that the commands print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from azdsl.cli import main

ROOT = Path(__file__).parent.parent


def test_the_python_example_finds_a_program_that_learns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## From Python")[2]
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match
    names: dict[str, Any] = {}
    exec(match[1], names)
    result, X, y = names["result"], names["X"], names["y"]
    printed = capsys.readouterr().out
    said = re.findall(r"# .*?(better than your seed by .*?\))", match[1])
    assert said and said[0] in printed and "learning_rate = 0.2" in printed
    assert result.ending.better and result.test_fitness > 0.999 and result.ending.tasks == 8
    assert f"found.fitness: {names['found'].fitness:.3f}" in match[1]
    assert np.abs(names["model"].predict(X[0, 100:]) - y[0, 100:]).max() < 0.0002


def test_shown_examples_are_printed_as_in_the_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\n\$ azdsl (show examples/[^\n]*)\n(.*?)```", text, re.DOTALL)
    assert shown
    for command, printed in shown:
        assert main(command.split()) == 0
        assert capsys.readouterr().out == printed
