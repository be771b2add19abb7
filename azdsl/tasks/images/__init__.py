"""Image sets: images and class numbers from files, scikit-learn and OpenML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from azdsl.config.image_tasks import ImageTask
from azdsl.tasks.images import arrays, cifar, idx
from azdsl.tasks.images.sets import ImageSet, Pictures, Source
from azdsl.tasks.places import place_of
from azdsl.taskset import TaskError

__all__ = ["ImageSet", "Pictures", "Source", "find"]

ON_DISK: dict[str, Callable[[Path], Source]] = {
    "cifar10": cifar.find,
    "mnist": lambda path: idx.find("mnist", path),
    "fashion_mnist": lambda path: idx.find("fashion_mnist", path),
    "npz": arrays.npz,
}
"""Readers of the image sets that need a path."""


def find(task: ImageTask, base_dir: Path | None = None) -> Source:
    """Return the source of the images of ``task``. Relative paths start from ``base_dir``. Raises ``TaskError``."""
    if task.images in ON_DISK:
        if not task.data:
            what = "its file" if task.images == "npz" else "the directory with its files"
            raise TaskError(f'{task.images} needs {what}: data="…" in the task, or --data')
        return ON_DISK[task.images](place_of(task.data, base_dir))
    if task.images == "digits":
        return arrays.digits()
    if task.images == "openml":
        if not task.dataset:
            raise TaskError('openml needs the name of a data set: dataset="mnist_784"')
        return arrays.openml(task.dataset)
    raise TaskError(f"unknown image set {task.images!r}")
