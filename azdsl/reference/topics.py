"""All entries of the language reference, by section."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from azdsl.config.search import (
    BLIND_MUTATIONS,
    DATA_FLOW_MUTATIONS,
    STAGE_ENDS,
    IslandSettings,
    Registers,
    Search,
    StageSettings,
    keys,
)
from azdsl.config.task import Task
from azdsl.config.tasks import TASKS
from azdsl.ir.metric import METRICS
from azdsl.ops import OPS, Op
from azdsl.ops.groups import ALL, GROUPS, MEMBERS
from azdsl.reference import prose
from azdsl.reference.keys import Key, described


@dataclass(frozen=True)
class Topic:
    """One entry. ``text`` is Markdown without links, ``names`` are further names that find it."""

    name: str
    what: str
    text: str
    example: str = ""
    keys: tuple[Key, ...] = ()
    names: tuple[str, ...] = ()


STATEMENTS, KINDS, METRIC, FUNCTIONS, NAMES, FORMS, VALUES, MUTATIONS, GROUP, OP = (
    "Statements",
    "Kinds of tasks",
    "Metrics",
    "Functions",
    "Names in functions",
    "Expressions",
    "Values of keys",
    "Kinds of mutation",
    "Groups of ops",
    "Ops",
)
"""The sections, in the order of the reference."""


@cache
def sections() -> Mapping[str, tuple[Topic, ...]]:
    """The entries of each section."""
    return {
        STATEMENTS: tuple(_statements()),
        KINDS: tuple(_task(kind, schema) for kind, schema in TASKS.items()),
        METRIC: tuple(
            Topic(name, "metric", f"{prose.METRICS[name]} A label is {metric.labels}.")
            for name, metric in METRICS.items()
        ),
        FUNCTIONS: tuple(_written(prose.FUNCTIONS, "part of a program")),
        NAMES: tuple(_written(prose.NAMES, "name in a function")),
        FORMS: tuple(_written(prose.FORMS, "form of an expression")),
        VALUES: tuple(_written(prose.VALUES, "form of a value")),
        MUTATIONS: tuple(Topic(name, "kind of mutation", text) for name, text in prose.MUTATIONS.items()),
        GROUP: tuple(_group(name) for name in GROUPS),
        OP: tuple(map(_op, OPS)),
    }


def lookup(word: str) -> Iterator[Topic]:
    """The entries that a word names, without regard to case; keys of several statements with one meaning are one entry."""
    wanted = word.strip().lower()
    for topic in _topics():
        if wanted in map(str.lower, (topic.name, *topic.names)):
            yield topic
    homes: dict[Key, list[str]] = {}
    for topic in _topics():
        for key in topic.keys:
            if key.name == wanted:
                homes.setdefault(key, []).append(topic.name)
    for key, owners in homes.items():
        yield Topic(key.name, f"key of {', '.join(owners)}", key.meaning, keys=(key,))


def words() -> tuple[str, ...]:
    """Every word that ``lookup`` finds, sorted."""
    found = {name for topic in _topics() for name in (topic.name, *topic.names, *(key.name for key in topic.keys))}
    return tuple(sorted(found))


def _topics() -> Iterator[Topic]:
    for topics in sections().values():
        yield from topics


def _statements() -> Iterator[Topic]:
    text, example = prose.TASK
    yield Topic("task", "statement", text, example)
    inherited = {field.name: "that of `search`" for field in keys(Search)}
    own = {
        "registers": described(Registers),
        "search": described(Search),
        "island": described(IslandSettings, inherited),
        "stage": described(StageSettings, inherited | dict.fromkeys(STAGE_ENDS, "none")),
    }
    blind, data_flow = (_list(f"`{kind}`" for kind in kinds) for kinds in (BLIND_MUTATIONS, DATA_FLOW_MUTATIONS))
    more = {"mutations": f" Without the statement they are {blind}; for tables {data_flow}."}
    for topic in _written(prose.STATEMENTS, "statement"):
        name = topic.name
        text = topic.text + more.get(name, "")
        yield Topic(name, topic.what, text, topic.example, own.get(name, ()), topic.names)


def _written(texts: Mapping[str, tuple[str, str]], what: str) -> Iterator[Topic]:
    return (Topic(name, what, text, example, names=prose.ALSO.get(name, ())) for name, (text, example) in texts.items())


def _task(kind: str, schema: type[Task]) -> Topic:
    """A kind of task, with the docstring of its class."""
    paragraphs = inspect.cleandoc(schema.__doc__ or "").replace("``", "`").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return Topic(kind, "kind of task", text, keys=described(schema))


def _group(name: str) -> Topic:
    members = "" if name == ALL else "\n\n" + _list(f"`{op.expression}`" for op in MEMBERS[name])
    return Topic(name, "group of ops", f"{GROUPS[name][0].upper()}{GROUPS[name][1:]}.{members}")


def _op(op: Op) -> Topic:
    power = ("", "F", "F²", "F³")[op.rank]
    cost = power if power and op.weight == 1 else f"{op.weight:g}{power}"
    roles = f" The constants are {_list(role.value for role in op.constants)}." if op.constants else ""
    groups = f" Groups: {_list(op.groups)}." if op.groups else ""
    text = f"`{op.shape}`\n\n{' '.join(op.doc.split())}{roles} Cost: {cost} scalar additions.{groups}"
    return Topic(op.name, "op", text, names=tuple(sorted({op.expression, op.shape, op.callee or op.name} - {op.name})))


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
