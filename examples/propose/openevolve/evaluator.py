"""azdsl as the evaluator of OpenEvolve: trains the program of a ``.az`` file on the tasks of ``initial_program.az``.

OpenEvolve calls ``evaluate``. ``python evaluator.py FILE…`` shows what it would get. AZDSL_SEED names another file with the tasks: what a
candidate states about them is ignored, so that none can make them easier.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import azdsl
from azdsl.experiments import opened
from azdsl.tasks import DEFAULT_TASK, build
from azdsl.taskset import TaskSet

try:
    from openevolve.evaluation_result import EvaluationResult
except ImportError:

    class EvaluationResult(NamedTuple):  # type: ignore[no-redef]
        """What OpenEvolve's class of this name has."""

        metrics: dict[str, float]
        artifacts: dict[str, str]


SEED = Path(os.environ.get("AZDSL_SEED") or Path(__file__).parent / "initial_program.az")


@cache
def experiment() -> tuple[Any, TaskSet]:
    """The experiment of ``SEED`` and its search tasks, made once for each process."""
    found = opened(SEED)
    task = found.experiment.task or DEFAULT_TASK
    return found.experiment, build(task, found.experiment.search.seed, "search", found.directory)


def evaluate(program_path: str) -> EvaluationResult:
    """The fitness of the program in a file as ``combined_score``, more figures, and what is wrong with it as text."""
    seed, tasks = experiment()
    try:
        program = azdsl.parse(Path(program_path).read_text(encoding="utf-8", errors="replace"))
    except azdsl.AzdslError as error:
        return EvaluationResult({"combined_score": 0.0, "worst_task": 0.0, "size": 0.0}, {"error": str(error)})
    candidate = replace(seed, program=program)
    found = azdsl.score(candidate, tasks=tasks, on="search", backend="vm")
    wrong = azdsl.diagnose(candidate, tasks=tasks)
    metrics = {
        "combined_score": found.fitness,
        "worst_task": float(found.task_fitness.min()),
        "size": float(wrong.size),
    }
    artifacts = {"task_fitness": " ".join(f"{value:.4f}" for value in found.task_fitness)}
    if wrong.dead:
        artifacts["dead_lines"] = "These have no effect on a prediction:\n" + "\n".join(wrong.dead)
    if wrong.fault:
        artifacts["first_fault"] = str(wrong.fault)
    return EvaluationResult(metrics, artifacts)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        result = evaluate(path)
        print(path, *(f"{name} {value:.6f}" for name, value in result.metrics.items()))
        for name, text in result.artifacts.items():
            print(f"{name}:", *text.splitlines(), sep="\n  ")
