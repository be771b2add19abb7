"""``azdsl help``."""

from __future__ import annotations

import difflib
import re
import shutil
import textwrap
from collections.abc import Iterator

import click

from azdsl.cli import COMMANDS, DONE
from azdsl.cli.output import echo
from azdsl.reference import topics
from azdsl.reference.keys import Key
from azdsl.reference.topics import Topic

_WIDEST = 100
"""Characters of the longest line."""


def _complete(context: click.Context, parameter: click.Parameter, start: str) -> list[str]:
    """The topics that begin with ``start``, for completion in a shell."""
    return [word for word in (*topics.words(), *COMMANDS) if word.startswith(start)]


@click.command()
@click.argument("words", nargs=-1, metavar="[TOPIC]", shell_complete=_complete)
def command(words: tuple[str, ...]) -> int:
    """Explain a word of the language.

    TOPIC is a statement, a key, a kind of task, a metric, a kind of mutation, an op or its text, a group of ops, another word of the
    language, or a command. Without TOPIC, list all topics. The pages docs/language.md and grammar/OPS.md have the same texts.

    \b
    Example:
      azdsl help population
      azdsl help island
      azdsl help 'dot(m, v)'
    """
    if not words:
        _list_all()
        return DONE
    word = " ".join(words)
    found = list(topics.lookup(word))
    entries = ["\n".join(_entry(topic)) for topic in found]
    if word in COMMANDS:
        entries.append(
            f"azdsl {word}: command\n{_wrapped(COMMANDS[word])}\n{_wrapped(f'azdsl {word} --help shows more.')}"
        )
    if not entries:
        raise click.UsageError(f"no topic {word!r}; {_hint(word)}")
    echo("\n\n".join(entries))
    return DONE


def _hint(word: str) -> str:
    near = difflib.get_close_matches(word.lower(), [*topics.words(), *COMMANDS], 3)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else "azdsl help lists all topics"


def _list_all() -> None:
    """Print the names of all topics, by section."""
    listed = {title: [topic.name for topic in found] for title, found in topics.sections().items()}
    for title, names in (*listed.items(), ("Commands", list(COMMANDS))):
        echo(f"{title}\n{_wrapped(', '.join(names))}")
    echo(f"Keys\n{_wrapped('azdsl help STATEMENT and azdsl help KIND list the keys; azdsl help KEY explains one.')}")


def _entry(topic: Topic) -> Iterator[str]:
    """The lines of an entry."""
    yield f"{topic.name}: {topic.what}"
    yield "\n\n".join(map(_wrapped, topic.text.split("\n\n")))
    if topic.example:
        yield "\n" + textwrap.indent(topic.example.rstrip("\n"), "    ")
    if len(topic.keys) == 1:
        yield from _facts(topic.keys[0])
        return
    for key in topic.keys:
        yield f"\n  {key.name}: {_plain(key.values)} [{_plain(key.default)}]"
        yield _wrapped(key.meaning, 4)


def _facts(key: Key) -> Iterator[str]:
    """Values and default of a single key."""
    yield _wrapped(f"values: {key.values}")
    yield _wrapped(f"default: {key.default}")


def _wrapped(text: str, indent: int = 2) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    margin = " " * indent
    return textwrap.fill(_plain(text), width, initial_indent=margin, subsequent_indent=margin, break_long_words=False)


def _plain(text: str) -> str:
    """Markdown without its signs for code."""
    return re.sub(r"`([^`]*)`", r"\1", text)
