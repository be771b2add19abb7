"""A run for the report, from its directory or from a result."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from azdsl import __version__
from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.ir import Program
from azdsl.reporting.data import Member, Milestone, Run
from azdsl.search.islands.ending import Ending
from azdsl.search.result import Result
from azdsl.search.rundir import directory, names
from azdsl.search.rundir.artifacts import config_text, seed_text
from azdsl.syntax import load, load_experiment, parse


def of_result(result: Result) -> Run:
    """The run of a result."""
    facts = result.as_dict() | {"best": result.best}
    members = [Member(e.size, e.fitness, e.island, e.birth, e.program) for e in result.front]
    settings = tomllib.loads(config_text(result.experiment, "", False))
    settings.pop("run")
    name = result.run_dir.name if result.run_dir else "a search"
    return _run(name, result.experiment, facts, result.history, members, settings, __version__)


def read_run(path: Path) -> Run:
    """The run in a directory, finished or not. Raises ``SettingsError``, ``azdsl.SyntaxError`` and ``OSError``."""
    try:
        return _read(path)
    except SettingsError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, csv.Error) as error:
        raise SettingsError("run", f"the files of {path} are invalid: {type(error).__name__}: {error}") from None


def _read(path: Path) -> Run:
    """The run in a directory of valid files, else an exception of any type."""
    config = directory.read_config(path)
    experiment = load_experiment(path / names.SEED)
    history = _history(path / names.EVENTS)
    if not (path / names.BEST).exists():
        raise SettingsError("run", f"{path} has no {names.BEST} yet: no exchange has taken place")
    facts = {**_so_far(experiment, history), **_figures(path), "best": load(path / names.BEST)}
    about = config.pop("run")
    return _run(path.resolve().name, experiment, facts, history, _members(path), config, str(about["azdsl"]))


def _run(
    name: str,
    experiment: Experiment,
    facts: Mapping[str, Any],
    history: Iterable[Mapping[str, Any]],
    members: list[Member],
    settings: Mapping[str, Mapping[str, Any]],
    version: str,
) -> Run:
    kept = ("metric", "evaluations", "seconds", "stopped", "fitness", "test_fitness", "search_fitness", "layers")
    return Run(
        name=name,
        experiment=experiment,
        best=_program(facts["best"]),
        task_fitness=facts["task_fitness"],
        history=tuple(history),
        milestones=tuple(_milestone(**step) for event in history for step in event.get("milestones", ())),
        front=members,
        settings=settings,
        seed_text=seed_text(experiment),
        ending=Ending.from_dict(facts["ending"]).lines() if facts.get("ending") else (),
        version=version,
        **{key: facts[key] for key in kept},
    )


def _program(value: Program | str) -> Program:
    return value if isinstance(value, Program) else parse(value)


def _milestone(program: str, **facts: Any) -> Milestone:
    return Milestone(program=parse(program), **facts)


def _history(path: Path) -> list[dict[str, Any]]:
    """The events, without a last line that is incomplete."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise SettingsError("run", f"{path} is invalid: {error}") from None


def _figures(path: Path) -> dict[str, Any]:
    """The figures of a finished run; empty if it is running or was killed."""
    try:
        facts: dict[str, Any] = json.loads((path / names.RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SettingsError("run", f"{path / names.RESULT} is invalid: {error}") from None
    return facts


def _so_far(experiment: Experiment, history: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of an unfinished run."""
    last = history[-1] if history else {}
    return {
        "metric": experiment.task.metric if experiment.task else "rmse",
        "evaluations": last.get("evaluations", 0),
        "seconds": last.get("seconds", 0.0),
        "stopped": None,
        "fitness": last.get("selected"),
        "test_fitness": None,
        "search_fitness": last.get("best"),
        "layers": last.get("layers", {}),
        "task_fitness": (),
    }


def _members(path: Path) -> list[Member]:
    """The hall of fame."""
    try:
        with (path / names.HALL_OF_FAME).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    found = []
    for row in rows:
        program = load(path / row["file"])
        found.append(
            Member(
                int(row["size"]),
                float(row["search_fitness"]),
                int(row["island"]),
                int(row["candidate"]),
                program,
                row["file"],
            )
        )
    return found
