"""The measurements of a report: the effect of each line of the answer on fresh tasks, and its playground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

from azdsl import tasks as make
from azdsl.export.library.errors import NoLinker
from azdsl.export.readable.explain import explain
from azdsl.export.readable.pruning import prune
from azdsl.export.readable.rounding import round_constants
from azdsl.export.readable.statements import TooManyRegisters
from azdsl.ir import Program
from azdsl.reporting.data import Run
from azdsl.reporting.page import Details
from azdsl.reporting.playground.document import INTRODUCTION, playground
from azdsl.reporting.playground.subject import NoPlayground, make_subject
from azdsl.reporting.predictions import Predictions, predict
from azdsl.scoring import Scores, score
from azdsl.taskset import TaskError, TaskSet

TASKS = 50
"""Fresh tasks on which the effect of each line is measured."""

SEEDS = 3
"""Random seeds of the program's draws."""


def measure(run: Run, directory: Path, count: int = TASKS) -> Details:
    """Measure the answer of a run on ``count`` fresh tasks, if its data can be read; their path counts from ``directory``."""
    task, search = run.experiment.task, run.experiment.search
    if task is None or run.from_python:
        return Details(why_not="Tasks were given from Python, so the effect of each line was not measured.")
    try:
        fresh = make.build(replace(task, test_tasks=count), search.seed, "test", directory)
        seen, selection, test = (
            make.build(task, search.seed, split, directory) for split in ("search", "select", "test")
        )
    except (OSError, TaskError) as error:
        return Details(why_not=f"The data cannot be read, so the effect of each line was not measured: {error}")

    def scores(programs: Sequence[Program]) -> Scores:
        return score(programs, run.experiment, fresh, "test", draws=SEEDS)

    def on_search(programs: Sequence[Program]) -> Sequence[float]:
        return score(programs, run.experiment, seen, "search").fitness_list

    def on_select(programs: Sequence[Program]) -> Sequence[float]:
        return score(programs, run.experiment, selection, "select").fitness_list

    pruned = prune(run.best, on_select, run.metric_definition)
    rounded = round_constants(pruned.program, on_search, on_select)
    details = Details(playground=_playground(run, rounded, fresh), predictions=_predictions(run, test))
    try:
        found = explain(rounded, scores, fresh)
    except TooManyRegisters as error:
        return replace(details, why_not=str(error))
    return replace(details, explanation=found, rounded=rounded, tasks=fresh.tasks, seeds=SEEDS, pruned=pruned.words)


def _predictions(run: Run, test: TaskSet) -> Predictions | None:
    """The predictions of the answer on the test tasks, None if it cannot be compiled."""
    try:
        return predict(run.best, test, run.experiment.search)
    except ValueError:
        return None


def _playground(run: Run, program: Program, fresh: TaskSet) -> str:
    """The playground as HTML, or a line that says why there is none."""
    subject = make_subject("the program", program, fresh, run.experiment.search)
    try:
        return f"<p>{escape(INTRODUCTION)}</p>{playground([subject])}"
    except NoLinker:
        text = "To train the program in this page: pip install 'azdsl[zig]', then run azdsl report again."
    except NoPlayground as error:
        text = str(error)
    return f"<p>{escape(text)}</p>"
