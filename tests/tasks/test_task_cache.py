"""Task sets kept on disk: made once, whole or not at all, bounded."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from tasks.image_files import write_mnist

from azdsl.config.image_tasks import Projected
from azdsl.tasks import build, task_cache
from azdsl.tasks.task_cache import Recipe, stored
from azdsl.taskset import TaskSet

SHAPES = ((3, 5, 2), (3, 7))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "image-tasks"


class Maker:
    """Makes the same arrays each time and counts how often."""

    def __init__(self, seed: int = 0, scale: int = 1) -> None:
        draw = np.random.default_rng(seed)
        self.arrays = tuple(draw.normal(size=(shape[0], scale * shape[1], *shape[2:])) for shape in SHAPES)
        self.times = 0

    def __call__(self) -> Recipe:
        self.times += 1
        return Recipe(
            tuple(a.shape for a in self.arrays), {"classes": 3}, (tuple(a[t] for a in self.arrays) for t in range(3))
        )

    def same(self, found: task_cache.Stored) -> bool:
        assert found.facts == {"classes": 3}
        return all(a.tobytes() == b.tobytes() for a, b in zip(self.arrays, found.arrays, strict=True))


def test_made_once(cache: Path) -> None:
    make, other = Maker(), Maker(1)
    assert make.same(stored("a", make))
    assert make.same(stored("a", make))
    assert other.same(stored("b", other))
    assert (make.times, other.times) == (1, 1)
    assert len(list(cache.iterdir())) == 2


def test_what_is_on_disk_cannot_be_changed_through_memory() -> None:
    make = Maker()
    for array in stored("a", make).arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0.0
    assert make.same(stored("a", make))
    assert make.times == 1


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux says how much of its files a process holds"
)
def test_examples_that_rest_take_no_memory_and_are_there_again() -> None:
    make = Maker(scale=20_000)
    made = stored("a", make)
    tasks = TaskSet(*made.arrays, *made.arrays, "rmse", 1, 1, mapping=made.mapping)
    size = sum(array.nbytes for array in made.arrays)
    tasks.rest()
    before = held_of_files()
    assert make.same(made)
    assert held_of_files() - before > 0.9 * size
    tasks.beginning(1, 2, 2).rest()
    assert held_of_files() - before < 0.1 * size
    assert make.same(made)


def held_of_files() -> int:
    """Bytes of mapped files that are in this process's memory."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile"))
    return 1024 * int(line.split()[1])


def test_torn_files_are_made_anew(cache: Path) -> None:
    make = Maker()
    stored("a", make)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    changes = [whole[:cut] for cut in (0, 3, 20, 4095, 4096, len(whole) - 1)]
    changes += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 20, 40, 60, 4096, len(whole) - 1)]
    for times, content in enumerate(changes, 2):
        file.write_bytes(content)
        assert make.same(stored("a", make))
        assert make.times == times
        assert file.read_bytes() == whole


def test_starts_at_the_same_time(cache: Path) -> None:
    makers = [Maker() for _ in range(8)]
    found: list[task_cache.Stored] = []
    threads = [threading.Thread(target=lambda make=make: found.append(stored("a", make))) for make in makers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(makers[0].same(one) for one in found)
    assert len(list(cache.iterdir())) == 1, "no file is left aside"


def test_what_fails_leaves_nothing(cache: Path) -> None:
    def broken() -> Recipe:
        whole = Maker()()
        return Recipe(whole.shapes, {}, (parts if t else 1 / 0 for t, parts in enumerate(whole.tasks)))  # type: ignore[misc] # fails

    with pytest.raises(ZeroDivisionError):
        stored("a", broken)
    assert not list(cache.iterdir())


def test_the_size_is_bounded_and_the_last_used_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 4096 + 3 * 1000 * 17 * 8
    monkeypatch.setattr(task_cache, "LIMIT_BYTES", 4 * size)
    makers = {name: Maker(at, 1000) for at, name in enumerate("abcd")}
    for name, make in makers.items():
        stored(name, make)
        for file in cache.iterdir():
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 10))
    assert makers["a"].same(stored("a", makers["a"])), "now the last used"
    last = Maker(9, 1000)
    found = stored("e", last)
    assert sum(file.stat().st_size for file in cache.iterdir()) <= 4 * size
    for name, times in (("a", 1), ("e", 1), ("b", 2)):
        make = last if name == "e" else makers[name]
        assert make.same(stored(name, make))
        assert make.times == times
    monkeypatch.setattr(task_cache, "LIMIT_BYTES", size // 2)
    large = Maker(10, 1000)
    found = stored("f", large)
    assert not list(cache.iterdir()), "one that is larger than the bound is not kept"
    assert large.same(found), "but it can be used"


def test_without_a_place_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path / "file"))
    make = Maker()
    assert make.same(stored("a", make))
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path / "full"))
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((1, 1, 0, 0, 0, 0, 0, 0, 0, 0)), raising=False)
    assert make.same(stored("a", make))
    assert not list((tmp_path / "full" / "image-tasks").iterdir())


def test_a_disk_that_fills_while_writing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    make = Maker()
    assert make.same(stored("a", make))
    assert not list(cache.iterdir())


def test_other_files_and_other_settings_are_other_tasks(tmp_path: Path, cache: Path) -> None:
    write_mnist(tmp_path)
    task = Projected(images="mnist", data=".", features=5, train=40, valid=10, tasks=2)
    first = build(task, 0, "search", tmp_path)
    assert build(task, 0, "search", tmp_path).train_X.tobytes() == first.train_X.tobytes()
    assert len(list(cache.iterdir())) == 1
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    build(task, 0, "search", tmp_path)
    build(Projected(images="mnist", data=".", features=5, train=40, valid=12, tasks=2), 0, "search", tmp_path)
    assert len(list(cache.iterdir())) == 3
    task = Projected(
        images="mnist", data=".", features=5, train=40, valid=10, tasks=2, test_tasks=9, epochs=3, validations=1
    )
    assert build(task, 0, "search", tmp_path).epoch_length == 120
    assert len(list(cache.iterdir())) == 3, (
        "how often to train and validate, and settings of the test, change nothing for the search"
    )
