"""Small searches and the files that they write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import learners

from azdsl.config.experiment import EVOLVABLE, Experiment
from azdsl.config.search import Range, Registers, Search
from azdsl.config.tasks import Linear
from azdsl.ops import BY_NAME

OPS = tuple(
    BY_NAME[n]
    for n in ("const", "dot", "scalar_subtract", "scalar_multiply", "vector_scale", "vector_add", "vector_gaussian")
)


LEARNER = learners.LINEAR.replace("s4", "s3").replace("0.01", "0.05")
"""A linear learner in the registers of ``small``."""


def small(all_ops: bool = False, **search: Any) -> Experiment:
    """An experiment that takes less than a second: 3000 candidates in epochs of 200."""
    settings: dict[str, Any] = {
        "population": 60,
        "tournament": 5,
        "init": "random",
        "setup": Range(1, 4),
        "predict": Range(1, 3),
        "learn": Range(1, 5),
        "islands": 2,
        "epoch": 200,
        "cache": 500,
        "max_evals": 3000,
        "migrants": 0.05,
        "parsimony": 0.0,
        "tune": 0.0,
    }
    task = Linear(features=3, tasks=3, train=12, valid=6, select_tasks=4, test_tasks=5)
    ops = EVOLVABLE if all_ops else OPS
    return Experiment(task=task, registers=Registers(4, 3, 1), search=Search(**(settings | search)), ops=(ops,) * 3)


def files(path: Path) -> dict[str, bytes]:
    """The files that must not depend on how a run proceeded: ``best.az`` and the hall of fame."""
    names = [path / "best.az", path / "hall_of_fame.csv", *sorted((path / "hall_of_fame").iterdir())]
    return {str(name.relative_to(path)): name.read_bytes() for name in names}
