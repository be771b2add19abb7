"""The oracle of the tests: loss and its slope by the reference interpreter, in pure Python."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from azdsl.interp import Machine
from azdsl.ir import Address, Program
from azdsl.ir.metric import sigmoid, softmax
from azdsl.ops import Role
from azdsl.taskset import TaskSet
from azdsl.tuning.differentiate import Place

LIMIT = 100.0


def loss_and_slope(
    program: Program,
    tasks: TaskSet,
    presets: Mapping[Address, float] | None = None,
    change: Address | None = None,
    task: int = 0,
) -> tuple[float, float]:
    """The mean loss of the last validation and the mean of its change; NaN when training stops before it."""
    machine = Machine(program, tasks.features, seed=3, task=task, metric=tasks.metric_definition)
    memory = machine._memory
    memory.update(presets or {})
    zero = [0.0] * tasks.features if tasks.metric_definition.vector else 0.0
    if change is not None:
        memory.setdefault(change, zero)
    machine.run_setup()
    X, y = tasks.train_X[task].tolist(), tasks.train_y[task].tolist()
    visit, losses, slopes = 1, [], []
    for step in range(tasks.steps):
        at = step % len(X)
        scores = machine.predict(X[at], visit)
        _squash(machine, tasks, scores, change)
        far = [machine.prediction] if not tasks.metric_definition.vector else machine.prediction[: tasks.classes]
        right = [y[at]] if not tasks.metric_definition.vector else machine.label(y[at])[: tasks.classes]
        if not all(abs(a - b) <= LIMIT for a, b in zip(far, right, strict=True)):
            return math.nan, math.nan
        machine.learn(X[at], y[at], visit)
        visit += 1
        if (step + 1) % tasks.epoch_length == 0:
            losses, slopes = [], []
            for x, label in zip(tasks.valid_X[task].tolist(), tasks.valid_y[task].tolist(), strict=True):
                scores = machine.predict(x, visit)
                loss, slope = _terms(tasks, scores, label, zero if change is None else memory[change])
                losses.append(loss)
                slopes.append(slope)
                visit += 1
    return sum(losses) / len(losses), sum(slopes) / len(slopes)


def _squash(machine: Machine, tasks: TaskSet, scores, change: Address | None) -> None:
    memory = machine._memory
    if tasks.metric == "accuracy":
        p = machine.prediction = sigmoid(scores)
        if change is not None:
            memory[change] = p * (1.0 - p) * memory[change]
    elif tasks.metric_definition.vector:
        shares = softmax(scores[: tasks.classes])
        machine.prediction = shares + scores[tasks.classes :]
        if change is not None:
            old = memory[change]
            mean = sum(p * d for p, d in zip(shares, old, strict=False))
            memory[change] = [p * (d - mean) for p, d in zip(shares, old, strict=False)] + old[tasks.classes :]


def _terms(tasks: TaskSet, scores, label: float, change) -> tuple[float, float]:
    """One example's loss and its change."""
    if tasks.metric_definition.vector:
        shares = softmax(scores[: tasks.classes])
        right = shares[int(label)]
        loss = math.inf if right == 0.0 else -math.log(right) if right == right else math.nan
        return loss, sum((p - (i == label)) * change[i] for i, p in enumerate(shares))
    if tasks.metric == "rmse":
        return (scores - label) ** 2 if abs(scores) < 1e150 else math.inf, 2.0 * (scores - label) * change
    loss = max(scores, 0.0) + math.log1p(math.exp(-abs(scores))) - label * scores
    return loss, (sigmoid(scores) - label) * change


def with_constant(program: Program, place: Place, value: float) -> Program:
    """The program with another constant at a place."""
    function, at, slot = place
    blocks = [list(block) for block in program.functions]
    old = blocks[function][at]
    blocks[function][at] = replace(old, constants=(*old.constants[:slot], value, *old.constants[slot + 1 :]))
    return Program(*map(tuple, blocks))


def constant(program: Program, place: Place) -> float:
    """The constant at a place."""
    function, at, slot = place
    return program.functions[function][at].constants[slot]


def constant_places(program: Program) -> list[Place]:
    """Every constant that is a number but zero."""
    return [
        (function, at, slot)
        for function, block in enumerate(program.functions)
        for at, instruction in enumerate(block)
        for slot, (role, value) in enumerate(zip(instruction.op.constants, instruction.constants, strict=True))
        if role is not Role.INDEX and value != 0.0
    ]


def finite_differences(program: Program, place: Place, tasks: TaskSet) -> tuple[float, float, float]:
    """The loss's slope in a constant from central differences of two widths, and the rounding error they may have."""
    value = constant(program, place)
    width = 1e-5 * abs(value)
    slopes = []
    for half in (width, width / 2.0):
        above, below = (loss_and_slope(with_constant(program, place, value + d), tasks)[0] for d in (half, -half))
        slopes.append((above - below) / (2.0 * half))
    return slopes[0], slopes[1], 1e-13 * abs(above) / width
