"""Values of JSON compared with the types that they are read as, before other code relies on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

Fitness = Annotated[float, (0.0, 1.0)]
"""A number from 0 to 1."""

Finite = Annotated[float, (-1e300, 1e300)]
"""A number other than NaN and infinity."""

_MOST = 2**63


def check(value: Any, expected: Any, name: str) -> None:
    """Raise ``ValueError``, naming ``name``, unless a value of JSON has the type ``expected``.

    An int is a count of at least 0. A tuple is a list in JSON, a dataclass an object with its fields, of which those with a default may be
    missing, and perhaps others.
    """
    if not _matches(value, expected, name):
        raise ValueError(f"{name!r} has an invalid value")


def _matches(value: Any, expected: Any, name: str) -> bool:
    origin, parts = get_origin(expected), get_args(expected)
    if origin is Annotated:
        least, most = parts[1]
        return _matches(value, parts[0], name) and least <= value <= most
    if origin in (Union, UnionType):
        return any(_matches(value, part, name) for part in parts)
    if origin is Literal:
        return value in parts if isinstance(value, str) else False
    if origin is tuple:
        return isinstance(value, list) and all(_matches(each, parts[0], name) for each in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(_matches(each, parts[1], name) for each in value.values())
    if is_dataclass(expected):
        return isinstance(value, dict) and _has_fields(value, expected)
    if expected is float:
        return type(value) is float or (type(value) is int and abs(value) < _MOST)
    if expected is int:
        return type(value) is int and 0 <= value < _MOST
    return expected is Any or type(value) is expected


def _has_fields(value: Mapping[str, Any], expected: Any) -> bool:
    for name, (type_, required) in _fields(expected).items():
        if name in value:
            check(value[name], type_, name)
        elif required:
            raise ValueError(f"{name!r} is missing")
    return True


@cache
def _fields(expected: Any) -> Mapping[str, tuple[Any, bool]]:
    """The fields of a dataclass: their types, and whether they have no default."""
    types = get_type_hints(expected, include_extras=True)
    return {field.name: (types[field.name], field.default is MISSING) for field in fields(expected)}
