"""Hover: what the language reference says of the word at an offset of a text."""

from __future__ import annotations

from collections.abc import Iterator

from azdsl.config.experiment import OPS_KEYS
from azdsl.diagnostics import Source
from azdsl.lsp import names
from azdsl.lsp.completion import completions
from azdsl.lsp.documentation import RULE, entry, find
from azdsl.lsp.place import Place, Token, place
from azdsl.reference import topics
from azdsl.syntax.desugar import SUGAR
from azdsl.syntax.name_resolution import ALIASES, RESERVED, register

_OPERATORS = ("+", "-", "*", "/", "@")


def hover(text: str, offset: int) -> tuple[str, int, int] | None:
    """Markdown about the word or operator at an offset, and where it starts and ends; None if there is nothing to say."""
    at = place(text, offset)
    word = at.word or next((token for token in at.after[:1] if token.text in _OPERATORS), None)
    if word is None or at.quoted or word.start > offset:
        return None
    found = dict.fromkeys(_entries(text, at, word))
    return (RULE.join(found), word.start, word.end) if found else None


def _entries(text: str, at: Place, word: Token) -> Iterator[str]:
    meaning = names.meaning(text)
    name = names.at(text, word.start)
    if name and name.name not in ALIASES and name.name not in RESERVED:
        yield from _name(text, name.name, meaning)
    elif word.text not in SUGAR and (op := meaning.op_at(word.start)):
        yield from (entry(topic) for topic in topics.sections()[topics.OP] if topic.name == op.name)
    else:
        yield from (found.documentation for found in completions(text, at.offset) if found.word == word.text)
    if any(call.callee in OPS_KEYS for call in at.calls):
        yield from (entry(topic) for topic in topics.lookup(word.text) if topic.what == "op")


def _name(text: str, name: str, meaning: names.Meaning) -> Iterator[str]:
    """A register or a variable: its kind, the first line that assigns it, and its fixed meaning, if it has one."""
    kind, address = names.kind_of(name, meaning.known), register(name)
    first = next((found for found in names.occurrences(text) if found.name == name and found.written), None)
    line = Source(text).span(first.start, first.end).line if first else None
    what = " ".join(filter(None, (kind and kind.word, "register" if address else "variable")))
    yield f"**{name}**: {what}, {f'first assigned in line {line}' if line else 'not assigned'}"
    fixed = [alias for alias, fixed in ALIASES.items() if fixed == address]
    yield from (topic.text for alias in fixed if (topic := find(topics.NAMES, alias)))
