"""Image sets from .npz files, from scikit-learn and from OpenML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdsl.tasks.archives import MissingData, read_arrays
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
"""Accepted names of the arrays in a file: two, or four if the file has test images."""


def npz(file: Path) -> Source:
    """Return images [n, …] and labels [n] from a .npz file, as a source. Raises ``TaskError``."""
    if not file.is_file():
        raise MissingData(file)
    return Source(str(file), (file,), lambda: _read_npz(file))


def _read_npz(file: Path) -> ImageSet:
    def wanted(found: Sequence[str]) -> Sequence[str]:
        names = next((n for n in NAMES if set(n) <= set(found)), None)
        if names is None:
            listed = ", ".join(found) or "no arrays"
            raise TaskError(
                f"{file}: contains {listed}; name the arrays images and labels, or x_train, y_train, x_test, y_test"
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
        raise TaskError(
            f"{file}: images have {train.pixels} pixels in {names[0]}, but {test.pixels} in {names[2]}; use one size"
        )
    return ImageSet(train, test)


def _flat(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels [n] from labels [n] or [n, 1]."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def digits() -> Source:
    """Return scikit-learn's 1,797 digits of 8 × 8 pixels, as a source."""
    return Source("scikit-learn's digits", (), _read_digits)


def _read_digits() -> ImageSet:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise TaskError("scikit-learn is not installed; the digits need it: pip install 'azdsl[sklearn]'") from None
    data = load_digits()
    return ImageSet(pictures("scikit-learn's digits", [data.data], data.target))


def openml(name: str) -> Source:
    """Return an OpenML data set, as a source. scikit-learn downloads it into its own data directory."""
    return Source(f"OpenML's {name}", (), lambda: _read_openml(name))


def _read_openml(name: str) -> ImageSet:
    try:
        from sklearn.datasets import fetch_openml
    except ImportError:
        raise TaskError("scikit-learn is not installed; OpenML needs it: pip install 'azdsl[sklearn]'") from None
    try:
        data = fetch_openml(name, version=1, as_frame=False, parser="liac-arff")
    except (OSError, ValueError) as error:
        raise TaskError(f"cannot download {name} from OpenML: {error}") from None
    if not isinstance(data.data, np.ndarray) or not isinstance(data.target, np.ndarray) or data.target.ndim != 1:
        raise TaskError(
            f"OpenML's {name} is not an image set: its values are sparse, or it does not have exactly one target"
        )
    classes = {label: number for number, label in enumerate(sorted(set(data.target.tolist()), key=_numeric))}
    labels = np.array([classes[label] for label in data.target.tolist()])
    return ImageSet(pictures(f"OpenML's {name}", [data.data], labels))


def _numeric(label: Any) -> tuple[bool, float, str]:
    """Return a sort key: numbers by value, then other texts."""
    text = str(label)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return (False, number, text) if math.isfinite(number) else (True, 0.0, text)
