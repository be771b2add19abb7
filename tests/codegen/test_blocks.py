"""How task sets are laid out in lanes: every example in its place, and none a second time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from azdsl.codegen.blocks import lay_out, make_blocks, plan
from azdsl.codegen.protocol import Field
from azdsl.taskset import TaskSet

SETTINGS = {"seed": 3, "max_abs_error": 100.0}
TRAIN, VALID, FEATURES = 6, 4, 3


def tasks_of(count: int) -> TaskSet:
    rng = np.random.default_rng(count)
    shapes = (TRAIN, FEATURES), (TRAIN,), (VALID, FEATURES), (VALID,)
    return TaskSet.from_arrays(*(rng.normal(size=(count, *shape)) for shape in shapes), epochs=2)


@pytest.mark.parametrize(("count", "lanes", "precision"), list(product((1, 2, 7, 8, 9, 21), (1, 4, 8), (64, 32))))
def test_every_example_is_in_its_lane(count: int, lanes: int, precision: int) -> None:
    tasks = tasks_of(count)
    for cut in (plan(count, lanes), [(first, lanes) for first in range(0, count, lanes)]):
        blocks = [lay_out(tasks, first, wide, precision=precision, first_task=5, **SETTINGS) for first, wide in cut]
        assert [block.arguments[Field.TASK] for block in blocks] == [5 + first for first, _ in cut]
        assert sum(block.count for block in blocks) == count
        for block in blocks:
            arrays = (tasks.train_X, tasks.train_y, tasks.valid_X, tasks.valid_y)
            for laid, array in zip(block.data, arrays, strict=True):
                assert laid.shape == (*array.shape[1:], block.lanes)
                padded = np.zeros(laid.shape, laid.dtype)
                padded[..., : block.count] = np.moveaxis(array[block.first : block.first + block.count], 0, -1)
                assert laid.tobytes() == padded.tobytes()


@pytest.mark.parametrize("count", [1, 3, 8, 10, 16])
def test_the_first_examples_are_laid_out_once(count: int) -> None:
    tasks = tasks_of(count)
    whole = make_blocks(tasks, 8, **SETTINGS)
    shared = 0
    for some, train, valid in product(range(1, count + 1), (1, TRAIN), (1, VALID)):
        part = tasks.beginning(some, train, valid)
        anew, found = make_blocks(part, 8, **SETTINGS), make_blocks(part, 8, prefix_of=whole, **SETTINGS)
        widths = {block.first: block.lanes for block in whole}
        addresses = [Field.TRAIN_X, Field.TRAIN_Y, Field.VALID_X, Field.VALID_Y]
        for a, b in zip(anew, found, strict=True):
            same = widths.get(b.first) == b.lanes
            shared += same
            assert any(np.shares_memory(b.data[0], block.data[0]) for block in whole) == same
            assert [laid.ctypes.data for laid in b.data] == b.arguments[addresses].tolist()
            assert np.delete(a.arguments, addresses).tobytes() == np.delete(b.arguments, addresses).tobytes()
            for one, other in zip(a.data, b.data, strict=True):
                assert one[..., : a.count].tobytes() == other[..., : b.count].tobytes()
    assert shared >= 4, "all of the tasks share their blocks, with any number of examples"
