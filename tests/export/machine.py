"""The oracle of compiled models: the reference interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from azdsl.interp import Machine
from azdsl.interp.evaluate import Rules, _train
from azdsl.interp.machine import PRECISIONS
from azdsl.ir import Address, Program, remove_dead_code
from azdsl.ir.metric import METRICS, sigmoid, softmax


@contextmanager
def quiet() -> Iterator[None]:
    """A context without NumPy's warnings about IEEE arithmetic."""
    with np.errstate(all="ignore"):
        yield


class Expected:
    """The interpreter with the interface of a compiled model."""

    def __init__(
        self,
        program: Program,
        features: int,
        metric: str = "rmse",
        classes: int = 0,
        precision: int = 64,
        seed: int = 0,
    ) -> None:
        self.metric, self.classes = METRICS[metric], classes
        live = remove_dead_code(program, self.metric)
        self.rules = Rules(self.metric, classes, PRECISIONS[precision](100.0))
        self.visit = 0
        with quiet():
            self.machine = Machine(live, features, seed=seed, metric=self.metric, precision=precision)
            self.machine.run_setup()

    def fit(self, X: Any, y: Any) -> bool:
        """Training steps in order; whether all were taken."""
        with quiet():
            for example in zip(np.asarray(X).tolist(), np.asarray(y, float).tolist(), strict=True):
                self.visit += 1
                if not _train(self.machine, example, self.visit, self.rules):
                    return False
        return True

    def predict(self, X: Any) -> np.ndarray:
        """Predictions in order."""
        rows = []
        with quiet():
            for x in np.asarray(X).tolist():
                self.visit += 1
                score = self.machine.predict(x, self.visit)
                if self.metric.vector:
                    rows.append(softmax(score[: self.classes]))
                else:
                    rows.append(sigmoid(score) if self.metric.name == "accuracy" else score)
        return np.array(rows, float)

    def __getitem__(self, address: Address) -> np.ndarray:
        return np.array(self.machine[address], float)


def same(a: Any, b: Any) -> bool:
    """Whether numbers are equal bit for bit, any NaN for any other."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    nan = np.isnan(a)
    return a.shape == b.shape and bool((nan == np.isnan(b)).all()) and a[~nan].tobytes() == b[~nan].tobytes()
