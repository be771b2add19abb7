"""Every figure gives a number; how large it is, no test says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from azdsl.api import evaluate
from azdsl.bench import baseline, exports, yardstick
from azdsl.bench.figures import QUICK, Figure, Measured, Sample, Scale, measure
from azdsl.bench.report import FIGURES, cells, line, select
from azdsl.bench.workloads import (
    CIFAR10,
    DEMO,
    NETWORK,
    Draw,
    bilinear,
    demo_tasks,
    long_programs,
    random_program,
    random_programs,
    random_tasks,
)
from azdsl.cli import main
from azdsl.ir import remove_dead_code
from azdsl.ir.metric import ACCURACY
from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet

ROOT = Path(__file__).parents[2]
CHEAP = ("evaluations", "network-jit-4", "network-vm-4", "bilinear-jit", "help", "export-one-row")
REAL = ("cifar10-network-jit", "cifar10-network-vm", "cifar10-search")
S10 = ("s10-steps-64", "s10-steps-32")
TINY = Scale(1, 0.01)


@pytest.mark.parametrize("copy", [DEMO, NETWORK, CIFAR10], ids=lambda path: path.name)
def test_the_files_are_those_of_the_examples(copy: Path):
    assert copy.read_bytes() == (ROOT / "examples" / copy.name).read_bytes()


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_figures_are_positive(name: str):
    (figure,) = select([name])
    measured = measure(figure, TINY, None)
    assert measured.value is not None and 0 < measured.value < math.inf
    assert measured.ratio is None
    assert (measured.met is None) == figure.compares


@pytest.mark.slow
@pytest.mark.parametrize(
    "figure", [f for f in FIGURES if f.name not in (*CHEAP, "first-start", *REAL, *S10)], ids=lambda f: f.name
)
def test_every_figure_is_positive(figure: Figure):
    value = measure(figure, QUICK, None).value
    assert value is not None and 0 < value < math.inf


def test_one_figure_as_json(capsys: pytest.CaptureFixture[str]):
    assert main(["bench", "--only", "help", "--quick", "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["cores"] and found["no_yardsticks"] is None
    (figure,) = found["figures"]
    assert figure["name"] == "help" and figure["value"] > 0 and isinstance(figure["met"], bool)


def test_without_a_compiler_there_are_no_ratios(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main(["bench", "--only", "network-jit-4", "--quick"]) == 0
    out = capsys.readouterr().out
    assert "no ratios: the hand-written C needs a C compiler: install cc, or pip install 'azdsl[zig]'" in out
    assert "two-layer network, jit, F = 4" in out and "azdsl" in out


def test_an_unknown_figure_is_a_users_mistake(capsys: pytest.CaptureFixture[str]):
    assert main(["bench", "--only", "speed"]) == 2
    assert "unknown figure 'speed'; the figures are evaluations, " in capsys.readouterr().err


def test_figures_on_real_pictures_say_what_they_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert [figure.name for figure in select(["cifar10"])] == list(REAL)
    assert [figure.name for figure in select(["s10"])] == list(S10)
    command = ["bench", "--only", "cifar10-network-vm", "--quick"]
    assert main(command) == 0
    assert "not measured name the folder of CIFAR-10" in capsys.readouterr().out
    assert main([*command, "--data", str(tmp_path / "absent")]) == 2
    assert main([*command, "--data", str(tmp_path)]) == 2
    assert "data_batch_1" in capsys.readouterr().err


def test_a_network_on_real_pictures():
    pytest.importorskip("sklearn")
    (figure,) = select(["digits-network-jit"])
    found = measure(figure, TINY, None)
    assert found.value
    assert 80.0 < float(found.notes["accuracy %"]) <= 100.0


def test_groups():
    assert [figure.name for figure in select(["network-jit"])] == [f"network-jit-{size}" for size in yardstick.SIZES]
    assert select([]) == list(FIGURES) and len(FIGURES) == len({figure.name for figure in FIGURES})


def test_ratios_and_targets():
    figure = Figure("name", "title", "ns", 1.15, False, lambda scale: lambda: Sample(11.0), "network-4")
    reached, missed, open_ = (Measured(figure, 11.0, theirs, {}) for theirs in (10.0, 5.0, None))
    assert (reached.met, missed.met, open_.met) == (True, False, None)
    assert missed.ratio == 2.2
    assert cells(missed) == ("title", "11 ns", "5", "2.2", "≤ 1.15 ×", "no")
    assert line(cells(open_)).endswith("–")


@pytest.mark.parametrize(("median", "more", "expected"), [(False, True, 3.0), (False, False, 1.0), (True, True, 2.0)])
def test_which_sample_counts(median: bool, more: bool, expected: float):
    values = iter([2.0, 3.0, 1.0])
    figure = Figure("name", "title", "s", 1.0, more, lambda scale: lambda: Sample(next(values)), median=median)
    assert measure(figure, Scale(3, 1.0), None).value == expected


def test_an_absolute_target_beside_a_yardstick():
    figure = Figure("name", "title", "ns", 30.0, False, lambda scale: lambda: Sample(29.0), "network-4", absolute=True)
    measured = Measured(figure, 29.0, 10.0, {})
    assert (measured.met, measured.ratio, figure.target) == (True, 2.9, "≤ 30 ns")
    assert Measured(figure, 31.0, 100.0, {}).met is False


def test_a_function_beside_the_c_library():
    (figure,) = select(["function-exp"])
    measured = measure(figure, TINY, None)
    if measured.value is None:
        pytest.skip(str(measured.notes["not measured"]))
    assert measured.value > 0.0 and measured.yardstick is not None and measured.yardstick > 0.0


def test_a_figure_that_brings_its_yardstick():
    values = iter([(4.0, 3.0), (2.0, 4.0), (6.0, 2.0)])
    taken = iter(Sample(ours, yardstick=theirs) for ours, theirs in values)
    figure = Figure("name", "title", "ns", 1.3, False, lambda scale: lambda: next(taken), paired=True)
    measured = measure(figure, Scale(3, 1.0), None)
    assert (measured.value, measured.yardstick, measured.ratio, measured.met) == (2.0, 2.0, 1.0, True)
    assert figure.target == "≤ 1.3 ×"


def test_without_a_compiler_exports_are_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("CC", "no-such-compiler")
    exports.subject.cache_clear()
    assert main(["bench", "--only", "export-predict-linear", "--quick", "--json"]) == 0
    (figure,) = json.loads(capsys.readouterr().out)["figures"]
    assert figure["value"] is None and figure["met"] is None
    assert "no-such-compiler" in figure["notes"]["not measured"]
    assert main(["bench", "--only", "export-predict-linear", "--quick"]) == 0
    assert "not measured CC='no-such-compiler'" in capsys.readouterr().out


def test_long_programs_are_live():
    assert [len(remove_dead_code(program)) for program in long_programs()] == [60] * 5


def test_random_programs_are_demo_shaped():
    programs = random_programs(50)
    assert {tuple(map(len, program.functions)) for program in programs} == {(10, 2, 8)}
    assert len({str(program) for program in programs}) == 50
    assert {instruction.op.name for program in programs for instruction in program.instructions} == {
        "const",
        "dot",
        "scalar_subtract",
        "scalar_multiply",
        "vector_scale",
        "vector_add",
    }
    assert demo_tasks().train_X.shape == (10, 100, 4)


@pytest.fixture(scope="module")
def yardsticks() -> Iterator[yardstick.Yardsticks]:
    try:
        with yardstick.compiled(("programs", "network-4", "bilinear-16")) as found:
            yield found
    except yardstick.Unavailable as error:
        pytest.skip(str(error))


def test_the_interpreter_in_c_gives_the_fitness_that_azdsl_gives(yardsticks: yardstick.Yardsticks):
    draw, count = Draw(), 300
    numbers = np.array([draw(2000) / 1000.0 - 1.0 for _ in range(200 * 16 * 5)]).reshape(200, 16, 5)
    X, y = numbers[:, :10, :4].swapaxes(0, 1), numbers[:, :10, 4].swapaxes(0, 1)
    tasks = TaskSet.from_arrays(X[:, :100], y[:, :100], X[:, 100:], y[:, 100:])
    programs = [random_program(draw) for _ in range(count)]
    expected = evaluate(programs, tasks, backend="vm", max_abs_error=math.inf).fitness.sum()
    reading = yardsticks.read("programs", str(count))
    assert reading.value > 0 and reading.checksum == pytest.approx(expected, rel=1e-12)


def test_the_network_in_c_learns_what_numpy_learns(yardsticks: yardstick.Yardsticks):
    draw, F = Draw(), 4
    numbers = np.array([draw(2000) / 1000.0 - 1.0 for _ in range(2 * 8000 * 8 * (F + 1))])
    examples = numbers.reshape(2, 8000, 8, F + 1)[1]
    at = np.arange(F)
    hidden = np.repeat(0.01 * ((5 * at[:, None] + 3 * at) % 7 - 3)[None], 8, axis=0)
    hidden_bias, output, bias = np.zeros((8, F)), np.repeat(0.1 * (at % 3 - 1)[None], 8, axis=0), np.zeros(8)
    for example in examples:
        x, y = example[:, :F], example[:, F]
        before = hidden_bias + np.einsum("tij,tj->ti", hidden, x)
        after = np.maximum(before, 0.0)
        change = 0.001 * (y - (after * output).sum(axis=1) - bias)
        bias += change
        output += change[:, None] * after
        back = np.where(before > 0, change[:, None] * output, 0.0)
        hidden_bias += back
        hidden += back[:, :, None] * x[:, None, :]
    reading = yardsticks.read("network-4")
    assert reading.value > 0 and reading.checksum == pytest.approx(bias.sum(), rel=1e-9)


def test_the_bilinear_model_in_c_learns_what_numpy_learns(yardsticks: yardstick.Yardsticks):
    draw, F = Draw(), 16
    numbers = np.array([draw(2000) / 1000.0 - 1.0 for _ in range(2 * 8000 * 8 * (F + 1))])
    weights, matrix = np.zeros((8, F)), np.zeros((8, F, F))
    for example in numbers.reshape(2, 8000, 8, F + 1)[1]:
        x, y = example[:, :F], example[:, F]
        prediction = ((np.einsum("tij,tj->ti", matrix, x) + weights) * x).sum(axis=1)
        change = 0.001 * (y - prediction)[:, None] * x
        weights += change
        matrix += change[:, :, None] * x[:, None, :]
    reading = yardsticks.read("bilinear-16")
    assert reading.value > 0 and reading.checksum == pytest.approx(weights[:, 0].sum(), rel=1e-9)


def test_the_bilinear_program_is_that_of_the_yardstick():
    """One task, trained by the program and by NumPy."""
    tasks = random_tasks(1, 400, 16, 50)
    weights, matrix = np.zeros(16), np.zeros((16, 16))
    for x, y in zip(tasks.train_X[0], tasks.train_y[0], strict=True):
        change = 0.001 * (y - (matrix @ x + weights) @ x) * x
        weights += change
        matrix += np.outer(change, x)
    errors = [y - (matrix @ x + weights) @ x for x, y in zip(tasks.valid_X[0], tasks.valid_y[0], strict=True)]
    expected = 1.0 - 2.0 / math.pi * math.atan(math.sqrt(np.mean(np.square(errors))))
    assert evaluate(bilinear(), tasks, backend="vm").fitness == pytest.approx(expected, rel=1e-12)


def test_the_programs_of_the_baseline_are_live_and_fit_its_setting():
    setting, found = load_experiment(baseline.SETTING), baseline.programs()
    assert len(found) == 93 and len(set(map(str, found))) == 49
    ops = {"setup": setting.search.setup, "predict": setting.search.predict, "learn": setting.search.learn}
    for program in found:
        assert len(remove_dead_code(program, ACCURACY)) == len(program) > 0
        assert all(len(block) <= limit.most for block, limit in zip(program.functions, ops.values(), strict=True))
