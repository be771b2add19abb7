"""How task sets are laid out in lanes: every example in its place, and none a second time."""

from __future__ import annotations

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from azdsl.codegen import blocks
from azdsl.codegen.blocks import lay_out, make_blocks, plan
from azdsl.codegen.protocol import EvaluationSettings, Field
from azdsl.taskset import TaskSet

SETTINGS = EvaluationSettings(seed=3)
TRAIN, VALID, FEATURES = 6, 4, 3


def tasks_of(count: int) -> TaskSet:
    rng = np.random.default_rng(count)
    shapes = (TRAIN, FEATURES), (TRAIN,), (VALID, FEATURES), (VALID,)
    return TaskSet.from_arrays(*(rng.normal(size=(count, *shape)) for shape in shapes), epochs=2)


@pytest.mark.parametrize(("count", "lanes", "precision"), list(product((1, 2, 7, 8, 9, 21), (1, 4, 8), (64, 32))))
def test_every_example_is_in_its_lane(count: int, lanes: int, precision: int) -> None:
    tasks, settings = tasks_of(count), EvaluationSettings(precision=precision, first_task=5)
    for cut in (plan(count, lanes), [(first, lanes) for first in range(0, count, lanes)]):
        blocks = [lay_out(tasks, first, wide, settings) for first, wide in cut]
        assert [block.arguments[Field.TASK] for block in blocks] == [5 + first for first, _ in cut]
        assert sum(block.count for block in blocks) == count
        for block in blocks:
            arrays = (tasks.train_X, tasks.train_y, tasks.valid_X, tasks.valid_y)
            for laid, array in zip(block.layout, arrays, strict=True):
                assert laid.shape == (*array.shape[1:], block.lanes)
                padded = np.zeros(laid.shape, laid.dtype)
                padded[..., : block.count] = np.moveaxis(array[block.first : block.first + block.count], 0, -1)
                assert laid.tobytes() == padded.tobytes()


@pytest.mark.parametrize("count", [1, 3, 8, 10, 16])
def test_the_first_examples_are_laid_out_once(count: int) -> None:
    tasks = tasks_of(count)
    whole = make_blocks(tasks, 8, SETTINGS)
    shared = 0
    for some, train, valid in product(range(1, count + 1), (1, TRAIN), (1, VALID)):
        part = tasks.beginning(some, train, valid)
        anew, found = make_blocks(part, 8, SETTINGS), make_blocks(part, 8, SETTINGS, prefix_of=whole)
        widths = {block.first: block.lanes for block in whole}
        addresses = [Field.TRAIN_X, Field.TRAIN_Y, Field.VALID_X, Field.VALID_Y]
        for a, b in zip(anew, found, strict=True):
            same = widths.get(b.first) == b.lanes
            shared += same
            assert any(np.shares_memory(b.layout[0], block.layout[0]) for block in whole) == same
            assert [laid.ctypes.data for laid in b.layout] == b.arguments[addresses].tolist()
            assert np.delete(a.arguments, addresses).tobytes() == np.delete(b.arguments, addresses).tobytes()
            for one, other in zip(a.layout, b.layout, strict=True):
                assert one[..., : a.count].tobytes() == other[..., : b.count].tobytes()
    assert shared >= 4, "all of the tasks share their blocks, with any number of examples"


def addresses(tasks: TaskSet, settings: EvaluationSettings = SETTINGS) -> list[int]:
    return [block.layout[0].ctypes.data for block in make_blocks(tasks, 8, settings)]


def test_a_task_set_keeps_its_layouts() -> None:
    tasks = tasks_of(10)
    first = addresses(tasks)
    assert addresses(tasks, EvaluationSettings(seed=9, max_abs_error=1.0)) == first
    assert set(addresses(tasks, EvaluationSettings(precision=32))).isdisjoint(first)
    assert addresses(tasks) == first and addresses(tasks.part(0, 10)) == first
    assert set(addresses(tasks_of(10))).isdisjoint(first)


def test_layouts_are_freed_with_the_task_set() -> None:
    tasks = tasks_of(3)
    layout = weakref.ref(make_blocks(tasks, 8, SETTINGS)[0].layout[0])
    gc.collect()
    assert layout() is not None
    del tasks
    gc.collect()
    assert layout() is None


def test_a_pickled_task_set_carries_no_layouts() -> None:
    tasks = tasks_of(10)
    before = pickle.dumps(tasks)
    make_blocks(tasks, 8, SETTINGS)
    assert pickle.dumps(tasks) == before


def test_memory_for_layouts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = tasks_of(3)
    size = sum(array.nbytes for array in make_blocks(tasks, 4, SETTINGS)[0].layout)
    monkeypatch.setattr(blocks, "KEPT_BYTES", 2 * size)
    tasks = tasks_of(12)

    def layout(first: int) -> int:
        return lay_out(tasks, first, 4, SETTINGS).layout[0].ctypes.data

    kept = [weakref.ref(lay_out(tasks, first, 4, SETTINGS).layout[0]) for first in (0, 4, 0, 8)]
    assert [ref() is not None for ref in kept] == [True, False, True, True], "the one used longest ago is dropped"
    monkeypatch.setattr(blocks, "KEPT_BYTES", size - 1)
    assert layout(4) and not blocks._LAYOUTS._kept[tasks]


def test_threads_share_layouts() -> None:
    tasks = tasks_of(21)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [b.layout for b in make_blocks(tasks, 8, SETTINGS)], range(50)))
    for layouts in found:
        for one, other in zip(layouts, found[0], strict=True):
            assert all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
