"""Counts and durations as people write them: ``1e6``, ``1_000_000``, ``5m``, ``1h30m``. Files, options and Python share them."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_LONGEST = 40
"""Characters of the longest text that is read as a number."""

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NUMBER = r"\d+(?:_\d+)*"
_COUNT = re.compile(rf"[+-]?{_NUMBER}(?:\.(?:{_NUMBER})?)?(?:e[+-]?\d{{1,2}})?", re.ASCII | re.IGNORECASE)
_DURATION = re.compile("".join(rf"(?:({_NUMBER}(?:\.{_NUMBER})?)\s*{unit}\s*)?" for unit in _UNITS), re.ASCII)


def count(text: str) -> int:
    """The whole number in ``1000000``, ``1_000_000`` or ``1e6``, exact. Raises ``ValueError``."""
    text = text.strip()
    number = Decimal(text.replace("_", "")) if len(text) <= _LONGEST and _COUNT.fullmatch(text) else None
    if number is None or number != number.to_integral_value():
        raise ValueError(f"{text[:_LONGEST]!r} is not a whole number such as 1000000, 1_000_000 or 1e6")
    return int(number)


def duration(text: str) -> float:
    """The seconds in ``90``, ``90s``, ``5m``, ``1h30m``, ``2d`` or ``inf``. Raises ``ValueError``."""
    text = text.strip()
    parts = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    if parts and text:
        pairs = zip(parts.groups(), _UNITS.values(), strict=True)
        return float(sum(Decimal(number.replace("_", "")) * unit for number, unit in pairs if number))
    try:
        seconds = float(text) if len(text) <= _LONGEST else math.nan
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise ValueError(f"{text[:_LONGEST]!r} is not a duration: write seconds, or such as 90s, 5m, 1h30m or 2d")
    return seconds
