"""The first lines of a run: what is searched, with what, and where the results go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from azdsl.config.experiment import Experiment
from azdsl.config.search import STAGE_ENDS
from azdsl.ir import FUNCTIONS
from azdsl.ops.groups import listed
from azdsl.search.islands.plan import Plan
from azdsl.tasks import describe


def introduction(plan: Plan, workers: str, path: Path | None, default_task: bool) -> Iterator[str]:
    """The lines; ``workers`` describes what runs the islands."""
    experiment, search = plan.experiment, plan.search
    group = f", {search.tasks_per_evaluation} tasks at a time" if search.tasks_per_evaluation else ""
    default = " (the default: the file names no task)" if default_task else ""
    for number, stage in enumerate(experiment.stages, 1):
        own = describe(stage.task) if stage.task else plan.tasks
        ends = [f"{name} {value:,}" for name in STAGE_ENDS if (value := getattr(stage.settings, name)) is not None]
        attempts = f", {tries:,} attempts" if (tries := stage.settings.attempts) > 1 else ""
        yield f"stage {number}   {own}, until {' or '.join(ends)}{attempts}"
    yield f"task      {plan.tasks}{group}{default}"
    for islands, own in plan.own_tasks.items():
        yield f"islands {islands}   {own}"
    if experiment.further_seeds:
        yield f"seeds     {len(experiment.seed_programs)} seed programs; results are compared with the best on the selection tasks"
    yield f"ops       {_ops(experiment)}"
    islands = f"{search.islands} island{'s' if search.islands > 1 else ''}"
    yield f"search    {islands} of {search.population:,} programs, seed {search.seed}, {workers}"
    if path:
        yield f"results   {path}"


def _ops(experiment: Experiment) -> str:
    """The ops that may be used: the names of ops and groups, or how many."""
    allowed = experiment.allowed_ops
    if len(set(allowed)) > 1:
        return ", ".join(f"{len(ops)} in {name}" for name, ops in zip(FUNCTIONS, allowed, strict=True))
    words = ", ".join(listed(allowed[0]))
    default = "" if any(ops is not None for ops in experiment.ops) else " (the default)"
    return words if len(words.split(", ")) == len(allowed[0]) else f"{words}: {len(allowed[0])} ops{default}"
