"""The public functions that look at programs and runs: ``score``, ``explain``, ``diagnose``, ``show`` and ``report``.

Each but ``diagnose`` does what the command of its name does, and returns what that prints. A program is given as ``ProgramLike``: a program, an
experiment, a result, the text of a ``.az`` file, or the path of one or of a run directory. ``data``, ``target_column``, ``columns``
and ``metric`` replace those of its task, as in ``azdsl score``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from azdsl.arguments import BACKENDS, check_choice, check_whole, shown
from azdsl.config.search import SettingsError
from azdsl.config.task import Split
from azdsl.experiments import Opened, ProgramLike, opened
from azdsl.ir import METRICS, Program
from azdsl.search.result import Result
from azdsl.search.rundir import names
from azdsl.taskset import TaskSet

if TYPE_CHECKING:
    from azdsl.diagnosis import Diagnosis
    from azdsl.export.readable.explain import Explanation
    from azdsl.program_score import ProgramScore


def score(
    program: ProgramLike,
    against: ProgramLike | Sequence[ProgramLike] = (),
    *,
    tasks: int | TaskSet | None = None,
    seed: int | None = None,
    on: Split = "test",
    backend: str = "auto",
    data: str | os.PathLike[str] | None = None,
    target_column: str | None = None,
    columns: str | None = None,
    metric: str | None = None,
) -> ProgramScore:
    r"""The fitness of a program on fresh tasks, as ``azdsl score`` computes it; ``print`` shows its figures.

    The tasks are the test tasks of the program's task statement, of the default task without one; ``on`` names another split,
    ``"search"`` or ``"select"``. ``tasks`` is another number of tasks, or a task set. ``against`` has programs to compare with on the
    same tasks: ``score(best, seed).compared[0].difference`` has the mean difference and its 95 % interval. ``seed`` is another
    random seed of tasks and draws, ``backend`` as in ``azdsl.evaluate``. A run whose tasks were given from Python needs a task set.

    Raises ``FileNotFoundError`` for a missing file, ``azdsl.SyntaxError`` for an invalid one, ``TaskError`` for invalid data,
    ``SettingsError`` for invalid settings, and ``TypeError`` for what is not a program.

    >>> found = score("def Predict():\n  s1 = mean(v0)\n", tasks=10, backend="reference")
    >>> found.tasks, found.metric
    (10, 'rmse')
    """
    from azdsl.program_score import Rival
    from azdsl.program_score import score as run

    check_choice("split", on, get_args(Split))
    check_choice("backend", backend, BACKENDS)
    several = isinstance(against, Sequence) and not isinstance(against, str | Program)
    rivals: Any = against if several else (against,)
    others = [Rival(f"against {one.name}", one.experiment.program) for one in map(opened, rivals)]
    found = _on_tasks(program, tasks, _data(data, target_column, columns, metric))
    return run(found.experiment, found.directory, others, tasks=tasks, seed=seed, on=on, backend=backend)


def explain(
    program: ProgramLike,
    *,
    tasks: int | TaskSet = 100,
    seeds: int = 5,
    data: str | os.PathLike[str] | None = None,
    target_column: str | None = None,
    columns: str | None = None,
    metric: str | None = None,
) -> Explanation:
    r"""What each line of a program does and the fitness without it, as ``azdsl explain`` measures it; ``print`` shows the table.

    It is measured on ``tasks`` fresh tasks, which the search has not used, or on a task set, with ``seeds`` random seeds of the
    program's draws. The program is simplified first, and names are inferred from the data flow.

    Raises what ``score`` raises, and ``TooManyRegisters``.

    >>> found = explain("def Predict():\n  s1 = mean(v0)\n", tasks=10, seeds=1)
    >>> [line.text for line in found.lines]
    ['prediction = mean(features)']
    """
    from azdsl.export.readable.explain import explain_on_fresh_tasks

    check_whole("seeds", seeds, 1)
    found = _on_tasks(program, tasks, _data(data, target_column, columns, metric))
    return explain_on_fresh_tasks(found.experiment, found.directory, tasks, seeds)


def diagnose(program: ProgramLike, *, tasks: TaskSet | None = None, on: Split = "search") -> Diagnosis:
    r"""What is wrong with a program: instructions without effect, and the first value that is NaN or infinite, or error that is too large.

    It is evaluated on its search tasks, those of another split ``on``, or a task set; where its fitness is 0 once more in pure
    Python, up to the first fault. ``print`` shows what was found. Raises what ``score`` raises.

    >>> program = "def Setup():\n  s2 = -1\n  s3 = log(s2)\ndef Predict():\n  s1 = s3\n  s4 = s3 + s3\n"
    >>> print(diagnose(program))
    without effect: s4 = s3 + s3 in Predict
    task 0, after 0 training examples: s3 = log(s2) in Setup gives nan
    """
    from azdsl.diagnosis import diagnose as run

    check_choice("split", on, get_args(Split))
    found = _on_tasks(program, tasks, {})
    return run(found.experiment, found.directory, tasks=tasks, on=on)


def show(
    program: ProgramLike,
    style: str = "canonical",
    *,
    raw: bool = False,
    exact: bool = False,
    standalone: bool = False,
    data: str | os.PathLike[str] | None = None,
    target_column: str | None = None,
    columns: str | None = None,
    metric: str | None = None,
) -> str:
    r"""A program as text, as ``azdsl show`` prints it.

    ``style`` is ``"canonical"`` (instructions without dead code; ``raw`` keeps that), ``"named"`` (expressions with names that are
    inferred from the data flow), ``"numpy"`` (a Python module), ``"latex"`` (equations; ``standalone`` makes a document), ``"sympy"``
    (a Python module that gives the equations as expressions of SymPy) or ``"graph"`` (the data flow as SVG). For a program with a task
    statement, named and latex leave out what the fitness on these tasks does not need; ``exact`` keeps all. A program without one needs
    ``metric`` if that is not rmse.

    Raises what ``score`` raises, and ``ValueError`` for an unknown style or an option that a style does not have.

    >>> print(show("def Predict():\n  s5 = mean(v0)\n  s1 = s5 + s5\n  s7 = 1\n"))
    def Setup():
    def Predict():
      s2 = mean(v0)
      s1 = s2 + s2
    def Learn():
    <BLANKLINE>
    """
    from azdsl.export.readable.show import show as text

    own, options = opened(program), {"raw": raw, "exact": exact, "standalone": standalone}
    task, kind = own.experiment.task, own.metric
    if metric is not None and task is None and data is None:
        check_choice("metric", metric, tuple(METRICS))
        kind, metric = METRICS[metric], None
    found = own.with_settings(_data(data, target_column, columns, metric))
    return text(found.experiment, found.directory, style, own=task, metric=kind, **options)


def report(run: Result | str | os.PathLike[str], *, tasks: int = 50) -> str:
    """The HTML page about a run that ``azdsl report`` writes, as text.

    ``run`` is a result or a run directory. The effect of each line is measured on ``tasks`` fresh tasks. Raises ``SettingsError`` for
    what is not a run directory.
    """
    from azdsl.reporting.details import measure
    from azdsl.reporting.load_run import read_run
    from azdsl.reporting.page import page
    from azdsl.reporting.run_data import of_result

    if not isinstance(run, Result | str | os.PathLike):
        raise TypeError(f"not a run, but {shown(run)}: give a result of azdsl.evolve or a run directory")
    directory = run.run_dir if isinstance(run, Result) else Path(run)
    stored = directory is not None and (not isinstance(run, Result) or (directory / names.CONFIG).exists())
    data = read_run(directory) if directory is not None and stored else of_result(run)  # type: ignore[arg-type]
    return page(data, measure(data, directory or Path(), tasks))


def _on_tasks(program: ProgramLike, tasks: Any, settings: Mapping[str, Any]) -> Opened:
    """A program with settings of its task.

    Raises ``SettingsError`` for a run whose tasks are not known unless ``tasks`` are given, and for settings beside a task set.
    """
    beside = [name for name, value in settings.items() if value is not None]
    if beside and isinstance(tasks, TaskSet):
        raise SettingsError(beside[0], f"tasks= is a task set, which has its own data: leave out {', '.join(beside)}")
    found = opened(program).with_settings(settings)
    if found.metric is not None and found.experiment.task is None and not isinstance(tasks, TaskSet):
        raise SettingsError("tasks", f"the tasks of {found.name} were given from Python: give a task set as tasks=")
    return found


def _data(
    data: str | os.PathLike[str] | None, target_column: str | None, columns: str | None, metric: str | None
) -> dict[str, Any]:
    """The settings of a task that have these values."""
    return {"data": data, "target_column": target_column, "columns": columns, "metric": metric}
