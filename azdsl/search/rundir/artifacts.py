"""The text files of a run directory: ``best.az``, the hall of fame, ``seed.az`` and ``config.toml``.

Each is a pure function of the experiment and its results; none contains a time, a host name or the number of workers.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any

from azdsl import __version__
from azdsl.config.experiment import Experiment
from azdsl.config.schema import Range, SettingsError, keys
from azdsl.diagnostics import SyntaxError
from azdsl.ir import FUNCTIONS, Program
from azdsl.search.islands.ending import Ending
from azdsl.search.islands.hall_of_fame import Ancestor, HallOfFame, HallOfFameEntry
from azdsl.search.islands.plan import Plan
from azdsl.search.islands.selection import Finalist
from azdsl.search.rundir import names
from azdsl.syntax import parse_experiment
from azdsl.tasks import describe

CONFIG_SCHEMA = 1
"""Version of ``config.toml``."""


_RECOMPUTED = (
    "recomputed by      azdsl score --on search FILE",
    "                   azdsl score --on select FILE, azdsl score FILE",
)
"""The commands that compute the scores in a file."""

_ANCESTOR = re.compile(
    r"^# (?:improves on|  which improved on) +candidate ([\d,]+) of island (\d+): (\S+) with (\d+) live instruction",
    re.M,
)
"""A line of the lineage in a file of the hall of fame."""

_NOT_HELD_OUT = "none: no tasks were held out for it"
"""In place of a fitness on tasks that there are none of."""


def best_text(plan: Plan, finalist: Finalist, evaluations: int, ending: Ending | None) -> str:
    """``best.az``: the origin and scores of the program as comments, and an experiment that scores or evolves it.

    ``ending`` is None while the run goes on; if it found nothing better, the program is the seed program, perhaps tuned.
    """
    experiment, found, search = plan.experiment, finalist.found, plan.search
    of = f"of {evaluations:,} candidates on {_count(search.islands, 'island')}"
    origin = [f"evolved by azdsl {__version__} with seed {search.seed}: the best {of}"]
    origin += [f"found as candidate {found.birth:,} of island {found.island}"]
    if ending and not ending.better:
        tuned = ", with tuned constants" if ending.tuned else ""
        origin = [f"the seed program{tuned}: azdsl {__version__} with seed {search.seed} found nothing better, {of}"]
    if experiment.further_seeds:
        origin += [
            f"started from {len(experiment.seed_programs)} seed programs; compared with the best on the selection tasks"
        ]
    lines = [
        *origin,
        f"search fitness     {found.search_fitness!r}" + (", in 32 bits" if search.precision == 32 else ""),
        f"selection fitness  {repr(finalist.fitness) if plan.judge.selects_on_held_out else _NOT_HELD_OUT}",
        f"test fitness       {_test_fitness(plan, ending)}",
        *(ending.lines() if ending else ()),
        f"tasks              {_tasks(plan)}",
        *_recomputed(plan),
    ]
    return _headed(lines, experiment, found.program)


def entry_text(plan: Plan, entry: HallOfFameEntry) -> str:
    """A file of the hall of fame: origin, score and lineage of the program, and an experiment that scores or evolves it."""
    experiment = plan.experiment
    lines = [
        f"evolved by azdsl {__version__} with seed {experiment.search.seed}",
        f"found as candidate {entry.birth:,} of island {entry.island}; no program of {_count(entry.size, 'live instruction')} or fewer was better",
        f"search fitness     {entry.fitness!r}" + (", in 32 bits" if experiment.search.precision == 32 else ""),
        f"tasks              {_tasks(plan)}",
    ]
    for words, step in zip(
        ("improves on       ", *("  which improved on",) * len(entry.lineage)), reversed(entry.lineage), strict=False
    ):
        what = f"candidate {step.birth:,} of island {step.island}"
        lines.append(f"{words} {what}: {step.fitness!r} with {_count(step.size, 'live instruction')}")
    lines += _recomputed(plan)[:1]
    return _headed(lines, _one_deeper(experiment), entry.program)


def lineage_in(text: str) -> tuple[Ancestor, ...]:
    """The lineage that a file of the hall of fame states, the earliest ancestor first."""
    found = [
        Ancestor(int(size), float(fitness), int(island), int(birth.replace(",", "")))
        for birth, island, fitness, size in _ANCESTOR.findall(text)
    ]
    return tuple(reversed(found))


def _one_deeper(experiment: Experiment) -> Experiment:
    """The experiment as a file in a subfolder of the run directory states it: the path of its data is one folder longer."""
    return experiment.moved(lambda path: f"../{path}")


def front_table(front: HallOfFame) -> str:
    """``hall_of_fame.csv``."""
    rows = [f"{e.size},{e.fitness!r},{e.island},{e.birth},{names.entry(e.size)}" for e in front]
    return "\n".join(["size,search_fitness,island,candidate,file", *rows, ""])


def seed_text(experiment: Experiment) -> str:
    """``seed.az``: the seed program with all settings that are not defaults. Raises ``SettingsError`` as below."""
    text = f"# The seed of this run, with all settings that are not defaults.\n{experiment}"
    try:
        if parse_experiment(text) == replace(experiment, further_seeds=()):
            return text
    except SyntaxError as error:
        raise SettingsError("seed", f"this experiment cannot be written to a file:\n{error}") from None
    raise SettingsError("seed", "this experiment cannot be written to a file: it would be read as a different one")


def config_text(experiment: Experiment, data: str, given_metric: str | None = None) -> str:
    """``config.toml``: every setting, defaults included, and a digest of the tasks' data.

    ``given_metric`` is the metric of tasks given from Python, None if all are made from the task statement.

    Raises ``SettingsError`` if the text would not be read as the same values.
    """
    run: dict[str, Any] = {
        "schema": CONFIG_SCHEMA,
        "azdsl": __version__,
        "seed": names.SEED,
        "tasks_from_python": given_metric is not None,
        "data": data,
        **({"metric": given_metric} if given_metric else {}),
    }
    tables: dict[str, Mapping[str, Any]] = {"run": run}
    if experiment.task:
        tables["task"] = {"kind": experiment.task.kind, **_settings(experiment.task)}
    tables |= {"registers": _settings(experiment.registers), "search": _settings(experiment.search)}
    ops = {
        name.lower(): [op.name for op in chosen] for name, chosen in zip(FUNCTIONS, experiment.allowed_ops, strict=True)
    }
    mutations = {} if experiment.mutations is None else {"mutations": list(experiment.mutations)}
    tables["space"] = {"frozen": sorted(experiment.frozen), **mutations}
    tables["space.ops"] = ops
    for number, group in enumerate(experiment.groups):
        tables[f"groups.{number}"] = {"text": str(group)}
    for number, stage in enumerate(experiment.stages):
        tables[f"stages.{number}"] = {"text": str(stage)}
    text = "\n".join(line for name, table in tables.items() for line in _table(name, table))
    read: Any = tomllib.loads(text)
    for name, table in tables.items():
        found = reduce(getitem, name.split("."), read)
        for key, value in table.items():
            if found.get(key) != (str(value) if isinstance(value, Range) else value):
                raise SettingsError(key, f"{key}={value!r} cannot be written to {names.CONFIG}")
    return text


def _headed(lines: list[str], experiment: Experiment, program: Program) -> str:
    """Comments, then the experiment with ``program`` as its seed program, without the stages that it has been through."""
    started = replace(experiment, program=program, search=replace(experiment.search, init="seed"), stages=())
    return "".join(f"# {line}\n" for line in lines) + "\n" + str(started)


def _tasks(plan: Plan) -> str:
    """The tasks of the plan, those that islands have of their own, and those of the stages before."""
    own = [f"{tasks} on islands {islands}" for islands, tasks in plan.own_tasks.items()]
    before = [describe(stage.task) for stage in reversed(plan.experiment.stages) if stage.task]
    return "; after ".join(["; ".join([plan.tasks, *own]), *before])


def _recomputed(plan: Plan) -> tuple[str, ...]:
    """The commands that compute the scores; none where tasks are given from Python, which no command has."""
    return () if plan.given else _RECOMPUTED


def _test_fitness(plan: Plan, ending: Ending | None) -> str:
    """The fitness on the test tasks, if there are any and the run has ended."""
    if plan.judge.test is None:
        return _NOT_HELD_OUT
    return "not scored yet" if ending is None else repr(ending.best.fitness)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _settings(settings: Any) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in keys(settings)}


def _table(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a TOML table, without settings that are None."""
    yield f"[{name}]"
    yield from (f"{key} = {_toml(value)}" for key, value in values.items() if value is not None)
    yield ""


def _toml(value: Any) -> str:
    """A value in TOML: as in JSON, but for infinity and the character DEL."""
    text = json.dumps(str(value) if isinstance(value, Range) else value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "inf" if text == "Infinity" else text
