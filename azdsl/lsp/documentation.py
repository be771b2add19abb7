"""Entries of the language reference for editors: found by section and word, as Markdown."""

from __future__ import annotations

from azdsl.reference import topics
from azdsl.reference.keys import Key
from azdsl.reference.topics import Topic

RULE = "\n\n---\n\n"
"""What stands between two entries."""


def find(section: str, word: str) -> Topic | None:
    """The entry of a section that has a name, None if there is none."""
    return next((topic for topic in topics.sections()[section] if word in (topic.name, *topic.names)), None)


def owner(callee: str, before: str) -> Topic | None:
    """The entry whose keys stand in the brackets of ``callee``: a kind of task after ``before`` = ``task``, else a statement."""
    return find(topics.KINDS if before == "task" else topics.STATEMENTS, callee)


def entry(topic: Topic) -> str:
    """An entry; of its keys the names."""
    parts = [f"**{topic.name}**: {topic.what}", topic.text]
    if topic.example:
        parts.append(f"```az\n{topic.example.rstrip()}\n```")
    if topic.keys:
        parts.append(f"Keys: {', '.join(f'`{key.name}`' for key in topic.keys)}.")
    return "\n\n".join(filter(None, parts))


def key_entry(key: Key, home: str) -> str:
    """The entry of a key of the statement or kind of task ``home``."""
    return f"**{key.name}**: key of {home}\n\n{key.meaning}\n\nValues: {key.values}. Default: {key.default}."
