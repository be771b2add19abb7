"""The public functions of azdsl: ``parse``, ``load``, ``evaluate``, ``evolve``, ``compare`` and ``compile``.

What each needs is imported when it is called: parsing does not load the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from azdsl import scoring
from azdsl.config.experiment import Experiment
from azdsl.ir import MetricName, Program
from azdsl.taskset import TaskSet

if TYPE_CHECKING:
    from azdsl.comparison.result import Comparison
    from azdsl.export.library.compiled_model import Model
    from azdsl.report.run_result import RunResult
    from azdsl.search.islands.executor import Placement

BACKENDS = ("reference", "vm", "jit", "auto")
"""The ways to run a program; all give the same bits."""

PRECISIONS = (64, 32)
COMBINE = ("mean", "median")
SEED_LIMIT = 2**64


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How programs did on a task set.

    For one program ``fitness`` is a float and ``task_fitness`` float64[T]; for a list of P programs they are
    float64[P] and float64[P, T].
    """

    fitness: Any
    task_fitness: NDArray[np.float64]


def parse(text: str) -> Program:
    """The program that ``text`` writes. Raises ``azdsl.SyntaxError``."""
    from azdsl import syntax

    return syntax.parse(text)


def load(path: str | Path) -> Program:
    """The program in a ``.az`` file. Raises ``azdsl.SyntaxError`` or ``OSError``."""
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
    """Train and validate a program, or each of a list of programs, on every task.

    ``backend`` is ``"reference"`` (pure Python), ``"vm"`` (many short evaluations), ``"jit"`` (few long
    ones) or ``"auto"`` (the faster of the two for each program, by a cost model measured on first use).
    ``seed`` drives the program's own random draws. ``combine`` makes one fitness of those of the
    tasks: ``"mean"`` or ``"median"`` (the upper one). ``announce`` is called before ``"auto"`` measures this machine.
    """
    single = isinstance(program, Program)
    programs = [program] if isinstance(program, Program) else list(program)
    _check_arguments(programs, tasks, seed, max_abs_error)
    for name, value, known in (
        ("backend", backend, BACKENDS),
        ("precision", precision, PRECISIONS),
        ("combine", combine, COMBINE),
    ):
        if value not in known:
            raise ValueError(f"unknown {name} {value!r}: use one of {', '.join(map(str, known))}")
    fitness = scoring.evaluate(
        programs, tasks, backend, scoring.Conditions(seed, max_abs_error, precision, combine), announce
    )
    together = scoring.combined(fitness, combine)
    return Evaluation(float(together[0]), fitness[0]) if single else Evaluation(together, fitness)


def evolve(seed: Program | Experiment | str | Path, /, tasks: TaskSet | None = None, **settings: Any) -> RunResult:
    """Search for a better program.

    ``seed`` is a program, an experiment or the path of a ``.az`` file; ``tasks`` replaces the task set that
    the search sees. Settings are the options of ``azdsl evolve``, with underscores: ``max_evals=100_000``,
    ``population=500``, ``ops="dot, s - s"``, ``out="runs/a"``, ``workers=2``. ``cluster`` may also be a
    ``distributed.Client``.
    """
    from azdsl.report.run_result import RunResult
    from azdsl.search.evolve import run

    experiment, base_dir, driver = _experiment(seed, settings)
    with connected(driver.pop("cluster", None)) as placement:
        return RunResult.of(run(experiment, base_dir=base_dir, tasks=tasks, placement=placement, **driver))


def compare(seed: Program | Experiment | str | Path, /, **settings: Any) -> Comparison:
    """Compare search algorithms, or settings, on an experiment: the same budget and the same seeds for all.

    ``seed`` is as in ``evolve``. Settings are the options of ``azdsl compare``, with underscores; ``algorithms`` is a
    list of names, ``seeds`` of numbers: ``compare("seed.az", seeds=range(20), max_evals=100_000, out="runs/a")``.
    With ``variants``, a list of settings, these are compared: ``variants=[{"migrants": 0.0}, {"migrants": 0.05}]``.
    Without ``out`` nothing is written.
    """
    from azdsl.comparison.compare import compare as run

    experiment, base_dir, driver = _experiment(seed, settings)
    return run(experiment, base_dir=base_dir, **driver)


def _experiment(
    seed: Program | Experiment | str | Path, settings: Mapping[str, Any]
) -> tuple[Experiment, Path, dict[str, Any]]:
    """The experiment of ``seed`` with those settings that it has, where its paths count from, and the other settings."""
    from azdsl.setting_overrides import known_settings, override

    base_dir = Path()
    if isinstance(seed, str | Path):
        from azdsl.syntax import load_experiment

        base_dir = Path(seed).parent
        experiment = load_experiment(seed)
    else:
        experiment = Experiment(seed) if isinstance(seed, Program) else seed
    known = known_settings()
    own = {name: value for name, value in settings.items() if name in known}
    driver = {name: value for name, value in settings.items() if name not in known}
    return override(experiment, own, base_dir), base_dir, driver


def connected(cluster: Any) -> AbstractContextManager[Placement | None]:
    """The cluster that a user named, while it is needed; None for this process."""
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
    """A program as an object with ``fit``, ``partial_fit``, ``predict`` and ``memory``, in machine code.

    ``features`` is F, ``classes`` the number of classes of a multi-class model. Raises ``ValueError``.
    """
    if not isinstance(program, Program):
        raise TypeError(f"not a program: {program!r}; text becomes one with azdsl.parse, a file with azdsl.load")
    from azdsl.export.library.compiled_model import Model, make_spec

    return Model(make_spec(program, features, metric, precision, seed, classes, max_abs_error))


def _check_arguments(programs: list[Program], tasks: TaskSet, seed: int, max_abs_error: float) -> None:
    if not programs:
        raise ValueError("the list of programs is empty: give at least one")
    for item in programs:
        if not isinstance(item, Program):
            raise TypeError(f"not a program: {item!r}; text becomes one with azdsl.parse, a file with azdsl.load")
    if not isinstance(tasks, TaskSet):
        raise TypeError(f"not a task set: {type(tasks).__name__}; make one with azdsl.TaskSet.from_arrays")
    if not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed must be between 0 and 2**64 - 1, not {seed}")
    if not max_abs_error >= 0:
        raise ValueError(f"max_abs_error must be 0 or more, not {max_abs_error}")
