"""Image sets from .npz files, from scikit-learn and from OpenML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.tasks.archives import read_arrays
from azdsl.tasks.images.sets import ImageSet, Source, pictures
from azdsl.taskset import TaskError

NAMES: tuple[tuple[str, ...], ...] = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images", "labels"),
    ("X", "y"),
    ("x", "y"),
    ("data", "target"),
    ("data", "labels"),
)
"""Names of a file's arrays; four where it keeps pictures for the test."""


def npz(file: Path) -> Source:
    """Images [n, …] and labels [n] in a .npz file. Raises ``TaskError``."""
    if not file.is_file():
        raise TaskError(f"{file}: no such file")
    return Source(str(file), (file,), lambda: _read_npz(file))


def _read_npz(file: Path) -> ImageSet:
    def wanted(there: Sequence[str]) -> Sequence[str]:
        names = next((n for n in NAMES if set(n) <= set(there)), None)
        if names is None:
            listed = ", ".join(there) or "nothing"
            raise TaskError(
                f"{file}: holds {listed}; name the arrays images and labels, or x_train, y_train, x_test, y_test"
            )
        return names

    try:
        stored = read_arrays(file, wanted)
    except OSError as error:
        raise TaskError(f"{file}: cannot be read: {error.strerror or error}") from None
    names, arrays = list(stored), list(stored.values())
    train = pictures(str(file), arrays[:1], _flat(arrays[1]))
    if len(arrays) == 2:
        return ImageSet(train)
    test = pictures(str(file), arrays[2:3], _flat(arrays[3]))
    if test.pixels != train.pixels:
        raise TaskError(f"{file}: {train.pixels} pixels in {names[0]}, but {test.pixels} in {names[2]}")
    return ImageSet(train, test)


def _flat(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels [n] also where they are stored as [n, 1]."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def digits() -> Source:
    """scikit-learn's 1,797 digits of 8 × 8 pixels."""
    return Source("scikit-learn's digits", (), _read_digits)


def _read_digits() -> ImageSet:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise TaskError("scikit-learn's digits need scikit-learn: pip install 'azdsl[sklearn]'") from None
    data = load_digits()
    return ImageSet(pictures("scikit-learn's digits", [data.data], data.target))


def openml(name: str) -> Source:
    """A data set of OpenML by its name, downloaded by scikit-learn and kept in its own data folder."""
    return Source(f"OpenML's {name}", (), lambda: _read_openml(name))


def _read_openml(name: str) -> ImageSet:
    try:
        from sklearn.datasets import fetch_openml
    except ImportError:
        raise TaskError("data sets of OpenML need scikit-learn: pip install 'azdsl[sklearn]'") from None
    try:
        data = fetch_openml(name, version=1, as_frame=False, parser="liac-arff")
    except (OSError, ValueError) as error:
        raise TaskError(f"OpenML's {name} cannot be had: {error}") from None
    if not isinstance(data.data, np.ndarray) or not isinstance(data.target, np.ndarray) or data.target.ndim != 1:
        raise TaskError(
            f"OpenML's {name} is no set of pictures with one class each: its values are sparse, or it has not one target"
        )
    classes = {label: number for number, label in enumerate(sorted(set(data.target.tolist()), key=_numeric))}
    labels = np.array([classes[label] for label in data.target.tolist()])
    return ImageSet(pictures(f"OpenML's {name}", [data.data], labels))


def _numeric(label: Any) -> tuple[bool, float, str]:
    """Numbers in their order, then words."""
    text = str(label)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return (False, number, text) if math.isfinite(number) else (True, 0.0, text)
