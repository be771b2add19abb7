"""What goes wrong first in the evaluation of a program: a value that is not finite, or an error that is too large."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from azdsl.interp.evaluate import Rules, task_fitness
from azdsl.interp.machine import PRECISIONS, Machine, Step
from azdsl.ir import FUNCTIONS, Program, remove_dead_code
from azdsl.taskset import TaskSet


@dataclass(frozen=True)
class Fault:
    """The first fault of an evaluation, in task number ``task`` after ``examples`` training examples of it; both count from 0.

    ``function`` and ``instruction`` name the first live instruction whose result has NaN or infinity. Both are empty if
    all results were finite, but an error was too large, of the next training example or of a validation. ``value`` is that number.
    """

    task: int
    examples: int
    function: str
    instruction: str
    value: float

    def __str__(self) -> str:
        """One sentence."""
        when = f"task {self.task}, after {self.examples} training examples"
        if not self.instruction:
            return f"{when}: an error of {self.value:.6g} is too large"
        return f"{when}: {self.instruction} in {self.function} gives {self.value}"


class _NotFinite(Exception):
    """An instruction has a result with NaN or infinity."""

    def __init__(self, function: str, instruction: str, value: float) -> None:
        super().__init__(instruction)
        self.function, self.instruction, self.value = function, instruction, value


class _Watched(Machine):
    """A machine for a ``program`` without dead code that raises ``_NotFinite``. ``examples`` counts those it learned."""

    def __init__(self, program: Program, features: int, **settings: Any) -> None:
        super().__init__(program, features, **settings)
        self.examples = 0
        self.last_label: Any = None
        self.predictions: list[Any] = []  # since it learned last
        self._functions = program.functions

    def label(self, y: float) -> Any:
        self.last_label = super().label(y)
        return self.last_label

    def predict(self, x: Sequence[float], visit: int = 1) -> Any:
        self.predictions.append(super().predict(x, visit))
        return self.prediction

    def learn(self, x: Sequence[float], y: float, visit: int = 1) -> None:
        super().learn(x, y, visit)
        self.examples += 1
        self.predictions.clear()

    def _run(self, block: list[Step], visit: int) -> None:
        self._visit = visit
        function = [id(own) for own in (self._setup, self._predict, self._learn)].index(id(block))
        for step, instruction in zip(block, self._functions[function], strict=True):
            step()
            if instruction.output:
                for value in np.ravel(self[instruction.output]).tolist():
                    if not math.isfinite(value):
                        raise _NotFinite(FUNCTIONS[function], str(instruction), value)


def first_fault(
    program: Program,
    tasks: TaskSet,
    among: Iterable[int],
    *,
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
) -> Fault | None:
    """The first fault on one of the tasks ``among`` in the evaluation that ``evaluate`` makes of the other arguments; None without any."""
    rules = Rules(tasks.metric_definition, tasks.classes, PRECISIONS[precision](max_abs_error))
    live = remove_dead_code(program, rules.metric)
    with np.errstate(all="ignore"):
        for task in among:
            machine = _Watched(live, tasks.features, seed=seed, task=task, metric=rules.metric, precision=precision)
            try:
                fitness = task_fitness(machine, tasks, task, rules)
            except _NotFinite as found:
                return Fault(task, machine.examples, found.function, found.instruction, found.value)
            errors: Any = None
            if machine.examples < tasks.steps:
                errors = np.ravel(np.subtract(machine.last_label, machine.prediction))[: rules.classes or None]
            elif fitness <= 0.0 and not rules.metric.classifies:
                errors = tasks.valid_y[task] - np.array(machine.predictions, np.float64)
            if errors is not None:
                return Fault(task, machine.examples, "", "", float(np.abs(errors).max()))
    return None
