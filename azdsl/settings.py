"""The types of the keyword settings of ``azdsl.evolve`` and ``azdsl.compare``.

Made by tools/settings_types.py from the schema of the settings; do not edit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from azdsl.config.schema import Range
from azdsl.ops import Op

if TYPE_CHECKING:
    from azdsl.comparison.compare import Report
    from azdsl.search.proposer import Function
    from azdsl.search.session import OnEpoch


class ExperimentSettings(TypedDict, total=False):
    """Settings that replace those of the experiment's file."""

    population: int | float | str
    """Individuals of each island."""
    tournament: int | float | str
    """Individuals drawn for a tournament, whose best becomes the parent."""
    parsimony: float
    """Price of each instruction that affects predictions, in fitness, when parents are chosen (0: size does not
    matter)."""
    mutation: float
    """Probability that a child is mutated rather than an exact copy."""
    tune: float
    """Share of the full evaluations that tune the constants of elites, a local search (0: none)."""
    tune_finalists: int | float | str
    """Evaluations that tune the constants of each of the best finalists at the end of the run (0: none)."""
    edits: float
    """Probability that a mutated child is mutated once more, again and again."""
    algorithm: Literal[
        "regularized_evolution", "nonregularized_evolution", "hill_climbing", "random_search", "reinforce"
    ]
    """Search algorithm."""
    init: Literal["seed", "random", "empty"]
    """Initial population: copies of the seed program, random programs or empty programs."""
    setup: int | str | tuple[int, int] | Range
    """Instructions in Setup: a number, or a range such as 1..21."""
    predict: int | str | tuple[int, int] | Range
    """Instructions in Predict: a number or a range."""
    learn: int | str | tuple[int, int] | Range
    """Instructions in Learn: a number or a range."""
    seed: int | float | str
    """Random seed of the run."""
    islands: int | float | str
    """Islands (populations that exchange individuals); changes the result."""
    migrants: float
    """Share of each island's population replaced by immigrants at an exchange."""
    exchange: Literal["ring", "pairs", "both"] | None
    """Source of immigrants: the previous island (ring), a random partner (pairs), or both in turn (default: ring
    below 100 islands, else both)."""
    epoch: int | float | str | None
    """Candidates of each island between two exchanges (default: estimated to take half a second)."""
    restart: int | float | str | None
    """Candidates of each island after which populations restart if the target is not reached (default: never)."""
    restart_from: Literal["initial", "best", "both"]
    """Populations after a restart: the initial one again, copies of the best program on the selection tasks, or both
    in turn."""
    tasks_per_evaluation: int | float | str | None
    """Tasks of one evaluation; other tasks are drawn every redraw candidates (default: all tasks)."""
    redraw: int | float | str | None
    """Candidates of each island between two draws of tasks (default: ten times the population)."""
    fec: bool
    """Use the functional equivalence cache: programs with equal early errors share a fitness."""
    fec_examples: int | float | str
    """Training examples, and validation examples, that identify a program in that cache; with 10, about one hit in
    1,000 gets the fitness of a program that differs later."""
    hurdles: str | None
    """Training examples after which weak programs are stopped, such as "100, 1000", or "100x5" for five tasks
    (default: none)."""
    hurdle_percentile: float
    """Percentile of the different scores at a hurdle below which programs are stopped."""
    hurdle_every: int | float | str
    """Programs between two updates of a hurdle's threshold."""
    proxy: bool
    """Stop programs at hurdles by a learned prediction of their final fitness."""
    cache: int | float | str
    """Entries of each fitness cache; the least recently used is replaced."""
    policy_rate: float
    """Learning rate of the policy of algorithm=reinforce."""
    policy_entropy: float
    """Weight of the entropy in the objective of algorithm=reinforce."""
    budget: float
    """Largest cost of a program, in costs of a two-layer network; above it the fitness is 0 (0: no limit)."""
    max_abs_error: float
    """Absolute error of a prediction above which training on a task stops (inf: no limit)."""
    combine: Literal["mean", "median"]
    """How fitness is combined over tasks."""
    precision: Literal[32, 64]
    """Bits of floating-point numbers in the search; finalists are compared in 64 bits."""
    choose: Literal["smallest", "best"]
    """Final program: of the finalists better than the seed program by two standard errors on the selection tasks,
    the smallest within one of the best; or the best."""
    finalists: int | float | str
    """Best programs of the search that are compared on the selection tasks."""
    target: float
    """Stop when the fitness on the selection tasks reaches this (above 1: never)."""
    max_evals: int | float | str | None
    """Stop after this many candidates, all islands together (default: no limit)."""
    timeout: float | str | None
    """Stop after this time, in seconds or such as 5m or 1h30m, resumed parts included; inf is no limit (default: no
    limit)."""
    patience: int | float | str | None
    """Stop after this many candidates without an improvement (default: no limit)."""
    scalars: int | float | str
    """Scalar registers, including s0 (label) and s1 (prediction)."""
    vectors: int | float | str
    """Vector registers, including v0 (features)."""
    matrices: int | float | str
    """Matrix registers."""
    ops: str | Iterable[str | Op]
    """Ops that the search may use in all three functions."""
    setup_ops: str | Iterable[str | Op]
    """Ops that the search may use in Setup."""
    predict_ops: str | Iterable[str | Op]
    """Ops that the search may use in Predict."""
    learn_ops: str | Iterable[str | Op]
    """Ops that the search may use in Learn."""
    mutations: str | Iterable[str]
    """Kinds of mutation."""
    task: Literal["linear", "affine", "two_layer", "file", "sklearn", "projected", "images"]
    """Kind of task."""
    train: float | int | str | None
    """Linear, affine, two_layer, projected, images: training examples of a search task; file, sklearn: training rows
    of a search task (default: all search rows that do not validate)."""
    valid: float | int | str | None
    """Linear, affine, two_layer, projected, images: validation examples of a search task; file, sklearn: validation
    rows of a search task (default: a quarter of the search rows)."""
    epochs: float | int | str
    """Linear, affine, two_layer, projected, images: passes over the training examples, with a validation after each;
    file, sklearn: passes over the training rows."""
    validations: float | int | str | None
    """Linear, affine, two_layer, projected, images: validations, evenly spaced, of which the best counts (default:
    one after each pass); file, sklearn: validations, evenly spaced, of which the best counts; 1 is after the
    training."""
    select_tasks: float | int | str
    """Linear, affine, two_layer, projected, images: selection tasks, on which the finalists are compared; file,
    sklearn: selection tasks, each pair with another order of the training rows and half of the rows for each."""
    select_train: float | int | str | None
    """Linear, affine, two_layer, projected, images: training examples of a selection task (default: train); file,
    sklearn: training rows of a selection task (default: all search rows)."""
    select_valid: float | int | str | None
    """Linear, affine, two_layer, projected, images: validation examples of a selection task (default: valid); file,
    sklearn: validation rows of a selection task (default: half of the selection rows; all of them for one task)."""
    test_tasks: float | int | str
    """Linear, affine, two_layer, projected, images: test tasks, on which the best program is scored once; file,
    sklearn: test tasks, each pair with another order of the training rows and half of the rows for each."""
    test_train: float | int | str | None
    """Linear, affine, two_layer, projected, images: training examples of a test task (default: select_train); file,
    sklearn: training rows of a test task (default: all search and selection rows)."""
    test_valid: float | int | str | None
    """Linear, affine, two_layer: validation examples of a test task (default: select_valid); file, sklearn:
    validation rows of a test task (default: half of the test rows; all of them for one task); projected, images:
    validation examples of a test task (default: all test images of its classes)."""
    features: float | int | str | None
    """Linear, affine, two_layer: features of an example (F); file, sklearn: features of an example, padded with
    zeros (default: one for each column); projected: features that an image is projected to (F); images: features
    that an image is projected to (default: no projection, its pixels)."""
    spread: float
    """Linear, affine, two_layer: standard deviation of the logarithm of each example's scale (0: all have the scale
    1)."""
    noise: float
    """Linear, affine, two_layer: standard deviation of Gaussian noise that is added to training labels."""
    metric: (
        Literal["auto", "rmse", "accuracy", "multiclass"]
        | Literal["rmse", "accuracy", "multiclass"]
        | Literal["rmse", "accuracy"]
    )
    """Linear, affine, two_layer: metric: rmse, or accuracy, for which a label is 1 where it is above the median of
    the training labels, else 0; file: metric: rmse, accuracy (of labels 0 and 1) or multiclass; sklearn: metric:
    rmse, accuracy, multiclass, or auto for the usual metric of the data set."""
    activation: Literal["relu", "abs"]
    """Two_layer: activation of the teacher's hidden units."""
    output_weights: Literal["gaussian", "positive", "one_sign"]
    """Two_layer: the teacher's output weights: gaussian, positive (their absolute values) or one_sign (positive in
    half of the tasks, negative in the others)."""
    data: Literal["diabetes", "breast_cancer", "digits", "iris", "wine"] | os.PathLike[str] | str
    """File: data file (relative to the .az file); sklearn: name of the data set; projected, images: directory or
    file of the image set (relative to the .az file)."""
    target_column: str
    """File: column or array to predict; sklearn: column to predict."""
    columns: str | None
    """File, sklearn: columns to predict from, separated by commas (default: all other columns)."""
    categorical: Literal["one_hot", "ordinal", "error"]
    """File, sklearn: what becomes of text: one_hot (a feature for each category), ordinal (its place in the
    alphabet), or error."""
    categories: str | None
    """File, sklearn: columns of numbers that are categories too, separated by commas."""
    dates: str | None
    """File, sklearn: columns of ISO 8601 dates, which become days since 1970, separated by commas."""
    missing: Literal["error", "mean", "median", "drop"]
    """File, sklearn: what becomes of missing values: error, mean or median (of the training rows), or drop (leave
    out such rows)."""
    standardize: bool
    """File, sklearn: scale features, and a regression target, by mean and standard deviation of the training rows."""
    images: Literal["cifar10", "mnist", "fashion_mnist", "npz", "digits", "openml"]
    """Projected, images: image set (one of cifar10, mnist, fashion_mnist, npz, digits, openml)."""
    dataset: str | None
    """Projected, images: name of the data set at OpenML, for images=openml."""
    pairs: str | None
    """Projected: pairs of classes of the search tasks, such as "0-1 2-7" (default: all pairs that are not held out)."""
    held_out: str | None
    """Projected: pairs of classes of selection and test tasks, or none to use the pairs of the search (default: "0-5
    0-9 1-8 2-9 3-5 3-6 3-8 4-6 8-9" for ten classes, else a fifth of the pairs)."""
    classes: str | None
    """Images: classes of the tasks, such as "0 1 7" (default: all)."""


class EvolveSettings(ExperimentSettings, total=False):
    """Keywords of ``azdsl.evolve``."""

    out: str | os.PathLike[str] | None
    """Run directory to create (for compare also one to continue); without it nothing is written."""
    name: str | None
    """Write to the next free directory runs/NAME-N instead."""
    workers: int | None
    """Number of islands or runs that run in parallel (default: one per core); no effect on the result."""
    resume: str | os.PathLike[str] | None
    """Run directory of a run to continue."""
    quiet: bool
    """Show no progress."""
    on_epoch: OnEpoch | None
    """Called with a Snapshot after every epoch; stops the search by returning true."""
    proposals: Function | str | None
    """A function of the hall of fame, called once an epoch, that gives programs or texts to try; a command; or a
    record."""
    cluster: Any
    """A Dask cluster: its address, local:N or a distributed.Client."""


class CompareSettings(ExperimentSettings, total=False):
    """Keywords of ``azdsl.compare``."""

    tasks: float | int | str
    """Search tasks, on which programs are evaluated."""
    select: float
    """File, sklearn: share of the rows reserved for selection."""
    test: float
    """File, sklearn: share of the rows reserved for the test; projected, images: share of the images reserved for
    the test, if the set has no test images."""
    algorithms: Sequence[str] | None
    """Search algorithms to compare (default: all)."""
    variants: Sequence[Mapping[str, Any]] | None
    """Settings to compare, in place of algorithms."""
    seeds: Iterable[int] | None
    """Random seeds of the runs."""
    out: str | os.PathLike[str] | None
    """Run directory to create (for compare also one to continue); without it nothing is written."""
    name: str | None
    """Write to the next free directory runs/NAME-N instead."""
    workers: int | None
    """Number of islands or runs that run in parallel (default: one per core); no effect on the result."""
    report: Report
    """Called with each finished run, the number of finished runs and the planned number."""
