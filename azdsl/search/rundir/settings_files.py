"""The settings of a run in its directory, ``seed.az`` and ``config.toml``: written, and compared when the run is resumed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from azdsl import atomic
from azdsl.config.experiment import Experiment
from azdsl.config.search import SettingsError
from azdsl.search.islands.plan import STOPS, without_stops
from azdsl.search.rundir import artifacts, names
from azdsl.search.rundir.directory import read_config
from azdsl.syntax import load_experiment


def write_settings(path: Path, experiment: Experiment, data: str, given_metric: str | None) -> None:
    """Write the settings of a run that starts or is resumed, and remove the result of an earlier end.

    ``given_metric`` is as in ``config_text``.
    Raises ``SettingsError``, and leaves all files as they are, if the settings would not be read back.
    """
    seed = artifacts.seed_text(experiment)
    config = artifacts.config_text(experiment, data, given_metric)
    (path / names.RESULT).unlink(missing_ok=True)
    if experiment.further_seeds:
        (path / names.FURTHER_SEEDS).mkdir(exist_ok=True)
    for number, program in enumerate(experiment.further_seeds, 2):
        atomic.write(path / names.further_seed(number), str(program))
    atomic.write(path / names.SEED, seed)
    atomic.write(path / names.CONFIG, config)


def stored_experiment(path: Path, experiment: Experiment | None, base_dir: Path | None, has_tasks: bool) -> Experiment:
    """The experiment of the run in ``path``, with the stopping conditions of ``experiment`` unless it is None.

    Raises ``SettingsError`` if anything else differs, or if the run needs tasks from Python and has none.
    """
    config = read_config(path)
    stored = load_seeds(path)
    if config["run"].get("tasks_from_python") and not has_tasks:
        raise SettingsError(
            "resume",
            f"the tasks of {path} came from Python: resume it from Python, with the same tasks=, select= and test=",
        )
    if experiment is None:
        return stored
    wanted = localized(experiment, base_dir, path)
    if set(wanted.seed_programs) == set(stored.seed_programs):
        wanted = replace(wanted, program=stored.program, further_seeds=stored.further_seeds)
    if str(without_stops(wanted)) != str(without_stops(stored)) or wanted.further_seeds != stored.further_seeds:
        raise SettingsError("resume", f"{path} is a run with other settings; only {', '.join(STOPS)} may change")
    return wanted


def load_seeds(path: Path) -> Experiment:
    """The experiment of the run in ``path``, with all its seed programs. Raises ``azdsl.SyntaxError`` and ``FileNotFoundError``."""
    files = sorted((path / names.FURTHER_SEEDS).glob("*.az"))
    first, *others = (load_experiment(file, regular_only=True) for file in (path / names.SEED, *files))
    return replace(first, further_seeds=tuple(other.program for other in others))


def check_data(path: Path, digest: str) -> None:
    """Raise ``SettingsError`` unless the run in ``path`` was started with the data of ``digest``."""
    if read_config(path)["run"].get("data") != digest:
        raise SettingsError(
            "resume", f"the data of {path} have changed since the run started: restore them, or start a new run"
        )


def check_proposals(path: Path, given: bool) -> None:
    """Raise ``SettingsError`` unless the run in ``path`` is resumed with proposals if and only if it was started with them."""
    had = (path / names.PROPOSALS).exists()
    if had and not given:
        way = "give --proposals again (proposals= in Python); what was proposed so far is repeated"
        raise SettingsError("resume", f"{path} is a run with proposals: {way}")
    if given and not had:
        raise SettingsError("resume", f"{path} is a run without proposals; only {', '.join(STOPS)} may change")


def localized(experiment: Experiment, base_dir: Path | None, directory: Path) -> Experiment:
    """The experiment with the relative path of its data counted from ``directory`` and not from ``base_dir``."""

    def move(path: str) -> str:
        return Path(os.path.relpath((base_dir or Path()) / path, directory)).as_posix()

    return experiment.moved(move)
