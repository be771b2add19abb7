"""Random assignment of classes and images to splits: no image validates in two splits."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.config.image_tasks import HELD_OUT, Images, ImageTask, Projected, classes_of, pairs_of
from azdsl.config.task import Split
from azdsl.tasks.images import ImageSet
from azdsl.tasks.splits import SPLIT_STREAM, STREAMS, first_given, generator
from azdsl.taskset import TaskError

Places = NDArray[np.int64]
Classes = tuple[int, ...]
Pair = tuple[int, int]

PAIRS_STREAM = 4
"""The stream that orders the pairs of classes: of a split by its number, of the held-out pairs by the next number."""

HELD_OUT_SHARE = 5
"""One pair in this many is held out of an image set that has not ten classes."""


def task_classes(name: str, images: ImageSet, task: ImageTask, seed: int, split: Split) -> list[Classes]:
    """The classes of each task of ``split``. Raises ``TaskError``."""
    available = np.unique(images.train.labels).tolist()
    count = task.sizes(split).tasks
    if isinstance(task, Images):
        classes = classes_of(task.classes) or tuple(available)
        _check_classes(name, classes, available)
        return [classes] * count
    assert isinstance(task, Projected)
    search_pairs, held_out = _pairs(name, task, available, seed)
    pairs = search_pairs if split == "search" else held_out
    order = generator(seed, PAIRS_STREAM, STREAMS[split]).permutation(len(pairs))
    return [pairs[order[t % len(pairs)]] for t in range(count)]


def _pairs(name: str, task: Projected, available: list[int], seed: int) -> tuple[list[Pair], list[Pair]]:
    """The pairs of classes of the search, and those of selection and test. Raises ``TaskError``."""
    everything = list(itertools.combinations(available, 2))
    given, held_out = pairs_of("pairs", task.pairs), pairs_of("held_out", task.held_out)
    _check_classes(name, [number for pair in (*given, *held_out) for number in pair], available)
    if not everything:
        raise TaskError(f"{name}: has only one class; binary classification needs two")
    if task.held_out is None and available == list(range(10)):
        held_out = pairs_of("held_out", HELD_OUT)
    elif task.held_out is None:
        order = generator(seed, PAIRS_STREAM, len(STREAMS)).permutation(len(everything))
        held_out = tuple(everything[at] for at in order[: len(everything) // HELD_OUT_SHARE or 1])
    held = [pair for pair in held_out if pair not in given]
    search_pairs = list(given) or [pair for pair in everything if pair not in held]
    if task.held_out == "none":
        return search_pairs, search_pairs
    if not search_pairs or not held:
        raise TaskError(
            f"{name}: no pair of classes remains for {'selection and test' if search_pairs else 'the search'}; "
            "held_out=none uses the pairs of the search for them, with other images"
        )
    return search_pairs, held


def _check_classes(name: str, classes: Classes | list[int], available: list[int]) -> None:
    """Raise ``TaskError`` for the first class that the image set does not have."""
    unknown = next((number for number in classes if number not in available), None)
    if unknown is not None:
        known = f"its {len(available)} classes are {available[0]} to {available[-1]}"
        raise TaskError(f"{name}: has no class {unknown}; {known}")


@dataclass(frozen=True, eq=False)
class Pools:
    """The images of a class, as indices into the image set: to train on, and to validate on in each split.

    Those of the test are indices into the set's test images, if it has some.
    """

    train: Places
    valid: dict[Split, Places]


def split_images(
    name: str, images: ImageSet, task: ImageTask, seed: int, classes: list[int], together: int
) -> dict[int, Pools]:
    """The images of each class, assigned to splits for tasks of ``together`` classes. Raises ``TaskError``."""
    sizes = {split: task.sizes(split) for split in STREAMS}
    train = _per_class(max(size.train or 0 for size in sizes.values()), together)
    search, select = (_per_class(sizes[split].valid or 0, together) for split in ("search", "select"))
    found = {}
    for number in classes:
        places = np.flatnonzero(images.train.labels == number)
        order = places[generator(seed, SPLIT_STREAM, number).permutation(len(places))]
        if images.test:
            test = np.flatnonzero(images.test.labels == number)
        else:
            tested = max(1, round(task.test * len(order)))
            test, order = order[:tested], order[tested:]
        if train + search + select > len(order):
            raise TaskError(_too_few(name, task, number, len(order), together))
        valid: dict[Split, Places] = {"test": test, "select": order[:select], "search": order[select : select + search]}
        found[number] = Pools(order[select + search :], valid)
    asked, available = sizes["test"].valid, together * min(len(pools.valid["test"]) for pools in found.values())
    if (asked or 1) > available:
        raise TaskError(
            f"{name}: {asked or 'some'} validation examples are requested for the test, "
            f"but its {together} classes have only {available}; make test_valid smaller"
        )
    return found


def _per_class(count: int, together: int) -> int:
    """Images of each of ``together`` classes that ``count`` examples need."""
    return -(-count // together)


def _too_few(name: str, task: ImageTask, number: int, available: int, together: int) -> str:
    """The message for a class that has too few images."""
    train = max(task.sizes(split).train or 0 for split in STREAMS)
    asked = f"{train} training, {task.valid} validation and {task.sizes('select').valid} selection examples"
    least = together * (available // 10)
    fitting = f", such as train={together * available - 2 * least}, valid={least}" if least else ""
    return (
        f"{name}: {asked} of {together} classes are requested, "
        f"but class {number} has only {available} images for them; make them smaller{fitting}"
    )


def sample(
    pools: dict[int, Places], classes: Classes, count: int | None, rng: np.random.Generator
) -> tuple[Places, NDArray[np.float64]]:
    """``count`` examples (None: all), balanced over the classes, in random order: indices, and labels from 0."""
    all_of = len(classes) * min(len(pools[number]) for number in classes)
    total = first_given(count, all_of) or 0
    shares = [total // len(classes) + (at < total % len(classes)) for at in range(len(classes))]
    places = np.concatenate([rng.permutation(pools[n])[:share] for n, share in zip(classes, shares, strict=True)])
    labels = np.repeat(np.arange(len(classes), dtype=np.float64), shares)
    order = rng.permutation(total)
    return places[order], labels[order]
