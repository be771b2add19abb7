"""Completion: the words that may stand at an offset of a text."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from azdsl.config.experiment import OPS_KEYS
from azdsl.ir import FUNCTIONS
from azdsl.lsp.documentation import RULE, entry, find, key_entry, owner
from azdsl.lsp.names import kind_of, meaning, occurrences
from azdsl.lsp.place import Call, Place, functions, place
from azdsl.reference import topics
from azdsl.reference.topics import Topic
from azdsl.syntax.desugar import SUGAR
from azdsl.syntax.file_builder import STATEMENTS
from azdsl.syntax.name_resolution import ALIASES, KINDS, RESERVED
from azdsl.syntax.op_patterns import callees, takes


class Sort(enum.Enum):
    """What a completion is, for its symbol in a list."""

    STATEMENT = "statement"
    FUNCTION = "function"
    KEY = "key"
    VALUE = "value"
    VARIABLE = "variable"
    GIVEN = "given"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Completion:
    """A word, a remark on it, its documentation (Markdown), and what is inserted if it is not the word itself."""

    word: str
    sort: Sort
    remark: str = ""
    documentation: str = ""
    inserted: str = ""


def completions(text: str, offset: int) -> tuple[Completion, ...]:
    """The words that may stand at an offset, none in comments, numbers and quoted texts."""
    at = place(text, offset)
    return () if at.quoted else tuple(_words(text, at))


def _words(text: str, at: Place) -> Iterator[Completion]:
    before = [token.text for token in at.before]
    if before == ["@"]:
        yield from _of(topics.FUNCTIONS, Sort.STATEMENT, "frozen")
    elif before == ["def"]:
        yield from _of(topics.FUNCTIONS, Sort.FUNCTION, *_missing(text, at.offset))
    elif before == ["task"]:
        yield from _of(topics.KINDS, Sort.TYPE)
    elif at.calls and (at.function is None or at.margin):
        yield from _in_call(at.calls, before[0])
    elif at.function is None or at.margin:
        yield from _at_margin(text, at.offset) if not before else ()
    elif len(before) == 2 and before[1] == ":":
        yield from _of(topics.FORMS, Sort.TYPE, *KINDS)
    else:
        yield from _in_scope(text, at)
        yield from _of(topics.FORMS, Sort.STATEMENT, "pass") if not before else _callees()


def _at_margin(text: str, offset: int) -> Iterator[Completion]:
    """The words with which a line above the functions, or the next function, begins."""
    yield from _of(topics.STATEMENTS, Sort.STATEMENT, *STATEMENTS)
    yield from _of(topics.FUNCTIONS, Sort.STATEMENT, "@frozen")
    for name in _missing(text, offset):
        for found in _of(topics.FUNCTIONS, Sort.FUNCTION, name):
            yield Completion(f"def {name}():", found.sort, found.remark, found.documentation)


def _in_call(calls: tuple[Call, ...], head: str) -> Iterator[Completion]:
    """The words in the brackets of a statement above the functions."""
    call = calls[-1]
    home = owner(call.callee, head if len(calls) == 1 else calls[-2].key or "")
    if call.callee in OPS_KEYS:
        yield from _of(topics.GROUP, Sort.TYPE)
        for op in topics.sections()[topics.OP]:
            yield Completion(op.name, Sort.FUNCTION, op.text.partition("\n")[0].strip("`"), entry(op))
    elif call.callee == "mutations":
        yield from _of(topics.MUTATIONS, Sort.VALUE)
    elif call.key == "task":
        yield from _of(topics.KINDS, Sort.TYPE)
    elif home and call.key:
        for key in home.keys:
            for choice in key.choices if key.name == call.key else ():
                metric = find(topics.METRIC, choice) if key.name == "metric" else None
                what = entry(metric) if metric else key_entry(key, home.name)
                yield Completion(choice, Sort.VALUE, f"value of {key.name}", what)
    elif home:
        for key in home.keys:
            if key.name not in call.keys:
                yield Completion(key.name, Sort.KEY, f"key of {home.name}", key_entry(key, home.name), f"{key.name}=")
        yield from _nested(home)


def _nested(home: Topic) -> Iterator[Completion]:
    """What ``island`` and ``stage`` have in their brackets beside keys."""
    if home.name in ("island", "stage"):
        yield Completion("task", Sort.KEY, f"key of {home.name}", entry(home), "task=")
        yield from _of(topics.STATEMENTS, Sort.STATEMENT, "mutations", *(OPS_KEYS if home.name == "island" else ()))


def _in_scope(text: str, at: Place) -> Iterator[Completion]:
    """The registers and variables of the functions, and the names with a fixed meaning."""
    known = meaning(text).known
    here = at.word.start if at.word else -1
    for name in dict.fromkeys(found.name for found in occurrences(text) if found.start != here):
        if name not in ALIASES and name not in RESERVED:
            kind = kind_of(name, known)
            yield Completion(name, Sort.VARIABLE, kind.word if kind else "")
    yield from _of(topics.NAMES, Sort.GIVEN, *ALIASES, *RESERVED)


def _callees() -> Iterator[Completion]:
    """The functions that an expression may call."""
    for word in callees():
        entries = RULE.join(map(entry, topics.lookup(word)))
        yield Completion(word, Sort.FUNCTION, "" if word in SUGAR else takes(word), entries)


def _missing(text: str, offset: int) -> list[str]:
    """The functions that a text does not have, or whose heading is at an offset."""
    present = {name for name, start, _ in functions(text) if "\n" in text[start:offset] or start > offset}
    return [name for name in FUNCTIONS if name not in present]


def _of(section: str, sort: Sort, *words: str) -> Iterator[Completion]:
    """Some words that entries of a section explain; without ``words``, the names of all its entries."""
    for word in words or [topic.name for topic in topics.sections()[section]]:
        if topic := find(section, word):
            yield Completion(word, sort, topic.what, entry(topic))
