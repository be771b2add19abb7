"""How settings are declared: dataclass fields with help, bounds and choices; and how their values are validated."""

from __future__ import annotations

import dataclasses
import math
import typing
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral, Real
from typing import Any

from azdsl.config.quantities import count, duration
from azdsl.errors import AzdslError


class SettingsError(AzdslError, ValueError):
    """An invalid setting: ``key`` names it, the message says what is wrong and what to do."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def key(default: Any, help: str, least: float | None = None, most: float | None = None, **more: Any) -> Any:
    """A dataclass field that a file may set.

    ``help`` is one sentence, without its period. ``least`` and ``most`` are inclusive bounds; a float without ``most``
    may be infinite. ``more`` is further metadata: ``choices`` (the allowed values), ``required`` (no default),
    ``location`` (a path), ``duration`` (seconds, or a text such as 5m), ``formerly`` (an older name of the key, which is still read).
    """
    return field(default=default, metadata={"help": help, "least": least, "most": most, **more})


def key_of(schema: type, name: str) -> Any:
    """A field with the help and bounds of key ``name`` of another schema, and None for "as there" as its default."""
    return field(default=None, metadata=metadata(schema, name))


def metadata(schema: type, name: str) -> Mapping[str, Any]:
    """The metadata of key ``name``, as ``key`` made it."""
    return next(f.metadata for f in keys(schema) if f.name == name)


@dataclass(frozen=True)
class Range:
    """The integers ``least`` to ``most``, both included: ``10`` is one number, ``1..23`` several."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}..{self.most}"

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read ``10`` or ``1..23``. Raises ``ValueError`` for other text."""
        least, dots, most = text.partition("..")
        return cls(int(least), int(most if dots else least))


TYPE_WORDS: Mapping[type, str] = {
    str: "a word or a quoted text",
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    Range: "a whole number or a range such as 1..21",
}
"""What a message calls the values of a type."""

DURATION_WORDS = "seconds or a duration such as 5m or 1h30m"


def wanted_words(field: dataclasses.Field[Any], kind: type) -> str:
    """What a message calls the values of a key of type ``kind``."""
    return DURATION_WORDS if field.metadata.get("duration") else TYPE_WORDS[kind]


def keys(schema: Any) -> Iterator[dataclasses.Field[Any]]:
    """The fields of a schema class, or of an instance, that a file may set."""
    return (f for f in dataclasses.fields(schema) if "help" in f.metadata)


def value_types(schema: Any) -> Mapping[str, type]:
    """The type of each key's values, None aside."""
    return _types(schema)[0]


@cache
def _types(schema: Any) -> tuple[Mapping[str, type], frozenset[str]]:
    """The type of each key's values, None aside, and the keys whose value may be None."""
    hints = typing.get_type_hints(schema)
    options = {f.name: typing.get_args(hints[f.name]) or (hints[f.name],) for f in keys(schema)}
    types = {name: next(t for t in found if t is not type(None)) for name, found in options.items()}
    return types, frozenset(name for name, found in options.items() if type(None) in found)


def check_names(key: str, noun: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ``SettingsError`` for the first of ``names`` that is not in ``known``, and for an empty list."""
    for name in names:
        if name not in known:
            raise SettingsError(key, f"unknown {noun} {name!r}: use some of {', '.join(known)}")
    if not names:
        raise SettingsError(key, f"the list of {noun}s is empty: use some of {', '.join(known)}")


def validate(settings: Any) -> None:
    """Convert the values of a schema's instance to their keys' types. Raises ``SettingsError`` for the first invalid one."""
    schema: Any = type(settings)
    types, optional = _types(schema)
    for f in keys(settings):
        value = getattr(settings, f.name)
        if value is None and f.name in optional:
            continue
        converted = _converted(_read(value, f, types[f.name]), types[f.name])
        if converted is None:
            raise SettingsError(f.name, f"{f.name} must be {wanted_words(f, types[f.name])}, not {value!r}")
        object.__setattr__(settings, f.name, converted)
        if not (f.metadata.get("required") and converted == f.default):  # the parser reports a missing value
            _check_value(f, converted)


def _read(value: Any, key: dataclasses.Field[Any], wanted: type) -> Any:
    """The number that a text such as ``1e6`` or ``5m`` stands for; other values, and texts that are not numbers, as they are."""
    if not isinstance(value, str):
        return value
    try:
        return count(value) if wanted is int else duration(value) if key.metadata.get("duration") else value
    except ValueError:
        return value


def _converted(value: Any, wanted: type) -> Any:
    """The value as ``wanted``, of Python's own type and never -0.0 or NaN; None if it cannot be converted exactly."""
    if isinstance(value, bool) or not isinstance(value, Real) or wanted not in (int, float):
        return value if type(value) is wanted else None
    if isinstance(value, Integral) and wanted is int:
        return int(value)
    try:
        number = float(value) + 0.0
    except OverflowError:
        return None
    if wanted is int:
        return int(number) if number.is_integer() else None
    return None if math.isnan(number) else number


def _check_value(key: dataclasses.Field[Any], value: Any) -> None:
    """Raise ``SettingsError`` for a value that is no choice, out of bounds or not writable in a file."""
    name, least, most, choices = key.name, *(key.metadata.get(k) for k in ("least", "most", "choices"))
    if choices and value not in choices:
        raise SettingsError(name, f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")
    if isinstance(value, str) and any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value):
        raise SettingsError(name, f"{name} must be text without line breaks or control characters, not {value!r}")
    bounds = (value.least, value.most) if isinstance(value, Range) else (value,)
    for number in bounds if least is not None or most is not None else ():
        if least is not None and number < least:
            raise SettingsError(name, f"{name} must be at least {_shown(least)}, not {value}")
        if most is not None and number > most:
            raise SettingsError(name, f"{name} must be at most {_shown(most)}, not {value}")
    if isinstance(value, Range) and value.least > value.most:
        raise SettingsError(name, f"{name}={value}: the range is empty; write it as least..most")


def _shown(bound: float) -> str:
    """A bound as a message shows it."""
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
