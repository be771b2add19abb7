"""One round of the soak test: random programs on random task sets, evaluated by several backends and compared bit for bit.

The programs, the task sets and the selection of comparisons depend only on the random seed and the number of the round.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from soak_case import Case, FirstTask, Fitness, standalone
from strategies import METRIC_NAMES, random_program, random_tasks

from azdsl import codegen, interp
from azdsl.config.search import Registers
from azdsl.export.library.errors import ExportError
from azdsl.export.library.linker import linker
from azdsl.interp import Machine
from azdsl.ir import METRICS, MetricName, Program, pack_live
from azdsl.ops import BY_NAME, OPS
from azdsl.taskset import TaskSet

PAIRS = ("interp=vm", "vm=jit", "vm=aot", "vm=library")
"""The pairs of backends that are compared."""

FEATURES = (1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 8, 9, 16, 17, 33)
TASKS = (1, 1, 1, 1, 2, 2, 2, 3, 5, 9, 17)
EPOCHS = (1, 1, 1, 2, 3)
LONGEST = (2, 4, 8, 8, 16)
BANKS = (Registers(5, 4, 2), Registers(5, 4, 2), Registers(20, 20, 20), Registers(3, 3, 1))
LIMITS = (100.0, 100.0, 1.0, 1e9, float("inf"))

NARROW = Registers(4, 3, 2)
"""Registers of programs with few different ops."""

FIRST = (BY_NAME["const"], BY_NAME["vector_broadcast"])
"""Ops that give a scalar and a vector other values than 0."""

PARTIAL = tuple(
    BY_NAME[name] for name in ("scalar_divide", "vector_divide", "matrix_divide", "log", "arcsin", "arccos")
)
"""Ops whose result can be NaN for finite inputs."""

COMPARING = tuple(op for op in OPS if "minimum" in op.name or "maximum" in op.name or "heaviside" in op.name)
"""Ops that compare numbers, for which NaN is a special case."""

ELEMENTARY = tuple(BY_NAME[name] for name in ("exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan"))
"""Ops that the language defines without the C library."""

WEIGHT = 8
"""Copies of each of ``ELEMENTARY`` among the ops that rich programs draw from: about half of their ops are elementary."""

LONG_EXAMPLES, SHORT_EXAMPLES = 12, 3
"""Maximum numbers of examples of a task, for training and for validation, in one of ``LONG_EVERY`` task sets and in the others."""

LONG_EVERY = 8

INTERPRETED = 7000.0
"""Estimated time budget of the interpreter for each program of a round, in microseconds. A program that exceeds it takes the
excess from the budget of the next programs."""

MOST_INTERPRETED = 20
"""Maximum number of task sets on which the interpreter evaluates one program."""

GROUP = 4
"""Consecutive rounds with the same shape, for which the VM is compiled once."""

TOGETHER = 16
"""Programs that are evaluated on all task sets before the next ones are; fewer than the compiled programs that azdsl caches."""

SAMPLED = 10
"""One program of this many is run in the interpreter to count NaN and infinity in its registers."""


@dataclass(frozen=True)
class Size:
    """The size of a round.

    The first ``compiled`` programs by the JIT, and the last ``standalone`` programs as models, are evaluated on all task sets,
    because compiling a program takes as long as thousands of evaluations. The interpreter evaluates every program on a few. If
    ``kinds`` is above 0, each program consists of this many different ops in few registers. The same ops, constants and NaN then
    combine often, as the rewrite rules of an optimizer need to apply.
    """

    programs: int
    task_sets: int
    compiled: int
    standalone: int
    kinds: int = 0


DEEP = Size(programs=640, task_sets=2400, compiled=16, standalone=12)
"""Few compiled programs on many task sets, for rare values."""

WIDE = Size(programs=200, task_sets=20, compiled=200, standalone=12, kinds=6)
"""Many compiled programs on few task sets, for rare combinations of ops: one round of each ``GROUP``."""


@dataclass(frozen=True)
class Shape:
    """The properties that all programs and task sets of a round share."""

    features: int
    tasks: int
    metric: MetricName
    classes: int
    precision: int
    max_abs_error: float
    longest: int
    banks: int


@dataclass(frozen=True)
class Outcome:
    """The record of a round, and the first case in which backends differed, or None."""

    facts: Mapping[str, Any]
    failure: Case | None


def make_shape(rng: np.random.Generator) -> Shape:
    """Draw the shape of a round."""
    metric = METRIC_NAMES[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    features = max(int(rng.choice(FEATURES)), 2 if METRICS[metric].vector else 1)
    classes = int(rng.integers(2, min(features, 11) + 1)) if METRICS[metric].vector else 0
    banks = int(rng.integers(len(BANKS)))
    precision = 64 if rng.random() < 0.7 else 32
    limit, longest = float(rng.choice(LIMITS)), int(rng.choice(LONGEST))
    return Shape(features, int(rng.choice(TASKS)), metric, classes, precision, limit, longest, banks)


def make_task_set(rng: np.random.Generator, shape: Shape) -> TaskSet:
    """Draw a small task set of a shape. The numbers of examples and epochs vary."""
    most = LONG_EXAMPLES if rng.integers(LONG_EVERY) == 0 else SHORT_EXAMPLES
    tasks: TaskSet = random_tasks(rng, shape.features, shape.tasks, shape.metric, int(rng.choice(EPOCHS)), most)
    if not METRICS[shape.metric].vector:
        return tasks
    labels: dict[str, Any] = {
        name: rng.integers(0, shape.classes, getattr(tasks, name).shape).astype(float)
        for name in ("train_y", "valid_y")
    }
    return replace(tasks, classes=shape.classes, **labels)


def make_program(rng: np.random.Generator, shape: Shape, kinds: int, rich: bool = False) -> Program:
    """Draw a program for tasks of a shape; if ``kinds`` is above 0, a long one with this many different ops.

    With ``rich``, about half of the ops are elementary functions.
    """
    ops, registers, longest = OPS, BANKS[shape.banks], shape.longest
    if rich:
        ops = (*OPS, *ELEMENTARY * (WEIGHT - 1))
    if kinds:
        chosen = [*FIRST, PARTIAL[int(rng.integers(len(PARTIAL)))], COMPARING[int(rng.integers(len(COMPARING)))]]
        chosen += [ops[at] for at in rng.choice(len(ops), max(0, kinds - len(chosen)), replace=False)]
        ops, registers, longest = tuple(chosen), NARROW, max(LONGEST)
    program: Program = random_program(rng, ops, registers, longest, METRICS[shape.metric])
    return program


def run_round(seed: int, number: int, size: Size | None = None, rich: bool = False) -> Outcome:
    """Run one round. If ``size`` is None, the round's number determines it; ``rich`` as for ``make_program``."""
    size = size or (WIDE if number % GROUP == GROUP - 1 else DEEP)
    started = time.process_time()
    shape, rng = make_shape(np.random.default_rng([seed, number // GROUP])), np.random.default_rng([seed, 0, number])
    options: dict[str, Any] = {"max_abs_error": shape.max_abs_error, "precision": shape.precision}
    programs = [make_program(rng, shape, size.kinds, rich) for _ in range(size.programs)]
    task_sets = [make_task_set(rng, shape) for _ in range(size.task_sets)]
    seeds = [int(s) for s in rng.integers(0, 2**64, size.task_sets, np.uint64)]
    library = bool(rng.random() < 0.5) and _can_link()
    chosen = range(min(size.compiled, len(programs)))
    alone = range(max(0, len(programs) - size.standalone), len(programs))
    interpreted = list(_interpreted_pairs(programs, task_sets, shape))
    wanted: list[dict[int, Fitness]] = [dict.fromkeys((*chosen, *alone), _NONE) for _ in task_sets]
    for p, k in interpreted:
        wanted[k][p] = _NONE
    by_vm = [
        dict(zip(w, codegen.evaluate([programs[p] for p in w], t, backend="vm", seed=s, **options), strict=True))
        for w, t, s in zip(wanted, task_sets, seeds, strict=True)
    ]
    checks: Counter[str] = Counter()
    seen: dict[str, set[int]] = {}

    def compare(pair: str, p: int, first: Fitness, second: Fitness) -> bool:
        checks[pair] += 1
        seen.setdefault(pair, set()).add(p)
        return first.tobytes() == second.tobytes()

    def differing() -> Iterator[tuple[str, int, int]]:
        """Make all comparisons of the round; yield pair, task set and program of each difference."""
        for p, k in interpreted:
            fitness = np.array(interp.evaluate(programs[p], task_sets[k], seed=seeds[k], **options))
            if not compare(PAIRS[0], p, fitness, by_vm[k][p]):
                yield PAIRS[0], k, p
        for some in (chosen[at : at + TOGETHER] for at in range(0, len(chosen), TOGETHER)):
            for k, tasks in enumerate(task_sets):
                by_jit = codegen.evaluate([programs[p] for p in some], tasks, backend="jit", seed=seeds[k], **options)
                for p, found in zip(some, by_jit, strict=True):
                    if not compare(PAIRS[1], p, by_vm[k][p], found):
                        yield PAIRS[1], k, p
        pair = PAIRS[3 if library else 2]
        facts = (shape.features, shape.metric, shape.precision, shape.classes, shape.max_abs_error)
        firsts = [FirstTask.of(tasks) for tasks in task_sets]
        with standalone([programs[p] for p in alone], facts, library) as models, np.errstate(all="ignore"):
            for p, model in zip(alone, models, strict=True):
                for k, task in enumerate(firsts):
                    if not compare(pair, p, by_vm[k][p][:1], np.array([model.fitness(task, seeds[k])])):
                        yield pair, k, p

    found = next(differing(), None)
    failure = None
    if found:
        pair, k, p = found
        failure = Case(pair, programs[p], task_sets[k], seeds[k], shape.max_abs_error, shape.precision)
    checked = [programs[p] for p in sorted(set().union(*seen.values()))]
    facts = {
        "seed": seed,
        "round": number,
        "rich": rich,
        "shape": asdict(shape) | {"max_abs_error": repr(shape.max_abs_error)},
        "checks": dict(checks),
        "programs": {pair: len(places) for pair, places in seen.items()},
        "task_sets": len(task_sets),
        **_exercised(checked, task_sets[0], np.stack([row for rows in by_vm for row in rows.values()]), shape),
        "cpu_seconds": round(time.process_time() - started, 3),
    }
    return Outcome(facts, failure)


def _can_link() -> bool:
    try:
        return bool(linker())
    except ExportError:
        return False


def _interpreted_pairs(
    programs: Sequence[Program], task_sets: Sequence[TaskSet], shape: Shape
) -> Iterator[tuple[int, int]]:
    """Yield the programs and task sets that the interpreter evaluates, within the time budget ``INTERPRETED``."""
    left = 0.0
    for p, program in enumerate(programs):
        left = min(left, INTERPRETED) + INTERPRETED
        for at in range(min(MOST_INTERPRETED, len(task_sets))):
            if left <= 0:
                break
            k = (MOST_INTERPRETED * p + at) % len(task_sets)
            yield p, k
            left -= _interpreting(program, task_sets[k], shape.precision)


def _interpreting(program: Program, tasks: TaskSet, precision: int) -> float:
    """Estimate the time of the interpreter without early stopping, in microseconds."""
    trained, validated = tasks.steps, tasks.steps // tasks.epoch_length * tasks.valid_X.shape[1]
    entry = 0.06 if precision == 64 else 0.12
    total = 100.0 + 15.0 * len(program)
    for times, block in zip((1, trained + validated, trained), program.functions, strict=True):
        for op in (instruction.op for instruction in block):
            total += times * (1.0 + float(tasks.features**op.rank) * (20.0 if op.random else entry))
    return tasks.tasks * total


def _exercised(programs: Sequence[Program], tasks: TaskSet, fitness: Fitness, shape: Shape) -> dict[str, Any]:
    """Count live ops, live lengths, signs of ``fitness`` [E, T], and the values in the registers of a sample of programs."""
    ops, lengths, values = np.zeros(len(OPS), np.int64), Counter[str](), Counter[str]()
    for program in programs:
        code = pack_live(program, tasks.metric_definition).code
        ops += np.bincount((code & np.uint64(0xFFFF)).astype(np.int64), minlength=len(OPS))
        lengths[next(name for name, most in _LENGTHS if len(code) <= most)] += 1
    for program in programs[::SAMPLED]:
        values[_values(program, tasks, shape)] += 1
    positive = (fitness > 0).sum(axis=1)
    tasks_each = fitness.shape[1]
    return {
        "ops": {OPS[code].name: int(count) for code, count in enumerate(ops) if count},
        "live_lengths": dict(lengths),
        "fitness": {
            "0 on every task": int((positive == 0).sum()),
            "above 0 on some": int(((positive > 0) & (positive < tasks_each)).sum()),
            "above 0 on all": int((positive == tasks_each).sum()),
        },
        "values": dict(values),
    }


_NONE: Fitness = np.zeros(0)
"""Placeholder for a fitness that is not yet computed."""

_LENGTHS = (("0", 0), ("1-2", 2), ("3-5", 5), ("6-10", 10), ("11-20", 20), ("21-", 10_000))


def _values(program: Program, tasks: TaskSet, shape: Shape) -> str:
    """Say whether the registers contain NaN or infinity after three examples: ``nan``, ``infinite`` or ``finite``."""
    with np.errstate(all="ignore"):
        machine = Machine(program, tasks.features, metric=tasks.metric_definition, precision=shape.precision)
        machine.run_setup()
        for visit, (x, y) in enumerate(zip(tasks.train_X[0].tolist(), tasks.train_y[0].tolist(), strict=True)):
            machine.predict(x, 1 + visit)
            machine.learn(x, y, 1 + visit)
        written = {i.output for i in program.instructions if i.output}
        numbers = np.concatenate([[0.0], *(np.ravel(machine[address]) for address in written)]).astype(float)
    return "nan" if np.isnan(numbers).any() else "infinite" if np.isinf(numbers).any() else "finite"
