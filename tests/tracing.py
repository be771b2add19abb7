"""The oracle of traces: the reference interpreter, with the last result of every instruction."""

from __future__ import annotations

from typing import Any

import numpy as np

from azdsl.codegen.aot.frames import Spec
from azdsl.interp import Machine
from azdsl.interp.evaluate import Rules, _train
from azdsl.interp.machine import PRECISIONS


class _Recorder(Machine):
    """A machine that keeps each instruction's last result, as float64."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec.program, spec.features, seed=spec.seed, metric=spec.metric, precision=spec.precision)
        self.functions = spec.program.functions
        self.results: list[np.ndarray | None] = [None] * len(spec.program)

    def _run(self, block: Any, visit: int) -> None:
        self._visit = visit
        function = [id(one) for one in (self._setup, self._predict, self._learn)].index(id(block))
        start = sum(map(len, self.functions[:function]))
        for at, (step, instruction) in enumerate(zip(block, self.functions[function], strict=True)):
            step()
            if instruction.output:
                self.results[start + at] = np.ravel(np.array(self[instruction.output], float))


class ExpectedTrace:
    """What a traced model must write for examples learned in order."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.visits = spec, 0
        self.rules = Rules(spec.metric, spec.classes, PRECISIONS[spec.precision](spec.max_abs_error))
        with np.errstate(all="ignore"):
            self.machine = _Recorder(spec)
            self.machine.run_setup()

    def learn(self, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether no error exceeded the limit; the first that does ends training."""
        with np.errstate(all="ignore"):
            for example in zip(X.tolist(), y.tolist(), strict=True):
                self.visits += 1
                if not _train(self.machine, example, self.visits, self.rules):
                    return False
        return True

    @property
    def results(self) -> list[np.ndarray | None]:
        """The last result of each instruction of the live program, None for one that has not run."""
        return self.machine.results
