"""How a schema of settings is written: fields that say what they mean and their bounds, and the check of values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from azdsl.errors import AzdslError


class SettingsError(AzdslError, ValueError):
    """A setting is impossible; ``key`` names it, the message says why and what to do."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def key(default: Any, help: str, least: float | None = None, most: float | None = None, **more: Any) -> Any:
    """A field that a file may set, with its default, what it means, and its least and greatest value."""
    return field(default=default, metadata={"help": help, "least": least, "most": most, **more})


@dataclass(frozen=True)
class Range:
    """How many instructions a function may have: ``10`` is fixed, ``1..23`` a range, both ends included."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}..{self.most}"

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read ``10`` or ``1..23``. Raises ``ValueError`` on other text."""
        least, dots, most = text.partition("..")
        return cls(int(least), int(most if dots else least))


def keys(schema: Any) -> Iterator[dataclasses.Field[Any]]:
    """The fields of a schema class that a file may set."""
    return (f for f in dataclasses.fields(schema) if "help" in f.metadata)


def check_names(key: str, noun: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ``SettingsError`` for a name of what ``noun`` says that is not known, or if there is no name at all."""
    for name in names:
        if name not in known:
            raise SettingsError(key, f"unknown {noun} {name!r}: use some of {', '.join(known)}")
    if not names:
        raise SettingsError(key, f"no {noun} is named: use some of {', '.join(known)}")


def check(settings: Any) -> None:
    """Raise ``SettingsError`` for the first value out of its bounds."""
    for f in keys(settings):
        value, least, most = getattr(settings, f.name), f.metadata["least"], f.metadata["most"]
        choices = f.metadata.get("choices")
        absent = f.metadata.get("required") and value == f.default  # whoever reads the file says where it is missing
        if choices and value is not None and value not in choices and not absent:
            raise SettingsError(f.name, f"{f.name} must be one of {', '.join(map(str, choices))}, not {value!r}")
        bounds = (value.least, value.most) if isinstance(value, Range) else (value,)
        for number in bounds if value is not None else ():
            if least is not None and not number >= least:
                raise SettingsError(f.name, f"{f.name} must be at least {least}, not {value}")
            if most is not None and not number <= most:
                raise SettingsError(f.name, f"{f.name} must be at most {most}, not {value}")
