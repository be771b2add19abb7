"""Estimators that evolve their program when they are fitted."""

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
    """A program that no other of at most its size beat in the search.

    ``size`` counts live instructions; ``fitness`` is that of the search, ``selection_fitness`` that on fresh splits.
    """

    size: int
    fitness: float
    selection_fitness: float
    program: Program


class _Evolving(Learner):
    """Parameters and search of both estimators that evolve."""

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
        self.n_jobs = n_jobs
        self.progress = progress
        self.warm_start = warm_start
        self.random_state = random_state

    def latex(self, standalone: bool = False) -> str:
        """The best program as equations in LaTeX; ``standalone`` makes a document of them."""
        from azdsl.export.readable.latex import latex

        check_is_fitted(self)
        return latex(self.best_program_, METRICS[self._metric()], standalone)

    def _evolve(self, X: Array, y: Array) -> None:
        """Search, choose on fresh splits, train the best program on all rows."""
        seed, metric = draw(self.random_state), self._metric()
        search, select = (self._splits(X, y, seed, role) for role in _SPLIT_STREAMS)
        goes_on = self.warm_start and getattr(self, "metric_", None) == metric
        known = list(self.hall_of_fame_) if goes_on else []
        start = self.best_program_ if goes_on else read_program(self.program, METRICS[metric])
        settings = self._settings(seed) | ({"init": "seed"} if goes_on else {})
        driver = {"workers": self._workers(), "quiet": not self.progress}
        result = api.evolve(Experiment(start), search, **settings, **driver)
        found = [entry.program for entry in result.hall_of_fame] + [entry.program for entry in known]
        self.metric_ = metric
        self.n_evaluations_ = result.evaluations
        self.stopped_ = result.stopped
        self._choose([result.best, *found], result.experiment, search, select)
        self._learn(self.best_program_, X, y, seed)

    def _choose(self, programs: Sequence[Program], experiment: Experiment, search: TaskSet, select: TaskSet) -> None:
        """Fill the hall of fame, and take from these programs the best on fresh splits; of equals the smaller."""
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
        """The search's settings by the names of ``azdsl.evolve``."""
        stops = (self.max_evals, self.timeout, self.patience, self.target)
        if all(stop is None for stop in stops):
            raise ValueError("the search would never end: set max_evals, timeout, patience or target")
        names = (*_SEARCH, "scalars", "vectors", "matrices")
        settings = {name: getattr(self, name) for name in names}
        settings |= {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name) is not None}
        settings |= {name: getattr(self, f"{name}_length") for name in _LENGTHS}
        return settings | {"seed": seed}

    def _workers(self) -> int | None:
        """Threads from ``n_jobs``: None is one, -1 as many as there are processors."""
        if self.n_jobs is None:
            return 1
        return None if self.n_jobs < 0 else int(self.n_jobs)

    def _splits(self, X: Array, y: Array, seed: int, role: str) -> TaskSet:
        """Random splits of the rows into training and validation rows, scaled by the former."""
        if self.tasks < 1:
            raise ValueError(f"tasks must be at least 1, not {self.tasks}")
        if not isinstance(self.valid, Real) or not 0.0 < self.valid < 1.0:
            raise ValueError(f"valid must be a share of the rows between 0 and 1, not {self.valid!r}")
        count = min(max(1, round(self.valid * len(X))), len(X) - 1)
        train = len(X) - count if self.train is None else self.train
        if not 1 <= train <= len(X) - count:
            left = f"the {len(X) - count} rows that are not for validation"
            raise ValueError(f"train must be between 1 and {left}, not {train}")
        rng = np.random.default_rng((seed, _SPLIT_STREAMS[role]))
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
        """What makes a program's examples of rows, measured on these."""
        other = type(self)(scale=self.scale)
        if isinstance(self, Classifier):
            other.classes_ = self.classes_
        other._measure(X, y)
        return lambda X, y: (other._prepared(X), other._targets(y))


class AutoMLZeroRegressor(Regressor, _Evolving):
    """Regression by a program that evolves in ``fit``.

    The search sees ``tasks`` random splits of the rows; its best programs are compared on as many fresh ones, and
    the best of them learns from all rows. Features and target are scaled by mean and deviation, which are kept.

    Args:
        program: What to start from: a program, its text or a path; None is linear regression by gradient descent.
        init: First population: ``seed`` (that program), ``random`` or ``empty``.
        population, tournament, mutation, islands, ops, mutations, scalars, vectors, matrices, combine, budget,
            precision, max_abs_error: Settings of the search, as ``azdsl.evolve`` has them.
        setup_length, predict_length, learn_length: Instructions of each function: a number or a range such as "1..10".
        tasks: Random splits of the rows that each program is evaluated on.
        epochs: Passes over the training rows.
        train: Training rows of each split (default: all that are not for validation).
        valid: Share of the rows for validation in each split.
        max_evals, timeout, patience, target: When to stop: candidates, seconds, candidates without a better one,
            fitness.
        scale: Scale features and target.
        shuffle: In the end, learn from all rows in a random order.
        n_jobs: Islands that run at the same time; no effect on the result.
        progress: Show the search on standard error.
        warm_start: ``fit`` goes on from the best program and the hall of fame of the last one.
        random_state: Seed of everything random.

    Attributes:
        best_program_: The program; ``program_`` is the same.
        fitness_: Its fitness on fresh splits.
        hall_of_fame_: ``HallEntry`` records, by size; ``pandas.DataFrame(hall_of_fame_)`` makes a table.
        model_: The trained ``azdsl`` model.
        n_evaluations_, stopped_: Candidates of the last search, and why it ended.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find a program for X [n, F] and y [n], and train it."""
        self._evolve(*self._checked(X, y, ensure_min_samples=2))
        return self


class AutoMLZeroClassifier(Classifier, _Evolving):
    """Classification by a program that evolves in ``fit``.

    Two classes are told apart by s1, three and more by v2 (zeros are added to the features up to the number of
    classes). Parameters and attributes are those of ``AutoMLZeroRegressor``, and ``classes_``.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find a program for X [n, F] and class labels y [n], and train it."""
        self._evolve(*self._checked(X, y, ensure_min_samples=2))
        return self
