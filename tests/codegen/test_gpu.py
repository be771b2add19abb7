"""The kernel for GPUs, by its twin on this machine: the same bits as the interpreter, whatever the order of a warp's threads."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from strategies import Tally, random_program, random_tasks

from azdsl import evaluate, interp, parse
from azdsl.codegen.backends import concatenate, evaluate_vm
from azdsl.codegen.gpu import driver
from azdsl.codegen.gpu.batch import GPU_OPS, make_batch
from azdsl.codegen.gpu.ptx import kernel_ptx
from azdsl.codegen.gpu.threads import WARP, Shape, WarpEmitter
from azdsl.codegen.protocol import EvaluationSettings, Specialization
from azdsl.ir import METRICS, pack_live

needs_contexts = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "makecontext"), reason="needs the contexts of Linux"
)


def orders(rng):
    """Forward, backward, and at random."""
    return list(range(WARP)), list(range(WARP))[::-1], rng.permutation(WARP).tolist()


@needs_contexts
@pytest.mark.parametrize(
    ("features", "tasks", "metric", "precision"),
    [(3, 40, "rmse", 64), (9, 5, "accuracy", 64), (16, 3, "multiclass", 32), (33, 2, "rmse", 64)],
)
def test_twin_agrees_with_the_interpreter_in_any_order(features, tasks, metric, precision):
    from azdsl.codegen.gpu.twin import Twin, evaluate_twin

    rng = np.random.default_rng(features)
    made = random_tasks(rng, features, tasks, metric, max_examples=4)
    settings = EvaluationSettings(7, 100.0, precision)
    programs = [random_program(rng, metric=made.metric_definition) for _ in range(25)]
    found = [evaluate_twin(programs, made, settings, Twin(order)) for order in orders(rng)]
    tally = Tally()
    for at, program in enumerate(programs):
        expected = interp.evaluate(program, made, seed=7, precision=precision)
        tally.add(program, expected, made.metric_definition)
        for rows in found:
            assert rows[at].tolist() == expected, program
    assert tally.share > 0.2


@needs_contexts
def test_a_scalar_op_may_overwrite_its_input():
    """All threads of a task read the input before one of them writes the output; each then has the same value."""
    from azdsl.codegen.gpu.twin import Twin, evaluate_twin

    rng = np.random.default_rng(3)
    made = random_tasks(rng, 8, 4, "rmse", max_examples=4)
    program = parse(
        "def Setup():\n  s2 = 0.5\ndef Predict():\n  s2 = cos(s2)\n  v1 = bcast(s2)\n  s1 = dot(v1, v0)\n"
        "def Learn():\n  s2 = s2 * s2\n  v2 = bcast(s2)\n"
    )
    expected = evaluate_vm([program], made)
    assert expected.max() > 0
    assert all(np.array_equal(evaluate_twin([program], made, twin=Twin(order)), expected) for order in orders(rng))


@needs_contexts
def test_programs_that_do_not_fit_have_the_same_bits():
    """Of the memory that the batch needs, a device has half: the larger programs run on the processor."""
    from azdsl.codegen.gpu.twin import Twin, evaluate_twin

    rng = np.random.default_rng(2)
    made = random_tasks(rng, 9, 5, "rmse", max_examples=4)
    programs = [random_program(rng) for _ in range(20)]
    packed = concatenate([pack_live(program, made.metric_definition) for program in programs])
    needs = make_batch(made, Shape.usual(9, 64), *packed).warp_bytes
    most = int(np.median(needs))
    assert needs.min() <= most < needs.max()
    expected = evaluate_vm(programs, made)
    assert np.array_equal(evaluate_twin(programs, made, twin=Twin(shared_bytes=most)), expected)
    assert expected.max() > 0


@needs_contexts
def test_a_missing_barrier_shows(monkeypatch):
    """Without the barriers some order of the threads gives other bits, so the orders prove that none is missing."""
    from azdsl.codegen.gpu import twin

    rng = np.random.default_rng(1)
    made = random_tasks(rng, 8, 4, "rmse", max_examples=4)
    program = parse(
        "def Setup():\n  s2 = 0.001\n"
        "def Predict():\n  v2 = dot(m0, v0)\n  s1 = dot(v2, v1)\n"
        "def Learn():\n  v3 = s2 * v0\n  v1 = v1 + v3\n  m1 = outer(v1, v0)\n  m0 = m0 + m1\n"
    )
    expected = evaluate_vm([program], made)
    assert expected.max() > 0
    assert all(
        np.array_equal(twin.evaluate_twin([program], made, twin=twin.Twin(order)), expected) for order in orders(rng)
    )
    monkeypatch.setattr(WarpEmitter, "barrier", lambda self: None)
    monkeypatch.setattr(twin, "cached_object", lambda key, make: make())
    twin._load.cache_clear()
    broken = [twin.evaluate_twin([program], made, twin=twin.Twin(order)) for order in orders(rng)]
    twin._load.cache_clear()
    assert not all(np.array_equal(rows, expected) for rows in broken)


@pytest.fixture(scope="module", params=[(4, "rmse", 64), (16, "multiclass", 32)])
def ptx(request):
    features, metric, precision = request.param
    classes = 3 if metric == "multiclass" else 0
    specialization = Specialization(features, 1, METRICS[metric], classes, precision)
    return kernel_ptx(specialization, GPU_OPS, Shape.usual(features, precision))


def test_the_kernel_rounds_each_operation(ptx):
    """No contraction, no flush of small numbers to zero, no approximation: each would change bits."""
    assert not re.search(r"\bfma|\.ftz|\.approx|\.full\b", ptx)
    arithmetic = set(re.findall(r"\b(?:add|sub|mul|div|sqrt)\.(\w+)\.f(?:32|64)", ptx))
    assert arithmetic == {"rn"}


def test_the_kernel_needs_few_registers_and_spills_none(ptx, tmp_path):
    assembler = shutil.which("ptxas")
    if assembler is None:
        pytest.skip("needs ptxas, of nvidia-cuda-nvcc")
    source = tmp_path / "kernel.ptx"
    source.write_text(ptx)
    command = [assembler, "-v", "--gpu-name", "sm_90", str(source), "-o", str(tmp_path / "kernel.cubin")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert set(re.findall(r"(\d+) bytes spill", said)) == {"0"}
    assert max(map(int, re.findall(r"Used (\d+) registers", said))) <= 128


def test_memory_of_a_warp_is_that_of_its_registers():
    """Each of the 2 tasks of a warp at F = 16: s0, s1, v0 and v1; the features; room for a vector or a matrix."""
    rng = np.random.default_rng(0)
    made = random_tasks(rng, 16, 3, "rmse")
    shape = Shape.usual(16, 64)
    texts = ("  s1 = dot(v0, v1)\n", "  m0 = transpose(m0)\n  v1 = dot(m0, v0)\n  s1 = dot(v0, v1)\n")
    programs = [parse(f"def Predict():\n{text}def Learn():\n  v1 = v1 + v0\n") for text in texts]
    batch = make_batch(made, shape, *concatenate([pack_live(p, made.metric_definition) for p in programs]))
    numbers = [2 + 16 + 16 + 16 + 16, 2 + 16 + 16 + 272 + 16 + 272]
    assert batch.warp_bytes.tolist() == [8 * shape.tasks * n for n in numbers]
    assert [rows.tolist() for _, rows in batch.launches(2000)] == [[0]]


def test_without_a_driver_the_error_says_what_to_do(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(driver.ctypes, "CDLL", missing)
    driver.gpu.cache_clear()
    made = random_tasks(np.random.default_rng(0), 4, 2, "rmse")
    with pytest.raises(driver.GpuError, match="no GPU: NVIDIA's driver library was not found; use the backend vm"):
        evaluate(parse("def Predict():\n  s1 = dot(v0, v1)\n"), made, backend="gpu")
    driver.gpu.cache_clear()
