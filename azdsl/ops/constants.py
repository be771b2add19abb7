"""Ops that bring in numbers: constants written in the program and random draws.

``draws`` is the random source of one instruction: ``draws.uniform(low, high, kind)`` and
``draws.gaussian(mean, std, kind)`` return a number, a list or a list of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from azdsl.ops.definition import Kind, Role, op


def entry(index: float, features: int) -> int:
    """The entry that an index in [0, 1) names: floor(float32(F) * float32(index)).

    Rounding to float32 can reach 1.0 (for 0.99999999): that is the last entry.
    """
    return min(int(np.float32(features) * np.float32(index)), features - 1)


@op(
    56,
    "-> s",
    "{out} = {c0}",
    general="{out} = {c0}",
    constants=(Role.VALUE,),
    groups=("constants", "arithmetic", "network", "tables"),
)
def const(value: Any) -> Any:
    """A constant."""
    return value


def _set_form(kind: Kind, at: str, value: str) -> str:
    """The general form of setting an entry: taken out where a mask is 1, and the value put in."""
    mask = f"only_{kind.word}"
    return f"{mask}: {kind.word} = 0\n{mask}[{at}] = 1\n{{out}} = {{out}} - {mask} * {{out}} + {value} * {mask}"


@op(
    57,
    "-> v",
    "{out}[{c0}] = {c1}",
    general=_set_form(Kind.VECTOR, "{c0}", "{c1}"),
    constants=(Role.INDEX, Role.VALUE),
    rank=0,
    groups=("constants", "tables"),
)
def vector_set(index: float, value: Any, *, old: list[Any]) -> list[Any]:
    """Set entry ⌊F·c0⌋ to c1; the others keep their value."""
    at = entry(index, len(old))
    return [value if i == at else x for i, x in enumerate(old)]


@op(
    58,
    "-> m",
    "{out}[{c0}, {c1}] = {c2}",
    general=_set_form(Kind.MATRIX, "{c0}, {c1}", "{c2}"),
    constants=(Role.INDEX, Role.INDEX, Role.VALUE),
    rank=0,
    groups=("constants",),
)
def matrix_set(row: float, column: float, value: Any, *, old: list[list[Any]]) -> list[list[Any]]:
    """Set the entry in row ⌊F·c0⌋, column ⌊F·c1⌋ to c2; the others keep their value."""
    at = entry(row, len(old))
    return [vector_set(column, value, old=x) if i == at else x for i, x in enumerate(old)]


_EVERY = {Kind.SCALAR: "{}", Kind.VECTOR: "bcast({})", Kind.MATRIX: "bcast(bcast({}), axis=0)"}
"""Text of a scalar as every entry of a register."""

_SHAPE = {Kind.SCALAR: "", Kind.VECTOR: ", n_features", Kind.MATRIX: ", (n_features, n_features)"}


def _uniform_form(kind: Kind) -> str:
    """The general form of a uniform draw."""
    least = _EVERY[kind].format("minimum({c0}, {c1})")
    return f"{{out}} = {least} + abs({{c1}} - {{c0}}) * uniform(0, 1{_SHAPE[kind]})"


def _gaussian_form(kind: Kind) -> str:
    """The general form of a normal draw."""
    return f"{{out}} = {_EVERY[kind].format('{c0}')} + {{c1}} * gaussian(0, 1{_SHAPE[kind]})"


_UNIFORM_LATEX = r"\mathcal{U}\left( {c0}, {c1} \right)"
_GAUSSIAN_LATEX = r"\mathcal{N}\left( {c0}, {c1}^2 \right)"

_UNIFORM = (Role.LOW, Role.HIGH)
_GAUSSIAN = (Role.MEAN, Role.STD)


@op(
    59,
    "-> s",
    "{out} = uniform({c0}, {c1})",
    general=_uniform_form(Kind.SCALAR),
    constants=_UNIFORM,
    weight=20.0,
    latex=_UNIFORM_LATEX,
    groups=("random",),
)
def scalar_uniform(low: Any, high: Any, *, draws: Any) -> Any:
    """Uniform draw between c0 and c1 (taken in order if c0 > c1)."""
    return draws.uniform(low, high, Kind.SCALAR)


@op(
    60,
    "-> v",
    "{out} = uniform({c0}, {c1}, n_features)",
    general=_uniform_form(Kind.VECTOR),
    constants=_UNIFORM,
    weight=20.0,
    latex=_UNIFORM_LATEX,
    groups=("random",),
)
def vector_uniform(low: Any, high: Any, *, draws: Any) -> list[Any]:
    """Entries drawn uniformly between c0 and c1 (taken in order if c0 > c1)."""
    entries: list[Any] = draws.uniform(low, high, Kind.VECTOR)
    return entries


@op(
    61,
    "-> m",
    "{out} = uniform({c0}, {c1}, (n_features, n_features))",
    general=_uniform_form(Kind.MATRIX),
    constants=_UNIFORM,
    weight=20.0,
    latex=_UNIFORM_LATEX,
    groups=("random",),
)
def matrix_uniform(low: Any, high: Any, *, draws: Any) -> list[list[Any]]:
    """Entries drawn uniformly between c0 and c1 (taken in order if c0 > c1)."""
    rows: list[list[Any]] = draws.uniform(low, high, Kind.MATRIX)
    return rows


@op(
    62,
    "-> s",
    "{out} = gaussian({c0}, {c1})",
    general=_gaussian_form(Kind.SCALAR),
    constants=_GAUSSIAN,
    weight=60.0,
    latex=_GAUSSIAN_LATEX,
    groups=("random",),
)
def scalar_gaussian(mean: Any, std: Any, *, draws: Any) -> Any:
    """Normal draw with mean c0 and standard deviation c1."""
    return draws.gaussian(mean, std, Kind.SCALAR)


@op(
    63,
    "-> v",
    "{out} = gaussian({c0}, {c1}, n_features)",
    general=_gaussian_form(Kind.VECTOR),
    constants=_GAUSSIAN,
    weight=60.0,
    latex=_GAUSSIAN_LATEX,
    groups=("random", "network"),
)
def vector_gaussian(mean: Any, std: Any, *, draws: Any) -> list[Any]:
    """Entries drawn normally with mean c0 and standard deviation c1."""
    entries: list[Any] = draws.gaussian(mean, std, Kind.VECTOR)
    return entries


@op(
    64,
    "-> m",
    "{out} = gaussian({c0}, {c1}, (n_features, n_features))",
    general=_gaussian_form(Kind.MATRIX),
    constants=_GAUSSIAN,
    weight=60.0,
    latex=_GAUSSIAN_LATEX,
    groups=("random", "network"),
)
def matrix_gaussian(mean: Any, std: Any, *, draws: Any) -> list[list[Any]]:
    """Entries drawn normally with mean c0 and standard deviation c1."""
    rows: list[list[Any]] = draws.gaussian(mean, std, Kind.MATRIX)
    return rows
