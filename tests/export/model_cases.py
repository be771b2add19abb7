"""Programs with examples, for machines that a model is compiled for, and what the interpreter says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from machine import Expected, same
from strategies import METRIC_NAMES, METRICS, random_program, random_tasks

from azdsl.codegen.aot.frames import Spec
from azdsl.export.library.compiled_model import make_spec
from azdsl.ir import Program
from azdsl.ops import OPS


class Case(NamedTuple):
    """A program, what it is compiled for, examples to learn from and rows to predict."""

    program: Program
    facts: dict[str, Any]
    X: np.ndarray
    y: np.ndarray
    rows: np.ndarray


def cases() -> list[Case]:
    """Programs of every op, and random ones of every metric in both precisions, with examples."""
    found = []
    for op in OPS:
        if op.output:
            rng = np.random.default_rng(op.code)
            program = random_program(rng, ops=[op, *(o for o in OPS if o.output and not o.inputs)], max_length=5)
            F = 1 + op.code % 9
            facts = {"features": F, "precision": (64, 32)[op.code % 2], "seed": op.code}
            found.append(Case(program, facts, rng.normal(size=(9, F)), rng.normal(size=9), rng.normal(size=(7, F))))
    for number in range(60):
        rng = np.random.default_rng(number)
        metric = METRIC_NAMES[number % 3]
        F = max(1 + number % 9, 2 if METRICS[metric].vector else 1)
        program = random_program(rng, max_length=8, metric=METRICS[metric])
        tasks = random_tasks(rng, F, 1, metric, 1, 30)
        facts = {"features": F, "metric": metric, "precision": (64, 32)[number // 3 % 2], "seed": number}
        if metric == "multiclass":
            facts["classes"] = tasks.classes
        found.append(Case(program, facts, tasks.train_X[0], tasks.train_y[0], rng.normal(size=(7, F))))
    return found


def specs_of(made: Sequence[Case]) -> list[Spec]:
    """What is compiled: the functions of case n begin with ``pn_``."""
    return [make_spec(case.program, **case.facts, prefix=f"p{at}_") for at, case in enumerate(made)]


class Compared(NamedTuple):
    """Numbers that were compared with the interpreter's, cases with another number, and cases that predicted something."""

    numbers: int
    different: list[int]
    telling: int


def compare(made: Sequence[Case], stopped: Sequence[int], out: Sequence[np.ndarray]) -> Compared:
    """Compare what another machine learned and predicted: whether training stopped, and the predictions of each case."""
    numbers, different, telling = 0, [], 0
    for at, (case, code, found) in enumerate(zip(made, stopped, out, strict=True)):
        expected = Expected(case.program, **case.facts)
        learned = expected.fit(case.X, case.y)
        predictions = expected.predict(case.rows).reshape(len(case.rows), -1)
        numbers += 1 + predictions.size
        if code != (0 if learned else 1) or not same(found.reshape(predictions.shape), predictions):
            different.append(at)
        telling += learned and bool(np.isfinite(predictions).all() and predictions.any())
    return Compared(numbers, different, telling)


def check(made: Sequence[Case], stopped: Sequence[int], out: Sequence[np.ndarray]) -> None:
    """Assert that every case learned and predicted as the interpreter does; and that many predicted something."""
    found = compare(made, stopped, out)
    assert found.different == [] and found.telling > len(made) // 3
