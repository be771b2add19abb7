"""A run from its directory: its result, and the data of its report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from azdsl import regular
from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.config.tasks import DEFAULT_TASK
from azdsl.errors import MissingFile
from azdsl.ir import MetricName
from azdsl.messages import warn_once
from azdsl.reporting.data import Member, Run
from azdsl.reporting.run_data import make_run
from azdsl.reporting.run_result import RunResult
from azdsl.search.islands.ending import Ending
from azdsl.search.islands.hall_of_fame import HallOfFame, HallOfFameEntry
from azdsl.search.result import Result
from azdsl.search.rundir import directory, events, names
from azdsl.search.rundir.artifacts import lineage_in
from azdsl.search.rundir.settings_files import load_seeds
from azdsl.shapes import Finite, Fitness, check
from azdsl.syntax import load_experiment, parse, read_source

_Read = TypeVar("_Read")

NOT_FINISHED = "not finished"
"""The reason for the end of a run that is still running or was killed."""


def read_run(path: Path) -> Run:
    """The run in a directory, finished or not. Raises ``SettingsError``, ``azdsl.SyntaxError`` and ``OSError``."""
    return _checked(path, _read)


def load_result(path: Path) -> RunResult:
    """The result of the run in a directory, with what is known so far if it is not finished. Raises what ``read_run`` raises."""
    if not path.exists():
        raise MissingFile(path, "no such run directory")
    return _checked(path, _result)


def _checked(path: Path, read: Callable[[Path], _Read]) -> _Read:
    """Return the result of ``read`` on the files of a run directory. Raises ``SettingsError`` if they are invalid."""
    try:
        return read(path)
    except (SettingsError, MissingFile):
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, csv.Error) as error:
        raise SettingsError("run", f"the files of {path} are invalid: {type(error).__name__}: {error}") from None


def _read(path: Path) -> Run:
    """The run in a directory of valid files, else an exception of any type."""
    result, config = _result(path), directory.read_config(path)
    members = [
        Member(e.size, e.fitness, e.island, e.birth, e.program, names.entry(e.size)) for e in result.hall_of_fame
    ]
    about = config.pop("run")
    from_python, proposals = bool(about["tasks_from_python"]), (path / names.PROPOSALS).exists()
    return make_run(path.resolve().name, result, members, config, str(about["azdsl"]), from_python, proposals)


def _result(path: Path) -> RunResult:
    """The result of the run in a directory of valid files, else an exception of any type."""
    about = directory.read_config(path)["run"]
    experiment = load_seeds(path)
    history = _history(path / names.EVENTS)
    if not (path / names.BEST).exists():
        raise SettingsError("run", f"{path} has no {names.BEST} yet: no exchange has taken place")
    facts = {**_so_far(experiment, history, about.get("metric")), **_figures(path)}
    known = {f.name: facts[f.name] for f in fields(Result) if f.name in facts}
    return RunResult(
        **known
        | {
            "best": load_experiment(path / names.BEST, regular_only=True).program,
            "run_dir": path,
            "history": tuple(history),
            "experiment": experiment,
            "hall_of_fame": _hall_of_fame(path),
            "task_fitness": tuple(facts["task_fitness"]),
            "stages": tuple(facts.get("stages", ())),
            "ending": Ending.from_dict(facts["ending"]) if facts.get("ending") else None,
        }
    )


def _history(path: Path) -> list[dict[str, Any]]:
    """The events up to the first invalid one, of which the user is warned; without a last line that is incomplete."""
    if not path.exists():
        return []
    found = events.read(regular.read(path))
    if found.damage:
        warn_once(f"{path} is damaged: {found.damage}; what happened from there on is not shown")
    return found.events


@dataclass(frozen=True)
class _Stage:
    stage: str
    evaluations: int
    fitness: Fitness
    stopped: str
    program: str


@dataclass(frozen=True)
class _Figures:
    """The fields of ``result.json`` that are read; earlier versions did not write those with defaults."""

    metric: MetricName
    evaluations: int
    seconds: Finite
    reached: bool
    interrupted: bool
    stopped: str
    fitness: Fitness | None
    test_fitness: Fitness | None
    search_fitness: Fitness
    layers: Mapping[str, int]
    task_fitness: tuple[Fitness, ...]
    test_rmse: float | None = None
    mean_rmse: float | None = None
    hurdles: Mapping[str, Any] | None = None
    fec_sample: Mapping[str, int] | None = None
    ending: Ending | None = None
    tasks: str = ""
    proposals: Mapping[str, int] | None = None
    stages: tuple[_Stage, ...] = ()


def _figures(path: Path) -> dict[str, Any]:
    """The figures of a finished run; empty if it is running or was killed."""
    file = path / names.RESULT
    if not file.exists():
        return {}
    try:
        facts: dict[str, Any] = json.loads(regular.read(file).decode())
        check(facts, _Figures, "result")
    except (ValueError, RecursionError) as error:
        raise SettingsError("run", f"{file} is invalid: {error}") from None
    return facts


def _so_far(experiment: Experiment, history: list[dict[str, Any]], given_metric: str | None) -> dict[str, Any]:
    """The figures of an unfinished run; ``given_metric`` is that of tasks from Python, None if there are none."""
    last = history[-1] if history else {}
    return {
        "metric": given_metric or (experiment.task or DEFAULT_TASK).metric_definition.name,
        "evaluations": last.get("evaluations", 0),
        "seconds": last.get("seconds", 0.0),
        "reached": False,
        "interrupted": False,
        "stopped": NOT_FINISHED,
        "fitness": last.get("selected"),
        "test_fitness": None,
        "search_fitness": last.get("best"),
        "layers": last.get("layers", {}),
        "hurdles": last.get("hurdles"),
        "task_fitness": (),
    }


def _hall_of_fame(path: Path) -> HallOfFame:
    """The hall of fame."""
    if not (path / names.HALL_OF_FAME).exists():
        return ()
    table = regular.read(path / names.HALL_OF_FAME).decode()
    found = []
    for row in csv.DictReader(io.StringIO(table, newline="")):
        file = path / names.entry(int(row["size"]))
        if row["file"] != names.entry(int(row["size"])) or not file.resolve().is_relative_to(path.resolve()):
            raise SettingsError(
                "run", f"{path / names.HALL_OF_FAME} names a file that is not of this run: {row['file']!r}"
            )
        text = read_source(file, regular_only=True)
        about = float(row["search_fitness"]), int(row["island"]), int(row["candidate"])
        check(about[0], Fitness, "search_fitness")
        found.append(HallOfFameEntry(parse(text, str(file)), *about, lineage_in(text)))
    return tuple(found)
