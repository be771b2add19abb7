"""The choice between the VM and compiling: its model, its store, and that it changes no bit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import programs, random_program, random_tasks

from azdsl import codegen
from azdsl.codegen import backends
from azdsl.codegen.autoselect import calibration, choice, cost_model, cost_store
from azdsl.codegen.autoselect.choice import choose
from azdsl.codegen.autoselect.cost_model import CLASSES, COMPILED, fit, predict, vm_times, work
from azdsl.codegen.autoselect.cost_store import costs_for, stored_costs
from azdsl.ir import pack_live, remove_dead_code
from azdsl.ops import OPS
from azdsl.taskset import TaskSet

ROOT = Path(__file__).parents[2]

COSTS = cost_model.TYPICAL


def linear():
    """Linear regression: one of the calibration's programs."""
    return calibration.programs()[1]


def task_set(examples, tasks=8, features=4):
    """Training on so many examples, some of them again and again."""
    count = min(examples, 100)
    X, y = np.ones((tasks, count, features)), np.ones((tasks, count))
    return TaskSet.from_arrays(X, y, X[:, :10], y[:, :10], epochs=examples // count, epoch_length=examples)


def test_short_evaluations_on_the_vm_long_ones_compiled():
    chosen = [
        bool(choose([linear()], task_set(examples), COSTS)[0]) for examples in (10, 100, 1000, 100_000, 10_000_000)
    ]
    assert chosen == sorted(chosen)
    assert (chosen[0], chosen[-1]) == (False, True)


def test_the_trial_corrects_the_model():
    tasks = task_set(10_000_000)
    slow = predict(linear(), tasks.first(choice.MOST_PROBED, choice.MOST_PROBED), COSTS).vm
    assert choose([linear()], tasks, COSTS, probe=lambda *_: (slow, False))[0]
    assert not choose([linear()], tasks, COSTS, probe=lambda *_: (slow, True))[0], "it stops at once"
    assert not choose([linear()], tasks, COSTS, probe=lambda *_: (slow / 1000, False))[0], "it is fast"


def test_numba_is_not_started_for_one_program(monkeypatch):
    tasks = task_set(100)
    assert not choose([linear()], tasks, COSTS)[0]
    monkeypatch.delitem(sys.modules, "numba")
    assert choose([linear()], tasks, COSTS)[0]
    assert not choose([linear()] * 50, tasks, COSTS).any(), "for fifty it pays"


@settings(max_examples=20)
@given(data=st.data())
def test_the_bulk_prediction_is_that_of_each(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    tasks = random_tasks(rng)
    batch = [data.draw(programs(metric=tasks.metric_definition)) for _ in range(4)]
    together = vm_times([pack_live(p, tasks.metric_definition) for p in batch], tasks, COSTS)
    for program, seconds in zip(batch, together, strict=True):
        live = remove_dead_code(program, tasks.metric_definition)
        found = predict(live, tasks, COSTS)
        assert found.vm == pytest.approx(seconds, rel=1e-6)
        assert found.vm > 0.0 and 0.0 <= found.running < found.jit


def test_every_op_has_work():
    for op in OPS[1:]:
        for features in (1, 4, 9, 64):
            for lanes in (1, 2, 8):
                row = cost_model.op_work(features, lanes)[op.code]
                assert row[CLASSES.index("instruction")] == 1.0
                assert row.sum() > 1.0


def test_work_grows_with_visits():
    once, twice = (work(linear(), 8, 8, (1, 2 * n, n)) for n in (50, 100))
    np.testing.assert_array_equal(2 * once, twice)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_fit_finds_costs_again(seed):
    rng = np.random.default_rng(seed)
    counts, costs = rng.uniform(0.1, 10.0, (20, 3)), rng.uniform(0.1, 1.0, 3)
    np.testing.assert_allclose(fit(counts, counts @ costs), costs, rtol=0.05)


def test_fit_without_a_class():
    assert fit(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([3.0, 6.0])) == pytest.approx((3.0, 0.0))


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty cache, and a calibration that counts."""
    calls = []
    monkeypatch.setenv("AZDSL_CACHE", str(tmp_path))
    monkeypatch.setattr(calibration, "calibrate", lambda: calls.append(1) or COSTS)
    return tmp_path / "objects", calls


def test_measured_once(store):
    folder, calls = store
    told = []
    assert [stored_costs(lambda: told.append(1)) for _ in range(3)] == [COSTS] * 3
    assert (len(calls), len(told)) == (1, 1)
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert stored_costs() == COSTS
    assert len(calls) == 2


def test_measured_only_where_it_is_worth_it(store):
    _, calls = store
    told = []
    assert costs_for([linear()], task_set(100), announce=lambda: told.append(1)) == COSTS
    assert not calls and not told
    costs_for([linear()], task_set(100_000_000), announce=lambda: told.append(1))
    assert calls == told == [1]
    costs_for([linear()], task_set(100_000_000), announce=lambda: told.append(1))
    assert calls == told == [1]


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", json.dumps({"vm_one": [1]}), json.dumps(asdict(COSTS)).replace("0.04", "NaN", 1)]
)
def test_senseless_costs_are_measured_again(store, text, monkeypatch):
    assert cost_store._decoded(text.encode()) is None
    monkeypatch.setattr(cost_store, "cached_object", lambda *_: text.encode())
    assert stored_costs() == COSTS


def test_no_usable_costs(monkeypatch, store):
    monkeypatch.setattr(calibration, "calibrate", lambda: replace(COSTS, compiling=(0.0,) * len(COMPILED)))
    with pytest.raises(RuntimeError, match="no usable costs"):
        stored_costs()


@pytest.mark.parametrize("tasks", [1, 7, 17])
def test_auto_is_the_same(tasks, monkeypatch):
    """Whatever is chosen: both backends, mixed at random."""
    rng = np.random.default_rng(tasks)
    made = random_tasks(rng, tasks=tasks)
    batch = [random_program(rng, metric=made.metric_definition) for _ in range(4)]
    mixed = np.arange(4) % 2 == 0
    monkeypatch.setattr(backends, "costs_for", lambda *_: COSTS)
    monkeypatch.setattr(backends, "choose", lambda *_: mixed)
    for precision in (64, 32):
        found = [codegen.evaluate(batch, made, backend=b, seed=4, precision=precision) for b in ("vm", "jit", "auto")]
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.slow
def test_right_to_within_a_fifth():
    """Timed, so it may fail on a machine that is busy."""
    done = subprocess.run([sys.executable, "tools/calibrate.py", "--cases", "40"], cwd=ROOT, check=False)
    assert done.returncode == 0
