"""Ask and tell: a population of programs for evaluations and optimisers that are not azdsl's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np

from azdsl import scoring
from azdsl import tasks as make
from azdsl.api import Evaluation
from azdsl.arguments import BACKENDS, as_program, check_choice, check_whole, shown
from azdsl.config.search import Search as Settings
from azdsl.config.search import SettingsError, keys
from azdsl.experiments import ProgramLike, seeded, sets_and_sizes
from azdsl.ir import Program
from azdsl.search.islands.asking import USED, Asking, Recognized, asking_experiment
from azdsl.search.planning import distinct_seeds
from azdsl.search.rundir.answers import Answers, Record
from azdsl.search.task_sets import check_given
from azdsl.syntax import parse
from azdsl.taskset import TaskSet

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from azdsl.settings import ExperimentSettings

_UNUSED = {field.name for field in keys(Settings)} - set(USED)
"""The keys of ``search`` that only a run has."""


class Search:
    r"""A search whose fitness you tell: ``ask`` gives programs to try, ``tell`` takes their fitness.

    Programs come from the population, the tournaments and the mutations of ``azdsl.evolve``, from one island. The evaluation is yours:
    fitness is any number, more is better. ``evaluate`` measures the fitness that ``evolve`` uses. The first programs are the seed programs,
    or those of ``init=random``; then come their children. No program is asked for twice: programs are equal that differ in dead code
    or in the numbers of registers only. Programs from elsewhere may be told too, and become parents as the others do.

    ``seed`` and ``tasks`` are as in ``azdsl.evolve``; the tasks give the registers of label and prediction, and what a program may cost
    (``budget``). ``settings`` are keys of the file: ``population``, ``tournament``, ``mutation``, ``ops``, ``seed`` (the random seed)
    and others that are not about runs. What a file states about islands, stages, early stops, tuning and limits is not used. Equal
    arguments and calls give equal programs on every machine. The first search on a machine compiles for half a minute.

    ``record`` is a file that keeps what was told, and is written before it has an effect. A search that is made with it again, also after
    a crash, is where the last one was after its last ``tell``; ``told`` says how far that is.

    Raises what ``azdsl.evolve`` raises, and ``SettingsError`` for settings that have no effect here and for algorithms without a population.

    >>> import azdsl
    >>> program = azdsl.parse("def Predict():\n  s1 = dot(v0, v1)\n")
    >>> search = azdsl.Search(program, population=20, tournament=5, seed=1)
    >>> for _ in range(3):
    ...     programs = search.ask(10)
    ...     search.tell(programs, [-len(program) for program in programs])  # in place of your evaluation
    >>> search.fitness, len(search.best)
    (0.0, 0)
    """

    def __init__(
        self,
        seed: ProgramLike | Sequence[ProgramLike],
        /,
        tasks: TaskSet | int | None = None,
        *,
        record: str | os.PathLike[str] | None = None,
        **settings: Unpack[ExperimentSettings],
    ) -> None:
        for name in sorted(_UNUSED & settings.keys()):
            raise SettingsError(name, f"{name} has no effect on ask and tell: leave it out")
        sets, sizes = sets_and_sizes(tasks, None, None)
        check_given(sets)
        found, base_dir, _ = seeded(seed, {**settings, **sizes})
        if found.task is None and sets.search is None:
            found = replace(found, task=make.DEFAULT_TASK)
        programs = distinct_seeds(found)
        self._experiment = asking_experiment(replace(found, program=programs[0], further_seeds=tuple(programs[1:])))
        task = self._experiment.task
        self._tasks = sets.search or make.build(cast(Any, task), self._experiment.search.seed, "search", base_dir)
        self._asking = Asking(self._experiment, self._tasks)
        self._best: Program | None = None
        self._fitness: float | None = None
        self._told = 0
        self._asked: list[int] = []  # since the last call of tell
        self._record: Record | None = None
        if record is not None:
            opened = Record(Path(record), self._identity())
            self._replay(opened.lines)
            self._record = opened

    @property
    def best(self) -> Program | None:
        """The program with the highest fitness that was told, of equals the smallest, then the first; None without any."""
        return self._best

    @property
    def fitness(self) -> float | None:
        """The fitness of ``best``."""
        return self._fitness

    @property
    def told(self) -> int:
        """How many programs were told."""
        return self._told

    @property
    def evaluations(self) -> int:
        """Candidates so far: as in a run, also those whose fitness was known and that were not asked for."""
        return self._asking.candidates

    def ask(self, count: int = 1) -> list[Program]:
        """Programs to try, without dead code; fewer than ``count`` if 4096 candidates in a row give no new one.

        The search remembers a program until its fitness is told. It may be asked again before, for as many programs as are
        evaluated at a time: children come from the fitness known so far. Raises ``TypeError`` and ``ValueError`` for what is not
        a whole number from 1.
        """
        check_whole("count", count, 1)
        self._asked.append(int(count))
        return self._asking.ask(int(count))

    def tell(self, programs: Program | Iterable[Program], fitness: ArrayLike) -> None:
        """Tell the fitness of programs, a number for each; NaN and minus infinity for one that could not be evaluated.

        They become members of the population in the order in which they were bred, those that were not asked for last, and replace the
        oldest (the worst, with ``algorithm=nonregularized_evolution``). Of a program that is told twice, ``ask`` uses the last fitness.
        Nothing changes if an error is raised: ``TypeError`` for what is not a program, ``ValueError`` for other numbers, or another
        number of them, and ``SettingsError`` for a program outside the search space.
        """
        listed = [programs] if isinstance(programs, Program) else list(programs)
        found = [self._recognized(number, program) for number, program in enumerate(listed)]
        told = dict(zip(found, _numbers(fitness, len(found)), strict=True))
        if self._record:
            texts, values = tuple(str(each.member) for each in told), tuple(told.values())
            self._record.add(tuple(self._asked), texts, tuple(None if v == -np.inf else v for v in values))
        self._asked.clear()
        self._told += len(told)
        self._asking.tell(told)
        for each, value in told.items():
            self._keep_best(each.canonical, value)

    def evaluate(self, programs: Program | Sequence[Program], backend: str = "vm") -> Evaluation:
        """The fitness of programs on the search's tasks, as ``azdsl.evolve`` measures it; ``backend`` as in ``azdsl.evaluate``.

        The result is as in ``azdsl.evaluate``: ``search.tell(programs, search.evaluate(programs).fitness)``.
        """
        check_choice("backend", backend, BACKENDS)
        listed = [as_program(p) for p in ([programs] if isinstance(programs, Program) else programs)]
        if not listed:
            raise ValueError("the list of programs is empty: give at least one")
        found = scoring.score(listed, self._experiment, self._tasks, "search", backend)
        if isinstance(programs, Program):
            return Evaluation(float(found.fitness[0]), found.task_fitness[0])
        return Evaluation(found.fitness, found.task_fitness)

    def _identity(self) -> str:
        """A digest of the settings."""
        text = "\n".join([str(self._experiment), *map(str, self._experiment.further_seeds)])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _replay(self, lines: Iterable[Answers]) -> None:
        """Ask and tell as the lines of a record say."""
        asked: dict[str, Program] = {}
        for line in lines:
            asked |= {str(program): program for count in line.asked for program in self.ask(count)}
            programs = [asked.pop(text) if text in asked else parse(text) for text in line.programs]
            self.tell(programs, [np.nan if value is None else value for value in line.fitness])

    def _recognized(self, number: int, program: Any) -> Recognized:
        """A program that is told. Raises ``TypeError`` and ``SettingsError``, which name its ``number``."""
        try:
            return self._asking.recognized(as_program(program))
        except SettingsError as error:
            raise SettingsError(error.key, f"programs[{number}]: {error}") from None
        except TypeError as error:
            raise TypeError(f"programs[{number}]: {error}") from None

    def _keep_best(self, program: Program, fitness: float) -> None:
        best = self._best
        if fitness == -np.inf:
            return
        if best is None or self._fitness is None or (fitness, -len(program)) > (self._fitness, -len(best)):
            self._best, self._fitness = program, fitness


def _numbers(fitness: Any, count: int) -> list[float]:
    """``count`` numbers, minus infinity for NaN. Raises ``TypeError`` and ``ValueError``."""
    try:
        values = np.atleast_1d(np.asarray(fitness, np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"fitness must be numbers, one for each program, not {shown(fitness)}") from None
    if values.shape != (count,):
        raise ValueError(
            f"there are {count} programs, but fitness has the shape {values.shape}: give a number for each"
        )
    infinite = np.flatnonzero(values == np.inf)
    if infinite.size:
        raise ValueError(f"fitness[{infinite[0]}] is inf: give a finite number, or NaN for a program that failed")
    return [float(value) for value in np.where(np.isnan(values), -np.inf, values)]
