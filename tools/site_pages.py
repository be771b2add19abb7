"""The pages of the site that are made when it is built: commands, the Python reference and the gallery."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

import azdsl
from azdsl.cli import COMMANDS, commands

ROOT = Path(__file__).parent.parent

GALLERY: Mapping[str, tuple[str, str]] = {
    "examples/discover/evolved_network.az": (
        "A network that trains both of its layers",
        "[How it was found](experiments.md#both-layers-of-a-network-from-empty-programs-in-two-stages), and what each update is worth.",
    ),
    "examples/figure5.az": (
        "The network of the paper",
        "The program in figure 5 of [AutoML-Zero](https://arxiv.org/abs/2003.03384), evolved from empty functions by its authors.",
    ),
}
"""The evolved programs in ``examples``, each with a title and its story."""


def command_page() -> str:
    """The page of all commands: the texts of ``--help``."""
    parts = [
        "# Commands\n",
        "The texts of `azdsl COMMAND --help`. [Language](language.md) has the ranges and defaults of settings.\n",
    ]
    with click.Context(commands, info_name="azdsl") as context:
        parts += _command(context, "azdsl", commands)
        for name in COMMANDS:
            command = commands.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context) as inner:
                parts += _command(inner, f"azdsl {name}", command)
    return "\n".join(parts)


def _command(context: click.Context, title: str, command: click.Command) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"```text\n{' '.join([title, *command.collect_usage_pieces(context)])}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            title, *lines = paragraph.removeprefix("\b\n").split("\n")
            yield f"{title}\n"
            yield "```text\n" + inspect.cleandoc("\n".join(lines)) + "\n```\n"
        else:
            yield _escaped(" ".join(paragraph.split())) + "\n"
    rows = [record for option in command.params if (record := option.get_help_record(context))]
    if rows:
        yield "| option | meaning |\n|---|---|\n" + "".join(
            f"| `{_cell(o)}` | {_escaped(_cell(m))} |\n" for o, m in rows
        )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _escaped(text: str) -> str:
    """Text whose signs Markdown would read."""
    return re.sub(r"([*_<\[])", r"\\\1", text)


def python_page() -> str:
    """The page of all that the package exports, for mkdocstrings."""
    parts = ["# Python\n", "`import azdsl` has these names. Every keyword of a search is a [setting](language.md).\n"]
    public = {name: getattr(azdsl, name) for name in azdsl.__all__ if not name.startswith("_")}
    functions = {name: value for name, value in public.items() if inspect.isfunction(value)}
    for title, names in (("Functions", functions), ("Classes", public.keys() - functions.keys())):
        parts.append(f"## {title}\n")
        for name in sorted(names):
            parts.append(
                f"::: {public[name].__module__}.{public[name].__qualname__}\n    options:\n      heading_level: 3\n"
            )
    return "\n".join(parts)


def gallery_page() -> str:
    """The page of evolved programs: each as written and with names."""
    parts = ["# Gallery\n", "Programs that evolution found. `azdsl explain FILE` measures what each line does.\n"]
    for path, (title, story) in GALLERY.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        parts.append(f"## {title}\n")
        parts.append(f"`{path}`. {story}\n")
        parts.append(f"```az\n{text}```\n")
        parts.append(f"With names, by `azdsl show {path} --style named --exact`:\n")
        named = azdsl.show(ROOT / path, "named", exact=True).strip()
        parts.append(f"```az\n{named}\n```\n")
    return "\n".join(parts)
