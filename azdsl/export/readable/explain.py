"""Explanations of programs: what each line does, and the fitness without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from azdsl import sums
from azdsl import tasks as make
from azdsl.config.experiment import Experiment
from azdsl.export.readable.named import lines_of
from azdsl.export.readable.statements import Apply, Expression, Readable, Ref, Statement, readable, variables
from azdsl.ir import FUNCTIONS, Program
from azdsl.ir.linearize import Sort, to_program
from azdsl.paired import difference
from azdsl.scoring import Scores, score
from azdsl.taskset import TaskSet

TASKS, SEEDS = 100, 5
"""Fresh tasks, and random seeds of the program's draws, on which a program is explained."""

Evaluate = Callable[[Sequence[Program]], Scores]
"""The fitness of several programs, combined and on each task."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A line: its function and text, the role of its value with the reason (or None), and what it does.

    ``cost`` is the mean fitness lost without the line; ``error`` is the standard error of ``cost``, None where it cannot be told.
    """

    function: str
    text: str
    role: str | None
    reason: str | None
    words: str
    cost: float
    error: float | None

    @property
    def effect(self) -> str:
        """The change of the fitness without the line: ``-0.1234 ± 0.0056``."""
        return f"{-self.cost:+.4f}" + ("" if self.error is None else f" ± {self.error:.4f}")


@dataclass(frozen=True)
class Explanation:
    """The lines of a program, and its mean fitness.

    ``task`` describes the tasks that it was measured on, ``tasks`` is their number and ``seeds`` that of the random seeds.
    """

    lines: tuple[Explained, ...]
    fitness: float
    task: str = ""
    tasks: int = 0
    seeds: int = 0

    def __str__(self) -> str:
        """The lines with their effects, aligned, each followed by its explanation."""
        width = max((len(line.text) for line in self.lines), default=0)
        seeds = f"{self.seeds} random seed{'s' if self.seeds > 1 else ''}"
        head = f"{self.task}: fitness {self.fitness:.6f} on {self.tasks} task{'s' if self.tasks > 1 else ''}, {seeds}"
        rows, function = [head] if self.task else [], ""
        for line in self.lines:
            if line.function != function:
                function = line.function
                rows.append(f"\n{function:<{width + 2}}  without it")
            rows.append(f"  {line.text:<{width}}  {line.effect}")
            rows.append(f"      {line.words}")
        return "\n".join(rows)


def explain(program: Program, evaluate: Evaluate, tasks: TaskSet) -> Explanation:
    """Explain the simplest form of ``program``, line by line, by its fitness on ``tasks``. Raises ``TooManyRegisters``.

    Standard errors are over tasks, with the mean over random seeds for each: those of a table count that tasks share rows.
    Without a line, its variable keeps its old value: zero, or the value of the last example for a state.
    Without a line that draws random numbers, later lines draw other numbers.
    """
    form = readable(program, tasks.metric_definition)
    lines = lines_of(form)
    complete = to_program(form.form.listing, share=False) or form.form.program
    scores = evaluate([complete, *(without(complete, statement.line) for _, statement, _ in lines)])
    full, *without_line = sums.mean(scores.task_fitness.reshape(1 + len(lines), -1, tasks.tasks).transpose(1, 0, 2))
    explained = []
    for (function, statement, text), reduced in zip(lines, without_line, strict=True):
        lost = difference(full, reduced, tasks.overlap, tasks.halves)
        role = form.roles.get(statement.target)
        reason = role.reason if role else None
        words = describe(statement, form)
        name = role.name if role else None
        explained.append(Explained(FUNCTIONS[function], text, name, reason, words, lost.mean, lost.error))
    return Explanation(tuple(explained), float(scores.fitness[0]))


def explain_on_fresh_tasks(
    experiment: Experiment, directory: Path, tasks: int | TaskSet = TASKS, seeds: int = SEEDS
) -> Explanation:
    """Explain the program of an experiment on ``tasks`` fresh tasks that the search has not used, with ``seeds`` random seeds of draws.

    Without a task statement they are of the default task; a task set takes their place. Raises ``TooManyRegisters``, ``TaskError`` and ``OSError``.
    """
    if isinstance(tasks, TaskSet):
        task_set, described = tasks, make.describe(tasks)
    else:
        task = experiment.task or make.DEFAULT_TASK
        task_set = make.build(replace(task, test_tasks=tasks), experiment.search.seed, "test", directory)
        described = make.describe(task)

    def scores(programs: Sequence[Program]) -> Scores:
        return score(programs, experiment, task_set, "test", draws=seeds)

    found = explain(experiment.program, scores, task_set)
    return replace(found, task=described, tasks=task_set.tasks, seeds=seeds)


def without(program: Program, at: int) -> Program:
    """The program without instruction number ``at``, counted over all functions."""
    blocks = []
    for block in program.functions:
        blocks.append((*block[:at], *block[at + 1 :]) if 0 <= at < len(block) else block)
        at -= len(block)
    return Program(*blocks)


def describe(statement: Statement, form: Readable) -> str:
    """What a line does: the meaning of its value if there is one, else the documentation of its op."""
    name, expression = form.names[statement.target], statement.expression
    role = form.roles.get(statement.target)
    carried = statement.target.sort is Sort.STATE
    if isinstance(expression, Ref):
        return f"Copies {form.names[expression.variable]}."
    op = _sentence(expression)
    if statement.target.sort is Sort.PREDICTION:
        return f"Computes the prediction. {op}"
    if carried and statement.target in variables(expression):
        return f"Updates {name}. {op}"
    if carried:
        return f"Sets {name}. {op}"
    if role is None:
        return op
    reason = f"{role.reason[0].upper()}{role.reason[1:]}."
    return reason if role.kept or statement.op.name == "const" else f"{reason} {op}"


def _sentence(expression: Expression) -> str:
    """The documentation of the outermost op."""
    return expression.op.doc.splitlines()[0] if isinstance(expression, Apply) else "A constant."
