"""The pages of the documentation site: the commands of the first one run, those made from the code are complete."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import click
import pytest

import azdsl
from azdsl.cli import COMMANDS, commands, main

ROOT = Path(__file__).parent.parent
START = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return import_module("site_pages")


def test_the_start_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its commands run, with fewer candidates, and it explains every line that this run and README's print."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    lines = "".join(re.findall(r"```sh\n(.*?)```", START, re.DOTALL)).splitlines()
    first, *others = (shlex.split(line.removeprefix("azdsl ")) for line in lines)
    assert first[0] == "evolve" and len(others) > 5
    assert main([*first, "--max-evals", "20000", "--target", "2"]) == 0
    streams = capsys.readouterr()
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("$ azdsl evolve examples/linear.az\n")[2]
    printed = [line for text in (streams.out + streams.err, readme) for line in text.partition("\n\n")[0].splitlines()]
    labels = {found[1] for line in printed if (found := re.match(r"(\w+(?: \w+)?) {2,}\S", line))}
    assert labels == set(re.findall(r"^\| `([\w ]+)` \|", START, re.MULTILINE))
    for command in others:
        assert main(command) == 0, command
    assert Path("first.html").is_file()


def test_every_command_and_option_is_on_the_page_of_commands(pages) -> None:
    text = pages.command_page()
    with click.Context(commands) as context:
        for name in COMMANDS:
            part = text.partition(f"\n## azdsl {name}\n")[2].partition("\n## ")[0]
            options = [
                option for option in commands.get_command(context, name).params if isinstance(option, click.Option)
            ]
            assert part and all(f"`{option.opts[0]}" in part or option.hidden for option in options), name


def test_every_public_name_is_on_the_page_of_python(pages) -> None:
    listed = re.findall(r"^::: ([\w.]+)$", pages.python_page(), re.MULTILINE)
    assert sorted(name.rpartition(".")[2] for name in listed) == sorted(set(azdsl.__all__) - {"__version__"})


def test_the_gallery_shows_each_program_as_it_is_written(pages) -> None:
    text = pages.gallery_page()
    assert pages.GALLERY and all((ROOT / path).read_text(encoding="utf-8") in text for path in pages.GALLERY)


def test_every_document_is_in_the_navigation() -> None:
    """The notes in docs/decisions are in the table of its README.md."""
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/-]+\.md$", config, re.MULTILINE))
    documents = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {name for name in documents if not name.startswith("decisions/0")} <= named


def test_links_of_the_repository_become_links_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    hooks = import_module("site_hooks")
    pages = {"index.md", "ops.md", "data.md", "decisions/README.md", "decisions/0011-stages.md", "images/a.png"}

    def site(text: str, source: str, here: str) -> str:
        return hooks._LINK.sub(lambda found: hooks.rewritten(found, source, here, pages), text)

    assert (
        site("[a](docs/data.md#x) ![b](docs/images/a.png)", "README.md", "index.md")
        == "[a](data.md#x) ![b](images/a.png)"
    )
    assert (
        site("[a](../README.md), [`b`](../grammar/OPS.md)", "docs/data.md", "data.md") == "[a](index.md), [`b`](ops.md)"
    )
    assert site("[a](../data.md)", "docs/decisions/0011-stages.md", "decisions/0011-stages.md") == "[a](../data.md)"
    assert site("[a](decisions/)", "docs/data.md", "data.md") == "[a](decisions/README.md)"
    assert site("[`a.py`](../azdsl/api.py)", "docs/data.md", "data.md") == "`a.py`"
    for kept in ("[a](#b)", "[a](https://b.c)", "[a](no.md)", "`x[0](y.md)`", "```\n[a](data.md)\n```"):
        assert site(kept, "docs/data.md", "data.md") == kept
