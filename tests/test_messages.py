"""Control characters in file names and texts never reach a terminal."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import click
import pytest

from azdsl.cli import COMMANDS, commands, main
from azdsl.cli.output import document
from azdsl.diagnostics import Diagnostic, Source, render
from azdsl.messages import one_line, printable
from azdsl.search.display.reporters import Plain
from azdsl.search.display.terminal import Display

ROOT = Path(__file__).parents[1]
OBEYED = ["\x1b[2J", "\x1b]0;title\x07", "\r", "\b", "\x7f", "\x9b31m", "\u202e", "\u2028", "\udc9b"]
NAME = "".join(OBEYED) + "é\t漢"


def shown(text: str) -> bool:
    """Whether a terminal would show a text as it is."""
    return not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]", text)


@pytest.mark.parametrize("obeyed", OBEYED)
def test_what_a_terminal_obeys_is_replaced_and_nothing_else(obeyed):
    assert shown(printable(f"a{obeyed}b")) and printable(f"a{obeyed}b")[0] == "a"
    assert printable("é 漢 🙂\n\t…") == "é 漢 🙂\n\t…" and one_line("a\nb") == "a\N{REPLACEMENT CHARACTER}b"


def test_messages_of_every_command_that_takes_a_file(tmp_path, capsys):
    """About a file that does not exist, one that is no program, and a run that is none."""
    folder = tmp_path / NAME
    folder.mkdir()
    bad = folder / f"bad{NAME}.az"
    bad.write_text(f"def Predict():\n  s1 = nonsense{OBEYED[0]}\n")
    with click.Context(commands) as context:
        names = [name for name in COMMANDS if commands.get_command(context, name).params]
    for name in names:
        for argument in (bad, folder / "missing.az", folder):
            main([name, str(argument)] if name != "evolve" else [name, str(argument), "--out", str(folder / "run")])
            out, err = capsys.readouterr()
            assert shown(out) and shown(err), (name, argument)
    assert main(["evolve", "--resume", str(folder)]) == 2 and "not a run directory" in (err := capsys.readouterr().err)
    assert shown(err)


def test_undecodable_names(tmp_path, capsys):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.az")
    Path(name).write_text("task linear()\n")
    assert main(["check", name]) == 0 and "ok" in capsys.readouterr().out
    assert main(["check", f"{name}.missing"]) == 2 and "missing" in capsys.readouterr().err


def test_the_name_of_a_source_and_its_lines():
    text = render([Diagnostic("x", "wrong", Source("a\x1bb").span(1, 2))], Source("a\x1bb", f"{NAME}\n"))
    assert shown(text) and len(text.splitlines()) == 3


def test_reporters_show_no_control_characters(capsys):
    import io

    from rich.console import Console

    streams = io.StringIO(), io.StringIO()
    Plain(streams[0]).say(f"results {NAME}")
    Display(Console(file=streams[1], color_system=None)).say(f"results {NAME}")
    assert all("results" in stream.getvalue() and shown(stream.getvalue()) for stream in streams)


def test_a_document_is_as_it_is_unless_a_terminal_shows_it(monkeypatch, capsys):
    document("a\x1b[0m\n")
    assert capsys.readouterr().out == "a\x1b[0m\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    document("a\x1b[0m\n")
    assert capsys.readouterr().out == "a\N{REPLACEMENT CHARACTER}[0m\n"


def _prints(node: ast.AST) -> bool:
    """Whether a node is a call that prints a text that may have control characters."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    safe = bool(node.args) and ast.unparse(node.args[0]).startswith("printable")
    return (called == "print" and not safe) or called == "click.echo" or called.endswith(".secho")


def test_everything_that_is_printed_passes_one_function():
    """No module prints but those that replace control characters; a child process of a benchmark prints a number."""
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "azdsl").rglob("*.py")
        if any(map(_prints, ast.walk(ast.parse(path.read_text(encoding="utf-8"))))) and path.parent.name != "bench"
    ]
    assert found == ["azdsl/cli/output.py"]
