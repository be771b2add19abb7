"""Write docs/language.md from the language reference; with --check only say whether it is up to date (exit status 1 if not)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from generated import write_or_check

from azdsl.reference import topics
from azdsl.reference.keys import Key
from azdsl.reference.topics import Topic

PATH = Path(__file__).parent.parent / "docs" / "language.md"

HEAD = """\
# The .az language

<!-- Made by tools/language_doc.py from azdsl/reference/; do not edit. -->

A file has statements, then up to three functions: a seed program, and the experiment that it is for.
[README](../README.md) starts with an example. [semantics.md](semantics.md) says what a program computes,
[OPS.md](../grammar/OPS.md) has the table of ops and their groups, [limits.md](limits.md) the limits of files.
`azdsl help WORD` prints an entry of this page in the terminal.
"""

LEAD: Mapping[str, str] = {
    topics.STATEMENTS: "They stand above the functions, in any order, each at most once but `island` and `stage`. Every key of `search`, "
    "`registers` and `task`, every list of ops and `mutations` is also an option of `azdsl evolve`, which wins over the "
    "file, and a keyword of `azdsl.evolve`: `max_evals=1e6` is `--max-evals 1e6`.",
    topics.KINDS: "`task KIND(…)`, or `task=KIND(…)` in `island` and `stage`.",
    topics.METRIC: "The key `metric` of a task. [semantics.md](semantics.md#metrics) defines the fitness of each.",
    topics.FUNCTIONS: "Each function is optional, and has one instruction in a line, indented.",
}
"""What stands below the heading of a section."""


def cell(text: str) -> str:
    """Text in a table."""
    return text.replace("|", "\\|")


def table(keys: Sequence[Key]) -> str:
    """Keys, one in a row."""
    rows = (f"| `{k.name}` | {k.values} | {k.default} | {cell(k.meaning)} |\n" for k in keys)
    return "| key | values | default | meaning |\n|---|---|---|---|\n" + "".join(rows)


def entry(topic: Topic, earlier: Sequence[Topic]) -> Iterator[str]:
    """The parts of an entry; keys that an earlier entry of the section has are not repeated."""
    words = (topic.name, *topic.names) if topic.what == "statement" else (topic.name,)
    yield f"### {', '.join(word if ' ' in word else f'`{word}`' for word in words)}\n"
    yield f"{topic.text}\n"
    if topic.example:
        yield f"```az\n{topic.example}```\n"
    base = max(earlier, key=lambda other: len(set(other.keys) & set(topic.keys)), default=None)
    names = {key.name for key in topic.keys}
    if base and base.keys and all(key.name in names for key in base.keys):
        own = [key for key in topic.keys if key not in base.keys]
        yield f"It has the keys of [`{base.name}`](#{base.name}).{' Those that differ, and its own:' if own else ''}\n"
    else:
        own = list(topic.keys)
    if own:
        yield table(own)


def section(title: str, found: Sequence[Topic]) -> Iterator[str]:
    """The parts of a section: a table for entries of one line, else an entry each."""
    yield f"## {title}\n"
    if title in LEAD:
        yield f"{LEAD[title]}\n"
    if not any(topic.example or topic.keys for topic in found):
        rows = (f"| `{topic.name}` | {cell(topic.text)} |\n" for topic in found)
        yield "| name | meaning |\n|---|---|\n" + "".join(rows)
        return
    for number, topic in enumerate(found):
        yield from entry(topic, found[:number])


def document() -> str:
    """The text of the page. Ops and their groups have a page of their own, made by ``tools/ops_doc.py``."""
    parts = [HEAD]
    for title, found in topics.sections().items():
        if title not in (topics.GROUP, topics.OP):
            parts += section(title, found)
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check(PATH, document(), sys.argv[1:]))
