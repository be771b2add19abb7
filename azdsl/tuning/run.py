"""Tuning of a program's constants: the search for them, the selection among the best, and the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from azdsl import sums
from azdsl.config.experiment import Experiment
from azdsl.config.schema import check_names
from azdsl.config.search import SettingsError
from azdsl.ir import Program
from azdsl.scoring import Scores, score
from azdsl.syntax import parse
from azdsl.syntax.source_edit import with_values
from azdsl.tasks import DEFAULT_TASK, Split, build
from azdsl.taskset import TaskSet
from azdsl.tuning import METHODS
from azdsl.tuning.constants import Point, Tunable, start, tunables, with_point
from azdsl.tuning.search import Trials, run_methods
from azdsl.tuning.slopes import slope_of

FINALISTS = 32
"""The number of best points on the search tasks that are compared on the selection tasks."""


@dataclass(frozen=True)
class Score:
    """The fitness of a program on the three splits, and on each test task; None and none where no tasks are held out."""

    search: float
    select: float | None
    test: float | None
    test_tasks: tuple[float, ...]


@dataclass(frozen=True)
class Constant:
    """A tuned number: its name and line in the file, and its value before and after tuning."""

    name: str
    line: int
    before: float
    after: float


@dataclass(frozen=True)
class Tuned:
    """The result of tuning. ``text`` is the file with the tuned numbers, ``program`` the program in it.

    ``methods`` has the name of each method, and the evaluations and the best fitness on the search tasks at its end.
    ``evaluations`` is the total, ``seconds`` the running time.
    """

    program: Program
    text: str
    constants: tuple[Constant, ...]
    before: Score
    after: Score
    methods: tuple[tuple[str, int, float], ...]
    evaluations: int
    seconds: float

    @property
    def improved(self) -> bool:
        """Whether any number changed."""
        return any(constant.before != constant.after for constant in self.constants)

    @property
    def gain(self) -> tuple[float, float] | None:
        """The mean difference in fitness over the test tasks, after minus before, and its standard error (0 for one task).

        None without test tasks.
        """
        if not self.after.test_tasks:
            return None
        difference = np.subtract(self.after.test_tasks, self.before.test_tasks)
        error = sums.deviation(difference, 1) / math.sqrt(len(difference)) if len(difference) > 1 else 0.0
        return float(sums.mean(difference)), float(error)

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        gain, error = self.gain or (None, None)
        facts = {name: getattr(self, name) for name in ("evaluations", "seconds", "improved")}
        methods = [{"method": name, "evaluations": spent, "search": best} for name, spent, best in self.methods]
        return {
            **facts,
            "gain": gain,
            "gain_error": error,
            "constants": [asdict(constant) for constant in self.constants],
            "before": asdict(self.before),
            "after": asdict(self.after),
            "methods": methods,
            "text": self.text,
        }


@dataclass(frozen=True, eq=False)
class _Splits:
    """The task sets of an experiment, and the scores of programs on them; without selection tasks on those of the search."""

    experiment: Experiment
    tasks: Mapping[Split, TaskSet]
    announce: Callable[[], None]

    def score(self, programs: Sequence[Program], split: Split) -> Scores:
        """The scores of programs on a split."""
        tasks = self.tasks.get(split, self.tasks["search"])
        return score(programs, self.experiment, tasks, split, "auto", announce=self.announce)

    def fitness(self, programs: Sequence[Program], split: Split) -> list[float]:
        """The fitness of each program on a split."""
        return self.score(programs, split).fitness_list


def tune_text(
    text: str,
    experiment: Experiment,
    base_dir: Path,
    *,
    tasks: Mapping[Split, TaskSet],
    methods: Sequence[str],
    max_evals: int,
    timeout: float | None,
    only: Sequence[str] | None,
    announce: Callable[[], None],
) -> Tuned:
    """``azdsl.tune`` for the text of a file and its experiment with the settings applied; paths count from ``base_dir``.

    ``tasks`` are the task sets in place of those of the experiment, by split; empty for those.
    """
    began = time.monotonic()
    check_names("method", "method", methods, METHODS)
    task, seed = experiment.task or DEFAULT_TASK, experiment.search.seed
    items = tunables(text, (tasks.get("search") or task).metric_definition, only)
    if not items:
        raise SettingsError("only", "the program has no tunable number: no constant other than 0 reaches a prediction")
    splits_of_tasks: tuple[Split, ...] = ("search", "select", "test")
    made = tasks or {role: build(task, seed, role, base_dir) for role in splits_of_tasks}
    splits = _Splits(experiment, made, announce)

    def programs(points: Sequence[Point]) -> list[Program]:
        return [with_point(experiment.program, items, point) for point in points]

    trials = Trials(
        lambda points: splits.fitness(programs(points), "search"),
        max_evals,
        math.inf if timeout is None else began + timeout,
    )
    first = start(items)
    trials.known[first] = splits.fitness(programs([first]), "search")[0]
    progress = run_methods(trials, first, methods, seed, lambda: slope_of(experiment, items, splits.tasks["search"]))
    finalists = list(dict.fromkeys([first, *trials.fittest(FINALISTS)]))
    selected = dict(zip(finalists, splits.fitness(programs(finalists), "select"), strict=True))
    chosen = max(finalists, key=lambda point: (selected[point], point == first))
    answer = with_values(text, {i.literal: v for i, v, old in zip(items, chosen, first, strict=True) if v != old})
    tuned = parse(answer)
    before, after = _scores(splits, [experiment.program, tuned])
    return Tuned(
        tuned,
        answer,
        tuple(_constant(*row) for row in zip(items, first, chosen, strict=True)),
        before,
        after,
        progress,
        trials.spent,
        time.monotonic() - began,
    )


def _scores(splits: _Splits, programs: Sequence[Program]) -> list[Score]:
    """The score of each program."""
    none: list[Any] = [None] * len(programs)
    search = splits.fitness(programs, "search")
    select = splits.fitness(programs, "select") if "select" in splits.tasks else none
    test = splits.score(programs, "test") if "test" in splits.tasks else None
    on_each = test.task_fitness.tolist() if test else [()] * len(programs)
    rows = zip(search, select, test.fitness_list if test else none, on_each, strict=True)
    return [Score(on_search, on_select, on_test, tuple(tasks)) for on_search, on_select, on_test, tasks in rows]


def _constant(item: Tunable, before: float, after: float) -> Constant:
    return Constant(item.label, item.literal.line, before, after)


def words(names: str | Iterable[str]) -> list[str]:
    """The names in a comma-separated text, or in several."""
    texts = [names] if isinstance(names, str) else names
    return [word.strip() for text in texts for word in str(text).split(",") if word.strip()]
