"""Counts and durations as texts."""

from __future__ import annotations

import pytest

from azdsl.config.quantities import count, duration


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        (" 1_000_000 ", 1_000_000),
        ("1e6", 1_000_000),
        ("2.5E3", 2500),
        ("9007199254740993", 2**53 + 1),
        ("-3", -3),
    ],
)
def test_counts_are_exact(text, number):
    assert count(text) == number and type(count(text)) is int


@pytest.mark.parametrize(
    "text", ["", "1.5e0", "1e-3", "0x10", "1,000", "1__0", "many", "5m", "inf", "٣", "1e999", "1" * 99]
)
def test_other_texts_are_no_counts(text):
    with pytest.raises(ValueError, match="is not a whole number such as"):
        count(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("0.1s", 0.1),
        ("1e3", 1000),
        ("inf", float("inf")),
        ("-1", -1),
    ],
)
def test_durations_are_seconds(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5x", "m", "30m1h", "5m5m", "-5m", "nan", "5 minutes", "1" * 99])
def test_other_texts_are_no_durations(text):
    with pytest.raises(ValueError, match="is not a duration: write seconds, or such as 90s, 5m"):
        duration(text)
