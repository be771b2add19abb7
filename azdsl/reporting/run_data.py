"""The data that charts and pages show, from the result of a run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from azdsl import __version__
from azdsl.reporting.data import Member, Milestone, Run
from azdsl.search.result import Result
from azdsl.search.rundir.artifacts import config_text, seed_text
from azdsl.syntax import parse


def of_result(result: Result) -> Run:
    """The run of a result."""
    members = [Member(e.size, e.fitness, e.island, e.birth, e.program) for e in result.hall_of_fame]
    settings = tomllib.loads(config_text(result.experiment, ""))
    settings.pop("run")
    name = result.run_dir.name if result.run_dir else "a search"
    return make_run(
        name, result, members, settings, __version__, bool(result.tasks), proposals=result.proposals is not None
    )


def make_run(
    name: str,
    result: Result,
    members: list[Member],
    settings: Mapping[str, Mapping[str, Any]],
    version: str,
    from_python: bool,
    proposals: bool,
) -> Run:
    """The data of a run from its result, with the members of its hall of fame, the tables of ``config.toml`` and the version of azdsl.

    ``from_python`` says whether tasks of a split were given from Python, ``proposals`` whether programs were proposed.
    """
    kept = ("metric", "evaluations", "seconds", "stopped", "fitness", "test_fitness", "search_fitness", "layers")
    return Run(
        name=name,
        experiment=result.experiment,
        best=result.best,
        task_fitness=result.task_fitness,
        history=result.history,
        milestones=tuple(_milestone(**step) for event in result.history for step in event.get("milestones", ())),
        front=members,
        settings=settings,
        seed_text=seed_text(result.experiment),
        ending=result.ending,
        fec_sample=result.fec_sample,
        version=version,
        from_python=from_python,
        proposals=proposals,
        **{key: getattr(result, key) for key in kept},
    )


def _milestone(program: str, **facts: Any) -> Milestone:
    return Milestone(program=parse(program), **facts)
