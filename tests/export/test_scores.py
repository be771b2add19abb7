"""The fitness in a ``best.az`` equals the fitness computed with each export of its program."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import LINEAR as LEARNER
from learners import SOFTMAX
from modules import imported

import azdsl
from azdsl import tasks as make
from azdsl.config.experiment import Experiment
from azdsl.config.search import Range, Registers, Search
from azdsl.config.tasks import FileTask, Linear
from azdsl.export.library import bundle
from azdsl.export.library.compiled_model import make_spec
from azdsl.export.library.file_names import parse_kinds
from azdsl.scoring import draw_seed
from azdsl.syntax import load_experiment
from azdsl.taskset import TaskSet

NUMPY_BOUND = 1e-9
"""Tolerance for sums in another order and functions of another library: a few ulps each, amplified by training."""

SEARCH = Search(
    population=50, tournament=5, init="seed", setup=Range(1, 6), predict=Range(1, 4), learn=Range(1, 9),
    islands=1, epoch=200, cache=500, max_evals=600,
)  # fmt: skip

LINEAR = LEARNER.replace("0.01", "0.02")
RANDOM = LINEAR.replace("0.02\n", "0.02\n  v1 = gaussian(0.0, 0.1)\n")
SEEDS = {"linear": LINEAR, "rmse": RANDOM, "accuracy": LINEAR, "multiclass": SOFTMAX}


def table(path: Path, metric: str) -> None:
    """Rows that a linear program can learn."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    score = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=120)
    y = {"rmse": score, "accuracy": score > 0, "multiclass": np.digitize(score, [-1.0, 1.0])}[metric]
    np.savez(path, X=X, y=y.astype(float))


@pytest.fixture(scope="module", params=SEEDS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small run."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    task: Any = Linear(features=4, tasks=3, train=40, valid=20, select_tasks=3, test_tasks=4)
    if kind != "linear":
        table(folder / "data.npz", kind)
        task = FileTask(data="data.npz", tasks=3, metric=kind, epochs=1)
    # what is drawn depends on the task's number, and an export is task 0: several tasks only without draws
    ops = "const, dot, s - s, s * s, s * v, v + v, s + s" + (
        "" if kind == "linear" else ", outer, m + m, dot(m, v), v - v, v = gaussian"
    )
    experiment = Experiment(azdsl.parse(SEEDS[kind]), task, Registers(6, 5, 3), SEARCH)
    from azdsl.search.evolve import run as search
    from azdsl.setting_overrides import override

    search(override(experiment, {"ops": ops}), base_dir=folder, out=folder / "run", quiet=True)
    return folder / "run"


def stored(run: Path) -> tuple[Experiment, dict[str, float]]:
    text = (run / "best.az").read_text(encoding="utf-8")
    scores = {role: float(re.search(rf"# {role} fitness +(\S+)", text)[1]) for role in ("selection", "test")}  # type: ignore[index]
    return load_experiment(run / "best.az"), scores


def protocol(model: Any, scores: Any, tasks: TaskSet, at: int) -> float:
    """The fitness of one task by docs/semantics.md: train, validate once. ``scores`` says what a model predicts."""
    model.fit(tasks.train_X[at], tasks.train_y[at])
    if getattr(model, "stopped", False):
        return 0.0
    predicted, labels = scores(model, tasks.valid_X[at]), tasks.valid_y[at]
    if tasks.metric == "rmse":
        if not all(abs(y - p) <= 100.0 for p, y in zip(predicted, labels, strict=True)):
            return 0.0
        total = 0.0
        for p, y in zip(predicted, labels, strict=True):
            total += float((y - p) * (y - p))
        return 1.0 - (2.0 / math.pi) * math.atan(math.sqrt(total / len(labels)))
    right = [_right(p, y, tasks) for p, y in zip(predicted, labels, strict=True)]
    return sum(right) / len(right)


def _right(predicted: Any, label: float, tasks: TaskSet) -> bool:
    if not tasks.metric_definition.vector:
        return bool((label > 0.5) == (predicted > 0.5))
    first = np.asarray(predicted)[: tasks.classes]
    return not np.isnan(first).any() and int(first.argmax()) == label


def probabilities(model: Any, X: np.ndarray) -> Any:
    return model.predict(X)


def raw(model: Any, X: np.ndarray) -> Any:
    """Multi-class validation does not squash: it reads v2 after Predict."""
    found = []
    for x in X:
        model.predict(x[None])
        found.append(np.array(model.memory["v2"]))
    return found


def of_numpy(metric: str) -> Any:
    """The scores of the NumPy module, before they become classes."""
    squash = {"accuracy": lambda s: 1.0 / (1.0 + np.exp(-s))}.get(metric, lambda s: s)
    return lambda model, X: squash(model.scores(X))


@pytest.mark.parametrize("export", ["memory", "python", "numpy"])
def test_score_of_the_best_is_that_of_its_exports(run: Path, export: str, tmp_path: Path) -> None:
    if export == "python" and not shutil.which("cc"):
        pytest.skip("no C compiler")
    experiment, scores = stored(run)
    assert experiment.task is not None
    for role, name in (("select", "selection"), ("test", "test")):
        seed = draw_seed(experiment.search.seed, role)  # type: ignore[arg-type]
        tasks = make.build(experiment.task, experiment.search.seed, role, run)  # type: ignore[arg-type]
        facts = {"metric": tasks.metric, "classes": tasks.classes or None, "seed": seed}
        predict = raw if tasks.metric_definition.vector else probabilities
        if export == "memory":
            model: Any = azdsl.compile(experiment.program, tasks.features, **facts)
        else:
            spec = make_spec(experiment.program, tasks.features, **facts)
            kind = parse_kinds(export)
            (folder := tmp_path / role).mkdir()
            model = imported(bundle.write([spec], folder / "lib", kind, "native")[export]).Model()
            predict = of_numpy(tasks.metric) if export == "numpy" else predict
        found = [protocol(model, predict, tasks, at) for at in range(tasks.tasks)]
        mean = sum(found) / len(found)
        assert mean > 0.5
        if export == "numpy":
            assert mean == pytest.approx(scores[name], rel=0, abs=NUMPY_BOUND)
        else:
            assert mean == scores[name]


def test_numpy_keeps_the_limit_and_refuses_the_rest(tmp_path: Path) -> None:
    program = azdsl.parse(LINEAR)

    def write(**facts: Any) -> Any:
        from dataclasses import replace

        image = facts.pop("image", b"")
        spec = replace(make_spec(program, 4, **facts), image=image)
        return imported(bundle.write([spec], tmp_path / "lib", ("numpy",), "native")["numpy"]).Model()

    assert write(max_abs_error=2.5).max_abs_error == 2.5
    assert write(max_abs_error=math.inf).max_abs_error == math.inf
    before = (tmp_path / "lib_numpy.py").read_text()
    with pytest.raises(
        ValueError, match="a NumPy module computes in 64 bits: leave out --emit numpy or --precision 32"
    ):
        write(precision=32)
    with pytest.raises(ValueError, match="only with the rows that the model learned"):
        write(image=b"x" * 64)
    assert (tmp_path / "lib_numpy.py").read_text() == before


def test_rows_side_by_side_have_room_in_the_model() -> None:
    """Several matrices in every lane do not fit the stack; how many depends on the vector size of the processor."""
    roomy = 0
    for count in (3, 6, 12):
        others = range(2, count + 1)
        lines = "  m1 = outer(v0, v0)\n" + "".join(f"  m{n} = matmul(m{n - 1}, m1)\n" for n in others)
        lines += "".join(f"  m1 = matmul(m1, m{n})\n" for n in others)
        program = azdsl.parse(f"def Setup():\ndef Predict():\n{lines}  s1 = mean(m1)\ndef Learn():\n")
        model = azdsl.compile(program, 16)
        assert model._spec.rows_independent
        roomy += len(model._memory) > model._spec.state_bytes
        X = np.random.default_rng(0).normal(size=(40, 16)) / 4
        assert model.predict(X).tobytes() == np.concatenate([model.predict(x[None]) for x in X]).tobytes()
    assert roomy
