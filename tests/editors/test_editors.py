"""The lexer, the TextMate grammar and the completion scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pygments.token import Error, Keyword, Name, Number

from azdsl import editors
from azdsl.cli import main
from azdsl.ops import OPS
from azdsl.pygments import AzLexer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.az")), ids=lambda p: p.name)
def test_examples_are_lexed_whole(path):
    text = path.read_text()
    tokens = list(AzLexer().get_tokens(text))
    assert "".join(value for _, value in tokens).strip() == text.strip()
    assert not [value for kind, value in tokens if kind is Error]


def test_kinds_of_tokens():
    found = list(AzLexer().get_tokens("search(setup=1..3)\ndef Learn():\n  w: vector = relu(v2) * 1e-3  # x\n"))
    for expected in (
        (Keyword, "search"),
        (Number, "1..3"),
        (Keyword, "def"),
        (Name.Function, "Learn"),
        (Keyword.Type, "vector"),
        (Name.Builtin, "relu"),
        (Name.Variable, "v2"),
        (Number, "1e-3"),
    ):
        assert expected in found


def test_every_op_has_its_word():
    assert {op.callee for op in OPS if op.callee} <= set(editors.words()["op"])


def test_the_textmate_grammar_is_made_of_regular_expressions():
    for rule in json.loads((ROOT / "grammar" / "vscode" / "azdsl.tmLanguage.json").read_text())["patterns"]:
        re.compile(rule["match"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "_AZDSL_COMPLETE" in capsys.readouterr().out
