"""The public functions that read, evaluate, search, tune and compile programs, and ``load_run``.

Each function imports what it needs when it is called, so that parsing does not load the engine.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from azdsl import scoring
from azdsl.arguments import BACKENDS, as_program, check_choice, check_max_abs_error, check_seed, check_task_set
from azdsl.config.search import SettingsError
from azdsl.ir import MetricName, Program
from azdsl.taskset import TaskSet
from azdsl.tuning import DEFAULT_METHODS, EVALUATIONS

if TYPE_CHECKING:
    from azdsl.comparison.result import Comparison
    from azdsl.experiments import ProgramLike
    from azdsl.export.library.compiled_model import Model
    from azdsl.reporting.run_result import RunResult
    from azdsl.search.islands.executor import Placement
    from azdsl.settings import CompareSettings, EvolveSettings
    from azdsl.tuning.run import Tuned

PRECISIONS = (64, 32)
COMBINE = ("mean", "median")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The fitness of one program, or of P programs, on a set of T tasks.

    ``fitness`` is the fitness over all tasks: a float for one program, float64[P] for a list of programs.
    ``task_fitness`` is the fitness on each task: float64[T] for one program, float64[P, T] for a list. All values are
    from 0 to 1.
    """

    fitness: Any
    task_fitness: NDArray[np.float64]


def parse(text: str) -> Program:
    r"""The program in ``text``, the content of a ``.az`` file.

    Raises ``azdsl.SyntaxError``, which has every error of the text.

    >>> program = parse("def Predict():\n  s1 = dot(v0, v1)\n")
    >>> print(program.predict[0])
    s1 = dot(v0, v1)
    """
    from azdsl import syntax

    return syntax.parse(text)


def load(path: str | os.PathLike[str]) -> Program:
    """The program in the ``.az`` file at ``path``.

    Raises ``FileNotFoundError``, and ``azdsl.SyntaxError``, which has every error of the file.
    """
    from azdsl import syntax

    return syntax.load(path)


def evaluate(
    program: Program | Sequence[Program],
    tasks: TaskSet,
    backend: str = "reference",
    seed: int = 0,
    max_abs_error: float = 100.0,
    precision: int = 64,
    combine: str = "mean",
    *,
    announce: Callable[[], None] = lambda: None,
) -> Evaluation:
    r"""Train and validate a program, or each program of a list, on every task. The result depends on the arguments only.

    ``backend`` is ``"reference"`` (pure Python), ``"vm"`` (for many short evaluations), ``"jit"`` (for few long
    evaluations), ``"auto"`` (the faster of vm and jit for each program, by a cost model of this machine that is
    measured on first use) or ``"gpu"`` (for many long evaluations: a list of programs on an NVIDIA GPU). ``seed``, from 0 to
    2**64 - 1, is the random seed of the program's draws. Training stops at an error that is NaN or greater than
    ``max_abs_error``, which is at least 0. ``precision`` is 64 or 32: the bits of the numbers that the program computes
    with. ``combine`` is ``"mean"`` or ``"median"`` (the upper median): how the fitness over all tasks follows from the
    fitness on each task. ``announce`` is called before ``"auto"`` measures this machine.

    Raises ``TypeError`` for what is not a program or not a task set, ``ValueError`` for an empty list and for
    arguments outside these ranges, and ``AzdslError`` for ``"gpu"`` where there is none.

    >>> import numpy as np
    >>> from azdsl import TaskSet
    >>> X = np.random.default_rng(0).normal(size=(10, 100, 4))  # tasks, examples, features
    >>> tasks = TaskSet.from_arrays(X, X.sum(axis=2), X, X.sum(axis=2))
    >>> program = parse("def Predict():\n  s1 = dot(v0, v1)\n")
    >>> evaluate(program, tasks).task_fitness.shape
    (10,)
    >>> evaluate([program, program], tasks).fitness.shape
    (2,)
    """
    several = not isinstance(program, Program | str | bytes) and isinstance(program, Iterable)
    programs = list(map(as_program, cast(Iterable[Program], program) if several else (program,)))
    if not programs:
        raise ValueError("the list of programs is empty: give at least one")
    check_task_set(tasks)
    check_seed(seed)
    check_max_abs_error(max_abs_error)
    check_choice("backend", backend, BACKENDS)
    check_choice("precision", precision, PRECISIONS)
    check_choice("combine", combine, COMBINE)
    fitness = scoring.evaluate(
        programs, tasks, backend, scoring.Conditions(seed, max_abs_error, precision, combine), announce
    )
    together = scoring.combined(fitness, combine)
    return Evaluation(together, fitness) if several else Evaluation(float(together[0]), fitness[0])


def evolve(
    seed: ProgramLike | Sequence[ProgramLike],
    /,
    tasks: TaskSet | int | None = None,
    *,
    select: TaskSet | float | None = None,
    test: TaskSet | float | None = None,
    **settings: Unpack[EvolveSettings],
) -> RunResult:
    r"""Search for a better program, as ``azdsl evolve`` does.

    ``seed`` is the seed program, an experiment, a result (for its best program), the text of a ``.az`` file or its path; or a list
    of these: then the populations start from all their programs, with the settings of the first. After the first, a directory stands
    for all its ``.az`` files, and a run directory for its hall of fame.
    ``tasks`` replaces the search tasks, ``select`` the selection tasks, on which finalists are compared, and ``test`` the test tasks,
    on which the chosen program is scored once beside the seed program. For a program without a task statement, and with neither
    ``select`` nor ``test``, a random fifth of ``tasks`` is held back for each if there are at least 20. Otherwise nothing is held
    out: the result's ``fitness`` and ``test_fitness`` are None, and all texts say so. As numbers, ``tasks``, ``select`` and ``test``
    are the settings of the task statement: the number of search tasks, and shares of the rows of a table.
    Settings are the options of ``azdsl evolve`` with underscores: ``max_evals=100_000``, ``population=500``,
    ``ops="dot, s - s"``, ``out="runs/a"``, ``workers=2``. ``cluster`` may also be a ``distributed.Client``.

    Raises ``SettingsError`` for an unknown or invalid setting, ``azdsl.SyntaxError`` for an invalid file, ``TaskError`` for
    invalid data, ``FileNotFoundError`` for a missing file, ``OSError`` for one that cannot be written, and ``ExecutorError`` when a cluster fails.

    >>> from tempfile import TemporaryDirectory
    >>> program = parse("def Predict():\n  s1 = dot(v0, v1)\n")
    >>> with TemporaryDirectory() as directory:
    ...     result = evolve(program, max_evals=200, select_tasks=2, test_tasks=2, out=f"{directory}/run", quiet=True)
    >>> result.evaluations
    200
    """
    from azdsl.experiments import seeded, sets_and_sizes
    from azdsl.reporting.run_result import RunResult
    from azdsl.search.evolve import run

    sets, sizes = sets_and_sizes(tasks, select, test)
    experiment, base_dir, driver = seeded(seed, {**settings, **sizes}, {*_options(run), "cluster"})
    with connected(driver.pop("cluster", None)) as placement:
        return RunResult.of(
            run(
                experiment,
                base_dir=base_dir,
                tasks=sets.search,
                select=sets.select,
                test=sets.test,
                placement=placement,
                **driver,
            )
        )


def load_run(directory: str | os.PathLike[str]) -> RunResult:
    """The result of the run in a run directory: what ``evolve`` gave.

    A run that is not finished has what is known so far: ``best`` and ``fitness`` at its last checkpoint, ``evaluations`` and
    ``history`` up to its last epoch, ``test_fitness`` and ``ending`` None, and ``stopped`` is "not finished".

    Raises ``FileNotFoundError`` for a missing directory, and ``SettingsError`` for what is not a run directory, for one
    without a ``best.az`` yet and for invalid files.
    """
    from azdsl.reporting.load_run import load_result

    return load_result(Path(directory))


def tune(
    program: ProgramLike,
    /,
    tasks: TaskSet | int | None = None,
    *,
    select: TaskSet | float | None = None,
    test: TaskSet | float | None = None,
    method: str | Iterable[str] = DEFAULT_METHODS,
    max_evals: int | str = EVALUATIONS,
    timeout: float | str | None = None,
    only: str | Iterable[str] | None = None,
    announce: Callable[[], None] = lambda: None,
    **settings: Any,
) -> Tuned:
    """Tune the constants of a program, as ``azdsl tune`` does; its instructions stay.

    ``program`` is as in ``evolve``. The task statement gives the search tasks to tune on, the selection tasks to choose among
    the best and the test tasks to score the answer. A task set as ``tasks`` replaces all three: then ``select`` and ``test`` are the
    selection and test tasks, without which nothing is held out and the scores on these splits are None. As numbers, ``tasks``,
    ``select`` and ``test`` are settings of the task statement. ``method`` names some of "random", "local" and "gradient", which run
    in order and share ``max_evals`` evaluations; ``timeout`` is their limit, in seconds or a text such as "5m". ``only`` selects numbers
    by variable, register or line. ``settings`` are keys of the file. The same random seed gives the same result unless the
    timeout was reached. ``announce`` is called before this machine is measured to choose a backend.

    Raises ``SettingsError``, ``TaskError``, ``azdsl.SyntaxError``, ``OSError``, and ``TypeError`` for what is not a program.
    """
    from azdsl.config.search import Search
    from azdsl.experiments import opened, sets_and_sizes, text_of
    from azdsl.search.task_sets import check_given, check_kinds
    from azdsl.setting_overrides import override
    from azdsl.tuning.run import tune_text, words

    limits: Any = {"max_evals": max_evals, "timeout": timeout}
    checked = Search(**limits)
    sets, sizes = sets_and_sizes(tasks, select, test)
    check_given(sets)
    if sets.search is not None:
        check_kinds(sets.search, sets.select, sets.test)
    elif sets:
        raise SettingsError("tasks", "select and test need tasks too: the tasks to tune on")
    found = opened(program)
    splits: Any = {split: each for split, each in vars(sets).items() if each is not None}
    return tune_text(
        text_of(program),
        override(found.experiment, {**settings, **sizes}, found.directory),
        found.directory,
        tasks=splits,
        methods=words(method),
        max_evals=checked.max_evals or EVALUATIONS,
        timeout=checked.timeout,
        only=None if only is None else words(only),
        announce=announce,
    )


def compare(seed: ProgramLike, /, **settings: Unpack[CompareSettings]) -> Comparison:
    """Compare search algorithms or settings on an experiment, with the same budget and the same random seeds for each.

    ``seed`` is as in ``evolve``. Settings are the options of ``azdsl compare`` with underscores. ``algorithms`` is a list
    of names, ``seeds`` a list of random seeds: ``compare("seed.az", seeds=range(20), max_evals=100_000, out="runs/a")``.
    ``variants``, a list of settings, compares these instead: ``variants=[{"migrants": 0.0}, {"migrants": 0.05}]``.
    Without ``out`` nothing is written. Raises what ``evolve`` raises.
    """
    from azdsl.comparison.compare import compare as run
    from azdsl.experiments import with_settings

    experiment, base_dir, driver = with_settings(seed, settings, _options(run))
    return run(experiment, base_dir=base_dir, **driver)


def _options(run: Callable[..., Any]) -> set[str]:
    """The settings of a run that are no keys of an experiment."""
    return set(inspect.signature(run).parameters) - {"experiment", "base_dir", "tasks", "select", "test", "placement"}


def connected(cluster: Any) -> AbstractContextManager[Placement | None]:
    """A context with the connection to ``cluster``; with None for this process if ``cluster`` is None."""
    if cluster is None:
        return nullcontext()
    from azdsl.cluster.connect import connect

    return connect(cluster)


def compile(
    program: Program,
    features: int | None = None,
    metric: MetricName = "rmse",
    precision: int = 64,
    seed: int = 0,
    classes: int | None = None,
    max_abs_error: float = 100.0,
) -> Model:
    r"""A program as machine code: an object with ``fit(X, y)``, ``partial_fit(X, y)``, ``predict(X)`` and ``memory``.

    X is float64[n, F], y is float64[n]. ``predict`` gives float64[n], or float64[n, C] class probabilities for the metric
    ``"multiclass"``. ``features`` is F and is required; ``classes`` is C, from 2 to F, and is required for
    ``"multiclass"``. ``precision`` is 64 or 32: the bits of the numbers that the program computes with. ``seed`` is the
    random seed of the program's draws. Training stops at an error that is NaN or greater than ``max_abs_error``.

    Raises ``TypeError`` for what is not a program, and ``ValueError`` for arguments outside these ranges.

    >>> model = compile(parse("def Predict():\n  s1 = dot(v0, v1)\ndef Learn():\n  v1 = s0 * v0\n"), features=2)
    >>> model.fit([[1.0, 2.0]], [3.0]).predict([[1.0, 0.0], [0.0, 1.0]])
    array([3., 6.])
    """
    from azdsl.export.library.compiled_model import Model, make_spec

    return Model(make_spec(as_program(program), features, metric, precision, seed, classes, max_abs_error))
