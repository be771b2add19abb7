"""Tasks from images: pixels or random projections of them, standardized."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from azdsl.config.image_tasks import ImageTask
from azdsl.config.search import keys
from azdsl.config.task import Split
from azdsl.limits import MAX_PIXELS
from azdsl.tasks import task_cache
from azdsl.tasks.archives import MissingData
from azdsl.tasks.image_splits import Classes, Places, Pools, sample, split_images, task_classes
from azdsl.tasks.images import ImageSet, Pictures, find
from azdsl.tasks.normals import standard_normal
from azdsl.tasks.scaling import scaling
from azdsl.tasks.splits import STREAMS, generator
from azdsl.taskset import TaskError, TaskSet

Array = NDArray[np.float64]

SCHEMA = 2
"""Version of how tasks are made from settings: part of the name of a cached task set."""

FRACTION_BITS = 24
"""Entries of a projection are multiples of 2**-24: sums of products with bytes are then exact, in any order."""

CHUNK_BYTES = 4 << 20
"""Bytes of images that are projected at a time."""


def build(task: ImageTask, seed: int, split: Split, base_dir: Path | None) -> TaskSet:
    """The tasks of ``split``, from the task cache or computed. Raises ``TaskError``."""
    source = find(task, base_dir)
    loaded = None if source.files else source.read()
    digest = digest_of_files(source.files) if loaded is None else digest_of_pictures(loaded)

    def make() -> task_cache.Recipe:
        return _recipe(source.name, loaded or source.read(), task, seed, split)

    found = task_cache.stored(repr((SCHEMA, digest, _identity(task, split), seed, split)), make)
    classes = found.facts["classes"] if task.metric_definition.vector else None
    X, y, VX, Vy = found.arrays
    tasks = TaskSet.from_arrays(
        X, y, VX, Vy, task.metric_definition.name, task.epoch_length(X.shape[1]), task.epochs, classes
    )
    tasks = replace(tasks, mapping=found.mapping)
    tasks.rest()
    return tasks


def _identity(task: ImageTask, split: Split) -> list[tuple[str, object]]:
    """The settings that determine the tasks of ``split``."""
    others = {"data", "epochs", "validations", "tasks", "select_tasks", "test_tasks"}
    values = [(f.name, getattr(task, f.name)) for f in keys(task) if f.name not in others]
    return [*values, ("kind", task.kind), ("tasks", task.sizes(split).tasks)]


def digest_of_files(files: Sequence[Path]) -> str:
    """A digest of the content of files. Raises ``TaskError``."""
    try:
        return _digest(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))
    except FileNotFoundError as error:
        raise MissingData(error.filename) from None
    except OSError as error:
        raise TaskError(f"{error.filename}: cannot be read: {error.strerror or error}") from None


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """A digest of files by path, size and time of change, computed once a process: each split needs it."""
    digest = hashlib.blake2b(digest_size=20)
    for file, _, _ in files:
        with file.open("rb") as stream:
            digest.update(repr(file.stat().st_size).encode())
            while data := stream.read(1 << 20):
                digest.update(data)
    return digest.hexdigest()


def digest_of_pictures(images: ImageSet) -> str:
    """A digest of images in memory."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (images.train, images.test) if images.test else (images.train,):
        for block in part.blocks:
            digest.update(repr(block.shape).encode() + block.tobytes())
        digest.update(part.labels.tobytes())
    return digest.hexdigest()


def _recipe(name: str, images: ImageSet, task: ImageTask, seed: int, split: Split) -> task_cache.Recipe:
    """Shapes of the tasks of ``split``, and their arrays, computed task by task. Raises ``TaskError``."""
    pixels, sizes = images.train.pixels, task.sizes(split)
    if pixels > MAX_PIXELS:
        raise TaskError(
            f"{name}: images of {pixels:,} pixels are too large; at most {MAX_PIXELS:,} can be projected: scale them down"
        )
    chosen = task_classes(name, images, task, seed, split)
    together, features = len(chosen[0]), task.features or pixels
    if task.metric_definition.vector and together > features:
        raise TaskError(f"{name}: {together} classes need at least {together} features, not {features}")
    used = {n for each in STREAMS for classes in task_classes(name, images, task, seed, each) for n in classes}
    pools = split_images(name, images, task, seed, sorted(used), together)
    valid = sizes.valid or together * min(len(pool.valid[split]) for pool in pools.values())
    counts = (sizes.train or 0, valid)
    shapes = tuple(shape for n in counts for shape in ((sizes.tasks, n, features), (sizes.tasks, n)))
    held = images.test if split == "test" and images.test else images.train
    tasks = (
        _task(images.train, held, pools, classes, counts, task.features, split, generator(seed, STREAMS[split], t))
        for t, classes in enumerate(chosen)
    )
    return task_cache.Recipe(shapes, {"classes": together}, tasks)


def _task(
    train: Pictures,
    held: Pictures,
    pools: dict[int, Pools],
    classes: Classes,
    counts: tuple[int, int],
    features: int | None,
    split: Split,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array, Array]:
    """The arrays of one task: training features and labels, validation features and labels."""
    matrix = None if features is None else projection(train.pixels, features, rng)
    places, y = sample({number: pool.train for number, pool in pools.items()}, classes, counts[0], rng)
    valid_places, valid_y = sample(
        {number: pool.valid[split] for number, pool in pools.items()}, classes, counts[1], rng
    )
    X, valid_X = _features(train, places, matrix), _features(held, valid_places, matrix)
    center, scale = scaling(X)
    return _standardised(X, center, scale), y, _standardised(valid_X, center, scale), valid_y


def projection(pixels: int, features: int, rng: np.random.Generator) -> Array:
    """A Gaussian matrix [pixels, features], rounded so that projections of bytes are exact on any machine."""
    matrix = standard_normal(rng, (pixels, features))
    np.clip(matrix, -7.0, 7.0, out=matrix)
    np.ldexp(matrix, FRACTION_BITS, out=matrix)
    np.rint(matrix, out=matrix)
    return np.ldexp(matrix, -FRACTION_BITS, out=matrix)


def _features(pictures: Pictures, places: Places, matrix: Array | None) -> Array:
    """The pixels of images, or their projections, float64[n, F], computed in chunks of images."""
    found = np.empty((len(places), pictures.pixels if matrix is None else matrix.shape[1]))
    rows = max(1, CHUNK_BYTES // (8 * pictures.pixels))
    for start in range(0, len(places), rows):
        chunk = pictures.rows(places[start : start + rows]).astype(np.float64)
        found[start : start + rows] = chunk if matrix is None else chunk @ matrix
    return found


def _standardised(X: Array, center: Array, scale: Array) -> Array:
    """(X - center) / scale in place, without negative zeros."""
    X -= center
    X /= scale
    X += 0.0
    return X
