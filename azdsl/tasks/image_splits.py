"""Which pictures and which classes each role gets: drawn from one seed, no picture in two of the splits."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.config.tasks import HELD_OUT, Images, ImageTask, Projected, classes_of, pairs_of
from azdsl.tasks.images import ImageSet
from azdsl.tasks.splits import SPLIT_STREAM, STREAMS, Role, first_given, generator
from azdsl.taskset import TaskError

Places = NDArray[np.int64]
Classes = tuple[int, ...]
Pair = tuple[int, int]

PAIRS_STREAM = 4
"""The stream that orders the pairs of classes; its task number is the role's, then that of the pairs held out."""

HELD_OUT_SHARE = 5
"""One pair in so many is held out where the image set is not of ten classes."""


@dataclass(frozen=True)
class Sizes:
    """Tasks of a role, and training and validation examples of each; None for all that there are."""

    tasks: int
    train: int
    valid: int | None


def sizes(task: ImageTask, role: Role) -> Sizes:
    """What the settings ask for."""
    if role == "search":
        return Sizes(task.tasks, task.train, task.valid)
    train, valid = task.select_train or task.train, task.select_valid or task.valid
    if role == "select":
        return Sizes(task.select_tasks, train, valid)
    return Sizes(task.test_tasks, task.test_train or train, task.test_valid)


def choices(name: str, images: ImageSet, task: ImageTask, seed: int, role: Role) -> list[Classes]:
    """The classes of each of the role's tasks. Raises ``TaskError``."""
    there = np.unique(images.train.labels).tolist()
    count = sizes(task, role).tasks
    if isinstance(task, Images):
        classes = classes_of(task.classes) or tuple(there)
        _known(name, classes, there)
        return [classes] * count
    assert isinstance(task, Projected)
    searched, judged = _pairs(name, task, there, seed)
    pairs = searched if role == "search" else judged
    order = generator(seed, PAIRS_STREAM, STREAMS[role]).permutation(len(pairs))
    return [pairs[order[t % len(pairs)]] for t in range(count)]


def _pairs(name: str, task: Projected, there: list[int], seed: int) -> tuple[list[Pair], list[Pair]]:
    """The pairs of the search, and those of selection and test."""
    everything = list(itertools.combinations(there, 2))
    asked, kept = pairs_of("pairs", task.pairs), pairs_of("held_out", task.held_out)
    _known(name, [number for pair in (*asked, *kept) for number in pair], there)
    if not everything:
        raise TaskError(f"{name}: has one class only: there is nothing to tell apart")
    if task.held_out is None and there == list(range(10)):
        kept = pairs_of("held_out", HELD_OUT)
    elif task.held_out is None:
        order = generator(seed, PAIRS_STREAM, len(STREAMS)).permutation(len(everything))
        kept = tuple(everything[at] for at in order[: len(everything) // HELD_OUT_SHARE or 1])
    judged = [pair for pair in kept if pair not in asked]
    searched = list(asked) or [pair for pair in everything if pair not in judged]
    if task.held_out == "none":
        return searched, searched
    if not searched or not judged:
        raise TaskError(
            f"{name}: no pair of classes is left for {'selection and test' if searched else 'the search'}; "
            "held_out=none judges programs on the search's pairs, with other pictures"
        )
    return searched, judged


def _known(name: str, classes: Classes | list[int], there: list[int]) -> None:
    unknown = next((number for number in classes if number not in there), None)
    if unknown is not None:
        raise TaskError(f"{name}: has no class {unknown}; its {len(there)} classes are {there[0]} to {there[-1]}")


@dataclass(frozen=True, eq=False)
class Pools:
    """The pictures of a class, as places in the image set: to train on, and to validate on in each role.

    Those of the test are places in the set's own test pictures, if it has such.
    """

    train: Places
    valid: dict[Role, Places]


def deal(
    name: str, images: ImageSet, task: ImageTask, seed: int, classes: list[int], together: int
) -> dict[int, Pools]:
    """Each class's pictures, dealt out for tasks of ``together`` classes. Raises ``TaskError`` when there are too few."""
    wanted = {role: sizes(task, role) for role in STREAMS}
    train = _each(max(size.train for size in wanted.values()), together)
    search, select = (_each(wanted[role].valid or 0, together) for role in ("search", "select"))
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
        valid: dict[Role, Places] = {"test": test, "select": order[:select], "search": order[select : select + search]}
        found[number] = Pools(order[select + search :], valid)
    asked, there = wanted["test"].valid, together * min(len(pools.valid["test"]) for pools in found.values())
    if not there or (asked or 0) > there:
        raise TaskError(
            f"{name}: {asked or 'some'} validation examples are asked for in the test, which has {there} for {together} classes"
        )
    return found


def _each(count: int, together: int) -> int:
    """Pictures that ``count`` examples need of each of so many classes."""
    return -(-count // together)


def _too_few(name: str, task: ImageTask, number: int, there: int, together: int) -> str:
    train = max(sizes(task, role).train for role in STREAMS)
    asked = f"{train} training, {task.valid} validation and {sizes(task, 'select').valid} selection examples of {together} classes"
    least = together * (there // 10)
    fitting = f", such as train={together * there - 2 * least}, valid={least}" if least else ""
    return f"{name}: {asked} are asked for, but class {number} has {there} pictures for all that; make them smaller{fitting}"


def sample(
    pools: dict[int, Places], classes: Classes, count: int | None, rng: np.random.Generator
) -> tuple[Places, NDArray[np.float64]]:
    """``count`` examples (None: all), as many of each class, in a random order: their places, and labels from 0."""
    all_of = len(classes) * min(len(pools[number]) for number in classes)
    total = first_given(count, all_of) or 0
    shares = [total // len(classes) + (at < total % len(classes)) for at in range(len(classes))]
    places = np.concatenate([rng.permutation(pools[n])[:share] for n, share in zip(classes, shares, strict=True)])
    labels = np.repeat(np.arange(len(classes), dtype=np.float64), shares)
    order = rng.permutation(total)
    return places[order], labels[order]
