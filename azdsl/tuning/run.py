"""``azdsl.tune``: the search for constants, the choice among the best and what came of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from azdsl.config.experiment import Experiment
from azdsl.config.schema import check_names
from azdsl.config.search import SettingsError
from azdsl.ir import METRICS, Program
from azdsl.scoring import Scores, score
from azdsl.setting_overrides import override
from azdsl.syntax import parse, parse_experiment, read_source
from azdsl.syntax.source_edit import with_values
from azdsl.tasks import DEFAULT_TASK, Split, build
from azdsl.taskset import TaskSet
from azdsl.tuning import DEFAULT_METHODS, EVALUATIONS, METHODS
from azdsl.tuning.constants import Point, Tunable, start, tunables, with_point
from azdsl.tuning.search import Trials, gradient_search, local_search, random_search
from azdsl.tuning.slopes import slope_of

FINALISTS = 32
"""So many of the best on the search tasks are compared on the selection tasks."""

_STREAM = 0x7C2E
"""Keeps the proposals apart from other uses of the seed."""


@dataclass(frozen=True)
class Score:
    """A program's fitness on the tasks of the search, of selection and of the test, and on each task of the test."""

    search: float
    select: float
    test: float
    test_tasks: tuple[float, ...]


@dataclass(frozen=True)
class Constant:
    """A tuned number: where it stands in the file, and its value before and after."""

    name: str
    line: int
    before: float
    after: float


@dataclass(frozen=True)
class Tuned:
    """What came of tuning. ``text`` is the file with other numbers; ``program`` is the program in it.

    ``methods`` tells for each method how many programs were tried when it ended and the best fitness on the
    search tasks by then.
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
    def gain(self) -> tuple[float, float]:
        """Mean difference of the test tasks' fitness, after minus before, and its standard error (0 for one task)."""
        difference = np.subtract(self.after.test_tasks, self.before.test_tasks)
        error = difference.std(ddof=1) / math.sqrt(len(difference)) if len(difference) > 1 else 0.0
        return float(difference.mean()), float(error)

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        gain, error = self.gain
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
    """The task sets of an experiment, and the scores of programs on them."""

    experiment: Experiment
    tasks: Mapping[Split, TaskSet]
    announce: Callable[[], None]

    def score(self, programs: Sequence[Program], split: Split) -> Scores:
        """The scores of programs on a split."""
        return score(programs, self.experiment, self.tasks[split], split, "auto", announce=self.announce)

    def fitness(self, programs: Sequence[Program], split: Split) -> list[float]:
        """The fitness of each program on a split."""
        return self.score(programs, split).fitness_list


def tune(
    program: Program | Experiment | str | Path,
    /,
    tasks: TaskSet | None = None,
    *,
    method: str | Iterable[str] = DEFAULT_METHODS,
    evals: int = EVALUATIONS,
    timeout: float | None = None,
    only: str | Iterable[str] | None = None,
    announce: Callable[[], None] = lambda: None,
    **settings: Any,
) -> Tuned:
    """Find better constants for a program as it stands.

    ``program`` is a program, an experiment or the path of a ``.az`` file. The tasks are those that its task
    statement describes: the search's to tune on, others to choose among the best and to score the answer. With
    ``tasks`` all three are these, and nothing is held out. ``method`` names some of ``METHODS``, which share
    ``evals`` evaluations and run one after the other; ``timeout`` ends them after so many seconds. ``only`` names
    the numbers to tune by variable, register or line. ``settings`` are keys of the file. The same seed gives the
    same result, unless time ran out. Raises ``SettingsError``, ``TaskError``, ``azdsl.SyntaxError`` or ``OSError``.
    """
    if tasks is not None and not isinstance(tasks, TaskSet):
        raise TypeError(f"not a task set: {type(tasks).__name__}; make one with azdsl.TaskSet.from_arrays")
    base_dir = Path()
    if isinstance(program, str | Path):
        text, base_dir = read_source(program), Path(program).parent
        experiment = parse_experiment(text, str(program))
    else:
        text = str(program)
        experiment = Experiment(program) if isinstance(program, Program) else program
    return tune_text(
        text,
        override(experiment, settings, base_dir),
        base_dir,
        tasks=tasks,
        methods=words(method),
        evals=evals,
        timeout=timeout,
        only=None if only is None else words(only),
        announce=announce,
    )


def tune_text(
    text: str,
    experiment: Experiment,
    base_dir: Path,
    *,
    tasks: TaskSet | None,
    methods: Sequence[str],
    evals: int,
    timeout: float | None,
    only: Sequence[str] | None,
    announce: Callable[[], None],
) -> Tuned:
    """``tune`` on a file's text and what it says, settings applied; paths count from ``base_dir``."""
    began = time.monotonic()
    check_names("method", "method", methods, METHODS)
    if evals < 1:
        raise SettingsError("evals", f"evals={evals}: at least one evaluation is needed")
    task, seed = experiment.task or DEFAULT_TASK, experiment.search.seed
    items = tunables(text, METRICS[tasks.metric if tasks else task.metric], only)
    if not items:
        raise SettingsError(
            "only", "there is no number to tune: the program has no constant that can reach a prediction"
        )
    roles: tuple[Split, ...] = ("search", "select", "test")
    splits = _Splits(experiment, {role: tasks or build(task, seed, role, base_dir) for role in roles}, announce)

    def programs(points: Sequence[Point]) -> list[Program]:
        return [with_point(experiment.program, items, point) for point in points]

    trials = Trials(
        lambda points: splits.fitness(programs(points), "search"),
        evals,
        math.inf if timeout is None else began + timeout,
    )
    first = start(items)
    trials.known[first] = splits.fitness(programs([first]), "search")[0]
    told = _search(trials, first, methods, evals, seed, lambda: slope_of(experiment, items, splits.tasks["search"]))
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
        told,
        trials.spent,
        time.monotonic() - began,
    )


def _search(
    trials: Trials, first: Point, methods: Sequence[str], evals: int, seed: int, make_slope: Callable[[], Any]
) -> tuple[tuple[str, int, float], ...]:
    """Run the methods, each on an equal share of the budget and what those before it left over."""
    told = []
    for number, name in enumerate(methods, 1):
        trials.budget = evals * number // len(methods)
        rng = np.random.default_rng(np.random.SeedSequence((seed, _STREAM, number)))
        match name:
            case "random":
                random_search(trials, first, rng)
            case "local":
                local_search(trials, rng)
            case "gradient":
                gradient_search(trials, make_slope())
        told.append((name, trials.spent, max(trials.known.values())))
    return tuple(told)


def _scores(splits: _Splits, programs: Sequence[Program]) -> list[Score]:
    """Each program's score, the tuned one's from its text."""
    search, select = splits.fitness(programs, "search"), splits.fitness(programs, "select")
    test = splits.score(programs, "test")
    rows = zip(search, select, test.fitness.tolist(), test.task_fitness.tolist(), strict=True)
    return [Score(on_search, on_select, on_test, tuple(tasks)) for on_search, on_select, on_test, tasks in rows]


def _constant(item: Tunable, before: float, after: float) -> Constant:
    return Constant(item.label, item.literal.line, before, after)


def words(names: str | Iterable[str]) -> list[str]:
    """Names from a text with commas, or several such."""
    texts = [names] if isinstance(names, str) else names
    return [word.strip() for text in texts for word in str(text).split(",") if word.strip()]
