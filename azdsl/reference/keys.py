"""Keys of statements as readers see them: values, default and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass
from typing import Any

from azdsl.config.schema import DURATION_WORDS, Range, keys, value_types

_STATED = re.compile(r" \(default: (.*)\)$")
"""A default that a help text states, because the value None stands for it."""


@dataclass(frozen=True)
class Key:
    """One key of a statement or of a kind of task. All texts are Markdown without links; ``choices`` are its values where they are listed."""

    name: str
    values: str
    default: str
    meaning: str
    choices: tuple[str, ...] = ()


def described(schema: type, defaults: Mapping[str, str] | None = None) -> tuple[Key, ...]:
    """The keys of a schema class. ``defaults`` says for some of them what holds without a value, in place of the schema."""
    types, known = value_types(schema), defaults or {}
    return tuple(_key(field, types[field.name], known.get(field.name)) for field in keys(schema))


def _key(field: Field[Any], kind: type, default: str | None) -> Key:
    meaning = _STATED.sub("", field.metadata["help"])
    choices = tuple(map(_shown, (True, False) if kind is bool else field.metadata.get("choices", ())))
    values = alternatives(f"`{choice}`" for choice in choices) if choices else _values(field, kind)
    return Key(field.name, values, default or _default(field), f"{meaning[0].upper()}{meaning[1:]}.", choices)


def _default(field: Field[Any]) -> str:
    value, stated = field.default, _STATED.search(field.metadata["help"])
    if stated or field.metadata.get("required"):
        return stated[1] if stated else "required"
    return "none" if value is None or value == "" else f"`{_shown(value)}`"


def _values(field: Field[Any], kind: type) -> str:
    """What the values of a key without ``choices`` are."""
    if kind is str:
        return "path" if field.metadata.get("location") else "text"
    if field.metadata.get("duration"):
        return DURATION_WORDS
    least, most = field.metadata["least"], field.metadata["most"]
    bounds = f"{_bound(least)} or more" if most is None else f"{_bound(least)} to {_bound(most)}"
    noun = "" if kind is float else "whole number, "
    return f"{noun}{bounds}{', or a range such as `1..21`' if kind is Range else ''}"


def _shown(value: Any) -> str:
    """A value as a file writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:_}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def _bound(value: float) -> str:
    digits = str(value)
    if isinstance(value, int) and value >= 10**12 and digits.strip("0") == "1":
        return "10" + _raised(len(digits) - 1)
    if isinstance(value, int) and value >= 10**12 and not value & (value + 1):
        return f"2{_raised(value.bit_length())} - 1"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.15g}"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def alternatives(words: Iterable[str]) -> str:
    """The words as a list: ``a, b or c``."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
