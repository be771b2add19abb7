"""What the public functions take for a program: a program, an experiment, a result, text, a file or a run directory."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, cast

from azdsl.arguments import shown
from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.ir import METRICS, Metric, Program
from azdsl.search.result import Result
from azdsl.search.rundir import names
from azdsl.search.rundir.directory import read_config
from azdsl.search.task_sets import Given
from azdsl.setting_overrides import override
from azdsl.syntax import load_experiment, parse_experiment, read_source

ProgramLike = Program | Experiment | Result | str | os.PathLike[str]
"""A program or what contains one. A text with a line break is the content of a ``.az`` file, any other is a path."""


@dataclass(frozen=True)
class Opened:
    """An experiment, the directory that its paths count from, and a name for it.

    ``metric`` is that of its tasks where they are not made from a task statement; else None.
    """

    experiment: Experiment
    directory: Path
    name: str
    metric: Metric | None = None

    def with_settings(self, settings: Mapping[str, Any]) -> Opened:
        """With the settings that are not None in place of its own; a path among them counts from the current directory."""
        given = {name: value for name, value in settings.items() if value is not None}
        return replace(self, experiment=override(self.experiment, given, self.directory)) if given else self


def opened(source: ProgramLike) -> Opened:
    """The experiment that ``source`` stands for; of a run directory and a result, that of the best program.

    Raises ``FileNotFoundError``, ``azdsl.SyntaxError``, ``TypeError`` for other values, and ``SettingsError`` for a run without
    a best program yet.
    """
    match source:
        case Program():
            return Opened(Experiment(source), Path(), "the program")
        case Experiment():
            return Opened(source, Path(), "the experiment")
        case Result():
            found = replace(source.experiment, program=source.best, further_seeds=())
            metric = None if found.task else METRICS[source.metric]
            return Opened(found, source.run_dir or Path(), str(source.run_dir or "the result"), metric)
        case str() if "\n" in source:
            return Opened(parse_experiment(source), Path(), "the text")
        case str() | os.PathLike():
            path = best_file(Path(source))
            found = load_experiment(path)
            return Opened(found, path.parent, os.fspath(source), None if found.task else given_metric(path))
    raise TypeError(
        f"not a program, but {shown(source)}: give a program, an experiment, a result, the text of a .az file or a path"
    )


def programs_of(source: ProgramLike) -> tuple[Program, ...]:
    """The programs that ``source`` adds to the seed programs of a search.

    Of a run directory the hall of fame, of any other directory all its ``.az`` files by name, of anything else one. Raises what
    ``opened`` raises, and ``SettingsError`` for a directory without programs.
    """
    if not isinstance(source, str | os.PathLike) or (isinstance(source, str) and "\n" in source):
        return (opened(source).experiment.program,)
    path = Path(source)
    if not path.is_dir():
        return (load_experiment(path).program,)
    run = (path / names.CONFIG).exists()
    folder = path / names.HALL_OF_FAME_FILES if run else path
    files = sorted(folder.glob("*.az"))
    if not files:
        what = "its hall of fame is empty; it is written with the first checkpoint" if run else "it has no .az files"
        raise SettingsError("seed", f"{path} gives no seed program: {what}")
    return tuple(load_experiment(file, regular_only=run).program for file in files)


def text_of(source: ProgramLike) -> str:
    """The text that states ``source``: that of its file as it is, else the canonical one. Raises what ``opened`` raises."""
    if isinstance(source, str | os.PathLike):
        return source if isinstance(source, str) and "\n" in source else read_source(best_file(Path(source)))
    return str(opened(source).experiment)


def given_metric(best: Path) -> Metric | None:
    """The metric of the tasks of a run that were given from Python; None for a file that is not the best program of such a run.

    Raises ``SettingsError`` for an invalid run directory.
    """
    if best.name != names.BEST or not (best.parent / names.CONFIG).exists():
        return None
    about = read_config(best.parent)["run"]
    return METRICS[about["metric"]] if about["tasks_from_python"] else None


def best_file(path: Path) -> Path:
    """The file of the best program of the run directory ``path``; any other path as it is. Raises ``SettingsError``."""
    if not (path / names.CONFIG).exists():
        return path
    best = path / names.BEST
    if best.exists() and not best.is_file():
        raise SettingsError("run", f"{best} is not a regular file")
    if not best.exists():
        raise SettingsError(
            "run", f"{path} has no {names.BEST} yet: it is written after the first epoch of all islands"
        )
    return best


def seeded(
    seed: ProgramLike | Sequence[ProgramLike], settings: Mapping[str, Any], options: Collection[str] = ()
) -> tuple[Experiment, Path, dict[str, Any]]:
    """``with_settings`` for one seed program, or for the first of several: then with all programs of the others."""
    several = isinstance(seed, Sequence) and not isinstance(seed, str | Program)
    seeds = list(cast(Sequence[ProgramLike], seed)) if several else [cast(ProgramLike, seed)]
    if not seeds:
        raise SettingsError("seed", "the list of seed programs is empty: give at least one")
    experiment, base_dir, driver = with_settings(seeds[0], settings, options)
    others = (program for one in seeds[1:] for program in programs_of(one))
    return replace(experiment, further_seeds=(*experiment.further_seeds, *others)), base_dir, driver


def with_settings(
    seed: ProgramLike, settings: Mapping[str, Any], options: Collection[str] = ()
) -> tuple[Experiment, Path, dict[str, Any]]:
    """The experiment of ``seed`` with the settings that are not ``options``, the directory its paths are relative to, the options.

    Raises ``SettingsError`` for a name that is neither a setting nor an option, and for a run directory.
    """
    if isinstance(seed, str | os.PathLike) and "\n" not in os.fspath(seed) and (Path(seed) / names.CONFIG).exists():
        best = Path(seed) / names.BEST
        raise SettingsError(
            "seed", f"{seed} is a run: resume={str(seed)!r} continues it, and {best} may be the seed of a new one"
        )
    found = opened(seed)
    own = {name: value for name, value in settings.items() if name not in options}
    driver = {name: value for name, value in settings.items() if name in options}
    return override(found.experiment, own, found.directory), found.directory, driver


def sets_and_sizes(tasks: Any, select: Any, test: Any) -> tuple[Given, dict[str, Any]]:
    """The task sets among the arguments, and the settings of the task statement: the arguments that are numbers."""
    given = {"tasks": tasks, "select": select, "test": test}
    sizes = {name: value for name, value in given.items() if isinstance(value, Real)}
    return Given(*(None if name in sizes else value for name, value in given.items())), sizes
