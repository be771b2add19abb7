"""Estimators that search for their program in ``fit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from azdsl import api
from azdsl.config.experiment import Experiment
from azdsl.ir import METRICS, Program
from azdsl.scoring import score
from azdsl.sklearn.learner import Array, Classifier, Learner, ProgramLike, Regressor, draw, read_program
from azdsl.taskset import TaskSet

_SPLIT_STREAMS = {"search": 1, "select": 2}
_SEARCH = ("population", "tournament", "mutation", "init", "islands", "precision", "max_abs_error", "combine", "budget")
_OPTIONAL = ("max_evals", "timeout", "patience", "target", "ops", "mutations")
_LENGTHS = ("setup", "predict", "learn")


@dataclass(frozen=True)
class HallEntry:
    """A program of the hall of fame: no program of at most its size was better on the search splits.

    ``size`` is the number of live instructions, ``fitness`` that on the search splits, ``selection_fitness`` that on others.
    """

    size: int
    fitness: float
    selection_fitness: float
    program: Program


class _Evolving(Learner):
    """Parameters and search of both estimators."""

    def __init__(
        self,
        program: ProgramLike = None,
        init: str = "seed",
        population: int = 1000,
        tournament: int = 10,
        mutation: float = 0.9,
        islands: int = 2,
        ops: str | Sequence[str] | None = None,
        mutations: str | Sequence[str] | None = None,
        scalars: int = 8,
        vectors: int = 6,
        matrices: int = 2,
        setup_length: Any = "1..10",
        predict_length: Any = "1..10",
        learn_length: Any = "1..20",
        tasks: int = 8,
        epochs: int = 1,
        train: int | None = None,
        valid: float = 0.25,
        max_evals: int | None = 100_000,
        timeout: float | None = None,
        patience: int | None = None,
        target: float | None = None,
        combine: str = "mean",
        budget: float = 0.0,
        precision: int = 64,
        max_abs_error: float = 100.0,
        scale: bool = True,
        shuffle: bool = True,
        categorical: str | None = None,
        missing: str | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        self.program = program
        self.init = init
        self.population = population
        self.tournament = tournament
        self.mutation = mutation
        self.islands = islands
        self.ops = ops
        self.mutations = mutations
        self.scalars = scalars
        self.vectors = vectors
        self.matrices = matrices
        self.setup_length = setup_length
        self.predict_length = predict_length
        self.learn_length = learn_length
        self.tasks = tasks
        self.epochs = epochs
        self.train = train
        self.valid = valid
        self.max_evals = max_evals
        self.timeout = timeout
        self.patience = patience
        self.target = target
        self.combine = combine
        self.budget = budget
        self.precision = precision
        self.max_abs_error = max_abs_error
        self.scale = scale
        self.shuffle = shuffle
        self.categorical = categorical
        self.missing = missing
        self.n_jobs = n_jobs
        self.progress = progress
        self.warm_start = warm_start
        self.random_state = random_state

    def latex(self, standalone: bool = False) -> str:
        """The best program as equations in LaTeX; with ``standalone`` a complete document."""
        from azdsl.export.readable.latex import latex

        check_is_fitted(self)
        return latex(self.best_program_, METRICS[self._metric()], standalone)

    def _evolve(self, X: Array, y: Array) -> None:
        """Search, select on other splits, and train the best program on all rows."""
        seed, metric = draw(self.random_state), self._metric()
        search, select = (self._splits(X, y, seed, split) for split in _SPLIT_STREAMS)
        continues = self.warm_start and getattr(self, "metric_", None) == metric
        known = list(self.hall_of_fame_) if continues else []
        start = self.best_program_ if continues else read_program(self.program, METRICS[metric])
        settings = self._settings(seed) | ({"init": "seed"} if continues else {})
        workers, quiet = self._workers(), not self.progress
        result = api.evolve(Experiment(start), search, select=select, workers=workers, quiet=quiet, **settings)
        found = [entry.program for entry in result.hall_of_fame] + [entry.program for entry in known]
        self.metric_ = metric
        self.n_evaluations_ = result.evaluations
        self.stopped_ = result.stopped
        self._choose([result.best, *found], result.experiment, search, select)
        self._learn(self.best_program_, X, y, seed)

    def _choose(self, programs: Sequence[Program], experiment: Experiment, search: TaskSet, select: TaskSet) -> None:
        """Set the hall of fame and the best of ``programs`` on the selection splits; of equals the smallest."""
        programs = sorted(dict.fromkeys(programs), key=lambda program: (len(program), str(program)))
        searched = score(programs, experiment, search, "search").fitness
        selected = score(programs, experiment, select, "select").fitness
        best = int(np.argmax(selected))
        self.best_program_, self.fitness_ = programs[best], float(selected[best])
        self.hall_of_fame_: list[HallEntry] = []
        for at, program in enumerate(programs):
            if all(searched[at] > entry.fitness for entry in self.hall_of_fame_):
                self.hall_of_fame_.append(HallEntry(len(program), float(searched[at]), float(selected[at]), program))

    def _settings(self, seed: int) -> dict[str, Any]:
        """The settings of the search by their names in ``azdsl.evolve``."""
        stops = (self.max_evals, self.timeout, self.patience, self.target)
        if all(stop is None for stop in stops):
            raise ValueError("the search has no stopping condition: set max_evals, timeout, patience or target")
        names = (*_SEARCH, "scalars", "vectors", "matrices")
        settings = {name: getattr(self, name) for name in names}
        settings |= {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name) is not None}
        settings |= {name: getattr(self, f"{name}_length") for name in _LENGTHS}
        return settings | {"seed": seed}

    def _workers(self) -> int | None:
        """The number of threads from ``n_jobs``: None is one, a negative number one per processor."""
        if self.n_jobs is None:
            return 1
        return None if self.n_jobs < 0 else int(self.n_jobs)

    def _splits(self, X: Array, y: Array, seed: int, split: str) -> TaskSet:
        """Random splits of the rows into training and validation rows, scaled by the training rows."""
        if self.tasks < 1:
            raise ValueError(f"tasks must be at least 1, not {self.tasks}")
        if not isinstance(self.valid, Real) or not 0.0 < self.valid < 1.0:
            raise ValueError(f"valid must be a share between 0 and 1, not {self.valid!r}")
        count = min(max(1, round(self.valid * len(X))), len(X) - 1)
        train = len(X) - count if self.train is None else self.train
        if not 1 <= train <= len(X) - count:
            left = f"{len(X) - count}, the number of rows that are not for validation"
            raise ValueError(f"train must be between 1 and {left}, not {train}")
        rng = np.random.default_rng((seed, _SPLIT_STREAMS[split]))
        parts: list[tuple[Array, ...]] = []
        for _ in range(self.tasks):
            order = rng.permutation(len(X))
            rows, kept = order[count : count + train], order[:count]
            other = self._scaled(X[rows], y[rows])
            parts.append((*other(X[rows], y[rows]), *other(X[kept], y[kept])))
        arrays = [np.stack(part) for part in zip(*parts, strict=True)]
        classes = self._classes() or None
        return TaskSet.from_arrays(*arrays, self._metric(), epochs=self.epochs, classes=classes)

    def _scaled(self, X: Array, y: Array) -> Any:
        """A function that makes examples of rows, scaled by the mean and deviation of ``X`` and ``y``."""
        other = type(self)(scale=self.scale)
        if isinstance(self, Classifier):
            other.classes_ = self.classes_
        other._measure(X, y)
        return lambda X, y: (other._prepared(X), other._targets(y))


class AutoMLZeroRegressor(Regressor, _Evolving):
    """Regression by a program that is evolved in ``fit``.

    The search tasks are ``tasks`` random splits of the rows; the best programs are compared on as many other splits, and the
    final program is trained on all rows. Features and target are scaled by the mean and deviation of the training rows.

    Args:
        program: The seed program: a program, its text or a path; None is linear regression by gradient descent.
        init: Initial population: ``seed`` (the seed program), ``random`` or ``empty``.
        population, tournament, mutation, islands, ops, mutations, scalars, vectors, matrices, combine, budget,
            precision, max_abs_error: Settings of the search, as ``azdsl.evolve`` has them.
        setup_length, predict_length, learn_length: Number of instructions of each function, or a range such as "1..10".
        tasks: Number of random splits of the rows on which programs are evaluated.
        epochs: Passes over the training rows.
        train: Number of training rows of each split (default: all that are not for validation).
        valid: Share of the rows for validation in each split.
        max_evals, timeout, patience, target: Stopping conditions: candidates, seconds, candidates without an
            improvement, fitness on the selection splits.
        scale: Whether to scale features and target.
        shuffle: Whether the final training takes the rows in random order.
        categorical, missing: What becomes of columns of text and of missing values, as ``AZRegressor`` has them; missing values are
            filled by all rows of ``fit``.
        n_jobs: Number of islands that run in parallel, -1 for one per processor; no effect on the result.
        progress: Whether to show the progress of the search on standard error.
        warm_start: Whether ``fit`` continues with the best program and the hall of fame of the previous ``fit``.
        random_state: Random seed of splits, search and training.

    Attributes:
        best_program_: The program; ``program_`` is the same.
        fitness_: Its fitness on the selection splits.
        hall_of_fame_: ``HallEntry`` records by size; ``pandas.DataFrame(hall_of_fame_)`` is a table of them.
        model_: The trained ``azdsl`` model.
        n_evaluations_, stopped_: Number of candidates of the last search, and the reason for its end.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Search for a program for X [n, F] and y [n], and train it. Raises ``ValueError`` for invalid parameters."""
        self._evolve(*self._checked(X, y, ensure_min_samples=2))
        return self


class AutoMLZeroClassifier(Classifier, _Evolving):
    """Classification by a program that is evolved in ``fit``.

    The prediction register is s1 for two classes and v2 for more; features are padded with zeros to the number of classes.
    Parameters and attributes are those of ``AutoMLZeroRegressor``, and ``classes_``.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Search for a program for X [n, F] and class labels y [n], and train it."""
        self._evolve(*self._checked(X, y, ensure_min_samples=2))
        return self
