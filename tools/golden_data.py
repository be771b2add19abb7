"""Results outside programs that every machine must give: task data, tuned constants, statistics. For ``tools/golden.py``.

Each result is the SHA-256 digest of numbers, their bits included. Tables and pictures are made of random integers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PICTURES, SIDE, CLASSES = 600, 32, 5
ROWS = 300

TASKS = {
    "linear": "linear(features=5, tasks=3, train=70, valid=31)",
    "affine": "affine(features=16, tasks=2, train=40, valid=20)",
    "two-layer": "two_layer(features=7, tasks=2, train=40, valid=3000)",
    "two-layer with noise": "two_layer(features=4, tasks=2, train=40, valid=20, activation=abs, output_weights=one_sign, noise=0.25)",
    "projected": 'projected(images=npz, path="pictures.npz", tasks=3, train=90, valid=20, select_tasks=2, test_tasks=2)',
    "images": 'images(images=npz, path="pictures.npz", classes="0 2 4", tasks=2, train=60, valid=20, '
    "select_tasks=2, test_tasks=2)",
    "table": 'file(path="table.csv", target=target, tasks=3, missing=mean, dates=day)',
    "table of classes": 'file(path="table.csv", target=kind, metric_name=accuracy, columns="size, weight", missing=median, tasks=2)',
}
"""Task statements by name."""

TUNED = """task linear(features=4, tasks=3, train=40, valid=20, select_tasks=2, test_tasks=2, select_train=40, select_valid=20)
def Setup():
  s3 = 0.02
  s4 = 0.7
def Predict():
  s1 = dot(v0, v1)
  s1 = s1 * s4
def Learn():
  s2 = s0 - s1
  s2 = s3 * s2
  v2 = s2 * v0
  v1 = v1 + v2
"""
EVALUATIONS = 300


def digest(*parts: Any) -> str:
    """The digest of arrays of float64 or of texts."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part, np.float64).tobytes())
    return found.hexdigest()


def digests() -> dict[str, str]:
    """The digest of every result by its name."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        data = dict(task_data(Path(folder)))
    return {**data, **dict(statistics()), "tuning": tuning(), "proxy": proxy()}


def write_files(folder: Path) -> None:
    """Pictures and a table of random integers."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, CLASSES, PICTURES)
    pixels = draw.integers(0, 200, (PICTURES, SIDE, SIDE, 3)) + 10 * labels[:, None, None, None]
    np.savez(folder / "pictures.npz", images=pixels.astype(np.uint8), labels=labels)
    lines = ["size,weight,day,colour,target,kind"]
    for at in range(ROWS):
        a, b, c, d = draw.integers(1, 100_000, 4).tolist()
        weight = "" if at % 7 == 0 else str(b / 1000.0)
        kind = int(a + d > 100_000)
        lines.append(
            f"{a},{weight},2026-{c % 12 + 1:02}-{c % 28 + 1:02},{['red', 'green', 'blue'][d % 3]},{a + 3 * d / 7},{kind}"
        )
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def task_data(folder: Path) -> Iterator[tuple[str, str]]:
    """Examples of the three splits of every kind of task, and what is reported of their labels."""
    from azdsl.syntax import parse_experiment
    from azdsl.tasks import build, task_cache
    from azdsl.tasks.splits import STREAMS

    # Else image tasks would be read that another machine has stored.
    task_cache.folder = lambda: folder / "image-tasks"
    for name, text in TASKS.items():
        task = parse_experiment(f"task {text}\ndef Setup():\ndef Predict():\ndef Learn():\n").task
        assert task is not None
        for split in STREAMS:
            made = build(task, 7, split, folder)
            yield f"{name}, {split}", digest(made.train_X, made.train_y, made.valid_X, made.valid_y)
            yield f"{name}, {split}: baseline", digest(made.baseline())
            if not made.metric_definition.classifies:
                fitness = np.linspace(0.0, 1.0, made.tasks + 2)[1:-1]
                yield f"{name}, {split}: RMSE", digest(made.rmse(fitness.tolist()), made.mean_rmse())


def statistics() -> Iterator[tuple[str, str]]:
    """Paired differences with their intervals."""
    from azdsl.paired import difference

    draw = np.random.default_rng(1)
    for count in (2, 3, 10, 20, 101):
        first, second = draw.integers(0, 1 << 30, (2, count)) * 2.0**-30
        for overlap, halves in ((0.0, False), (0.3, False), (0.0, True)):
            facts = dataclasses.asdict(difference(first, second, overlap, halves))
            yield f"difference of {count} tasks, overlap {overlap}, halves {halves}", digest(repr(facts))


def tuning() -> str:
    """A program tuned by every method."""
    import azdsl
    from azdsl.syntax import parse_experiment
    from azdsl.tuning import METHODS

    found = azdsl.tune(parse_experiment(TUNED), method=METHODS, max_evals=EVALUATIONS)
    return digest(found.text, repr(found.methods), repr(found.after))


def proxy() -> str:
    """Linear equations of the size that the proxy of the fitness solves."""
    from azdsl.search.islands.proxy import solve

    X = np.random.default_rng(2).integers(-1000, 1000, (50, 13)) / 1024.0
    products = (X[:, :, None] * X[:, None, :]).sum(axis=0)  # exact in any order: multiples of 2**-20
    return digest(solve(products, X[0]))
