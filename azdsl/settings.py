"""The schema of a search experiment: every key of ``task``, ``registers`` and ``search``, once.

The parser checks files against these dataclasses, the command line makes its options from them, the
documents list them. A field's metadata says what it means (``help``) and its least and greatest value.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar, Literal, cast

from azdsl.limits import MAX_FEATURES, MAX_HURDLES, MAX_INSTRUCTIONS, MAX_REGISTERS, MAX_SEED
from azdsl.schema import Range as Range
from azdsl.schema import SettingsError as SettingsError
from azdsl.schema import check
from azdsl.schema import key as _key
from azdsl.schema import keys as keys

Metric = Literal["rmse", "accuracy", "multiclass"]
"""How predictions are scored."""


@dataclass(frozen=True)
class Stage:
    """A hurdle: the first training examples of each of the first tasks (None: of all). Written ``800`` or ``800x5``."""

    train: int
    tasks: int | None = None

    def __str__(self) -> str:
        return str(self.train) if self.tasks is None else f"{self.train}x{self.tasks}"

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read ``800`` or ``800x5``. Raises ``ValueError`` on other text."""
        train, times, tasks = text.strip().partition("x")
        stage = cls(int(train), int(tasks) if times else None)
        if stage.train < 1 or (stage.tasks is not None and stage.tasks < 1):
            raise ValueError("a hurdle needs an example and a task")
        return stage


@dataclass(frozen=True)
class Registers:
    """``registers(scalars=4, vectors=3, matrices=1)``: the banks that evolved programs may use."""

    scalars: int = _key(20, "scalar registers, s0 (label) and s1 (prediction) among them", 2, MAX_REGISTERS)
    vectors: int = _key(20, "vector registers, v0 (features) among them", 1, MAX_REGISTERS)
    matrices: int = _key(20, "matrix registers", 0, MAX_REGISTERS)

    def __post_init__(self) -> None:
        check(self)


ALGORITHMS = ("regularized_evolution", "nonregularized_evolution", "hill_climbing", "random_search", "reinforce")
"""The search algorithms, in the order in which the search numbers them."""

MUTATIONS = ("alter", "randomize_instruction", "randomize_function", "insert", "remove", "trade")
"""The kinds of mutation, in the order in which the search numbers them."""


@dataclass(frozen=True)
class Search:
    """``search(population=1000, …)``: how the search runs and when it stops."""

    population: int = _key(1000, "programs alive in each island", 2, 10_000_000)
    tournament: int = _key(10, "programs drawn to choose a parent", 1)
    mutation: float = _key(0.9, "probability that a child is mutated rather than copied", 0.0, 1.0)
    algorithm: str = _key("regularized_evolution", "where candidates come from and which members they replace", choices=ALGORITHMS)
    init: str = _key("seed", "initial population: the file's program, random programs or empty ones", choices=("seed", "random", "empty"))
    setup: Range = _key(Range(1, 21), "instructions in Setup: a number or a range such as 1..21", 0, MAX_INSTRUCTIONS)
    predict: Range = _key(Range(1, 21), "instructions in Predict", 0, MAX_INSTRUCTIONS)
    learn: Range = _key(Range(1, 45), "instructions in Learn", 0, MAX_INSTRUCTIONS)
    seed: int = _key(0, "seed of everything random", 0, MAX_SEED)
    islands: int = _key(2, "separate populations that exchange programs; results depend on it", 1, 4096)
    migrants: float = _key(0.01, "share of each island replaced from another one after every epoch", 0.0, 1.0)
    exchange: str = _key(
        "ring", "where migrants come from: the island before (ring), a random partner (pairs), or each in turn (both)",
        choices=("ring", "pairs", "both"),
    )
    epoch: int | None = _key(None, "candidates of each island between exchanges (default: about a second's work)", 1)
    restart: int | None = _key(None, "candidates after which an island that has not reached the target starts afresh", 1)
    tasks_per_evaluation: int | None = _key(None, "tasks that a program is evaluated on, others from time to time (default: all)", 1)
    redraw: int | None = _key(None, "candidates of each island between draws of other tasks (default: ten populations)", 1)
    fec: bool = _key(True, "functional equivalence caching: programs with the same early errors share a fitness")
    fec_examples: int = _key(10, "training and validation examples that functional equivalence looks at", 1)
    hurdles: str | None = _key(
        None, 'training examples after which a program that falls behind is stopped, "100, 1000"; of only so many tasks, "100x5"'
    )
    hurdle_percentile: float = _key(75.0, "programs below this percentile of the different scores at a hurdle stop there", 0.0, 100.0)
    hurdle_every: int = _key(1000, "programs that come to a hurdle before it is set anew by their scores", 1, 10_000_000)
    proxy: bool = _key(False, "go by a prediction of the final fitness at hurdles, learned during the search")
    cache: int = _key(20_000, "entries of each cache, least recently used dropped first; checkpoints hold them", 16, 2**30)
    policy_rate: float = _key(0.1, "learning rate of the policy that algorithm=reinforce draws programs from", 0.0)
    policy_entropy: float = _key(0.1, "weight of the policy's entropy in what algorithm=reinforce maximises", 0.0)
    budget: float = _key(2.0, "programs that cost over this many times a two-layer network score 0 (0: no limit)", 0.0)
    max_abs_error: float = _key(100.0, "training stops where a prediction is off by more than this", 0.0)
    combine: str = _key("mean", "fitness over tasks", choices=("mean", "median"))
    precision: int = _key(64, "bits of a number while searching; the answer is chosen in 64", choices=(32, 64))
    finalists: int = _key(10, "programs of the search compared on the selection tasks at the end", 1, 10_000)
    target: float = _key(2.0, "stop when the fitness on the selection tasks reaches this (above 1: never)")
    max_evals: int | None = _key(None, "stop after this many candidates", 1)
    timeout: float | None = _key(None, "stop after this many seconds", 0.0)
    patience: int | None = _key(None, "stop after this many candidates without a better one", 1)

    def __post_init__(self) -> None:
        check(self)
        for name in ("setup", "predict", "learn"):
            lengths: Range = getattr(self, name)
            if lengths.least > lengths.most:
                raise SettingsError(name, f"{name}={lengths}: the range is empty; write it as least..most")
        if len(self.stages) > MAX_HURDLES:
            raise SettingsError("hurdles", f"hurdles={self.hurdles}: there can be {MAX_HURDLES} at most")
        if self.proxy and not self.stages:
            raise SettingsError("proxy", "proxy=true needs hurdles to predict at, such as hurdles='100'")
        if self.redraw is not None and self.tasks_per_evaluation is None:
            raise SettingsError("redraw", "redraw needs tasks_per_evaluation: all tasks are evaluated on")
        if self.tournament > self.population:
            raise SettingsError(
                "tournament", f"tournament={self.tournament} is larger than population={self.population}; make it smaller"
            )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The hurdles, in the order in which programs come to them."""
        try:
            return tuple(map(Stage.parse, self.hurdles.split(","))) if self.hurdles else ()
        except ValueError:
            wanted = 'training examples such as "100, 1000", or examples and tasks such as "100x5, 1000x10"'
            raise SettingsError("hurdles", f"hurdles must be {wanted}, not {self.hurdles!r}") from None


@dataclass(frozen=True)
class IslandSettings:
    """``island(0, tournament=20, …)``: what some islands have of their own; None is as ``search`` says."""

    tournament: int | None = _key(None, "programs drawn to choose a parent", 1)
    mutation: float | None = _key(None, "probability that a child is mutated rather than copied", 0.0, 1.0)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Task:
    """What every ``task`` statement has: how many tasks the search sees, and how many judge it."""

    kind: ClassVar[str]
    summary: ClassVar[str]

    tasks: int = _key(10, "tasks that the search evaluates every program on", 1, 100_000)
    train: int | None = _key(100, "training examples of each task", 1, 100_000_000)
    valid: int | None = _key(100, "validation examples of each task", 1, 100_000_000)
    epochs: int = _key(1, "passes over the training examples, each followed by validation", 1, 1_000_000)
    validations: int | None = _key(None, "validations, evenly spaced; the best one counts (default: one after each pass)", 1, 1_000_000)
    select_tasks: int = _key(100, "fresh tasks on which the finalists are compared", 1, 100_000)
    select_train: int | None = _key(None, "their training examples (default: as train)", 1)
    select_valid: int | None = _key(None, "their validation examples (default: as valid)", 1)
    test_tasks: int = _key(100, "fresh tasks on which the answer is scored once", 1, 100_000)
    test_train: int | None = _key(None, "their training examples (default: as select_train)", 1)
    test_valid: int | None = _key(None, "their validation examples (default: as select_valid)", 1)

    def __post_init__(self) -> None:
        check(self)

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return "rmse"

    def epoch_length(self, train: int) -> int:
        """Training steps before each validation, with so many training examples. Raises ``SettingsError``."""
        steps, count = train * self.epochs, self.validations or self.epochs
        if steps % count:
            raise SettingsError("validations", f"validations={count} does not divide the {steps} training steps ({train} examples × {self.epochs})")
        return steps // count


@dataclass(frozen=True)
class Linear(Task):
    """x ~ N(0, 1)^F, w ~ N(0, 1)^F, y = w·x."""

    kind = "linear"
    summary = "y = w·x with Gaussian x and w"

    train: int = _key(100, "training examples of each task", 1, 100_000_000)
    valid: int = _key(100, "validation examples of each task", 1, 100_000_000)
    features: int = _key(4, "numbers in an example (F)", 1, MAX_FEATURES)


@dataclass(frozen=True)
class Affine(Linear):
    """y = w·x + b, all Gaussian."""

    kind = "affine"
    summary = "y = w·x + b with Gaussian x, w and b"


@dataclass(frozen=True)
class TwoLayer(Linear):
    """y = w·relu(Mx), M and w Gaussian."""

    kind = "two_layer"
    summary = "y = w·relu(Mx), a two-layer teacher with Gaussian M and w"


@dataclass(frozen=True)
class FileTask(Task):
    """Rows of a table, split once at random into search, selection and test rows.

    A search task is a split of the search rows into training and validation rows. Selection trains on
    the search rows and validates on the selection rows; the test trains on both and validates on the
    test rows. Several selection or test tasks differ in the order of the training rows.
    """

    kind = "file"
    summary = "rows of a .npz, .csv or .parquet file"

    path: str = _key("", "the file (relative to the .az file)", required=True, location=True)
    target: str = _key("y", "column or array to predict", column=True)
    columns: str | None = _key(None, "columns to predict from, separated by commas (default: all others)")
    metric_name: str = _key("rmse", "rmse, accuracy (labels 0 and 1) or multiclass", choices=("rmse", "accuracy", "multiclass"))
    standardize: bool = _key(True, "scale features (and a regression target) by the training rows' mean and deviation")
    features: int | None = _key(None, "pad the features with zeros to this many (default: as many as there are)", 1, MAX_FEATURES)
    select: float = _key(0.2, "share of the rows kept for comparing the finalists", 0.001, 0.9)
    test: float = _key(0.2, "share of the rows kept for the final score", 0.001, 0.9)
    train: int | None = _key(None, "training rows of each task (default: the search rows that are not for validation)", 1)
    valid: int | None = _key(None, "validation rows of each task (default: a quarter of the search rows)", 1)
    select_tasks: int = _key(1, "orders of the training rows in which the finalists are compared", 1, 100_000)
    select_train: int | None = _key(None, "their training rows (default: all search rows)", 1)
    select_valid: int | None = _key(None, "their validation rows (default: all selection rows)", 1)
    test_tasks: int = _key(1, "orders of the training rows in which the answer is scored once", 1, 100_000)
    test_train: int | None = _key(None, "their training rows (default: all search and selection rows)", 1)
    test_valid: int | None = _key(None, "their validation rows (default: all test rows)", 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.select + self.test > 0.9:
            raise SettingsError("test", f"select={self.select} and test={self.test} leave under a tenth of the rows to the search")

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return cast("Metric", self.metric_name)


BUNDLED: Mapping[str, Metric] = {
    "diabetes": "rmse",
    "breast_cancer": "accuracy",
    "digits": "multiclass",
    "iris": "multiclass",
    "wine": "multiclass",
}
"""The data sets that scikit-learn bundles, and how each is scored."""


@dataclass(frozen=True)
class SklearnTask(FileTask):
    """One of scikit-learn's bundled data sets (extra ``sklearn``)."""

    kind = "sklearn"
    summary = "a data set that scikit-learn bundles: " + ", ".join(BUNDLED)

    path: str = _key("", "the data set's name", required=True, choices=tuple(BUNDLED))
    target: str = _key("target", "column to predict", column=True)
    metric_name: str = _key(
        "auto", "rmse, accuracy, multiclass or auto: what suits the data set", choices=("auto", "rmse", "accuracy", "multiclass")
    )

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return BUNDLED.get(self.path, "rmse") if self.metric_name == "auto" else super().metric


IMAGE_SETS = ("cifar10", "mnist", "fashion_mnist", "npz", "digits", "openml")
"""Where pictures can come from."""

HELD_OUT = "0-5 0-9 1-8 2-9 3-5 3-6 3-8 4-6 8-9"
"""The pairs of CIFAR-10's classes that AutoML-Zero keeps from the search."""


@dataclass(frozen=True)
class ImageTask(Task):
    """What every task made of an image set has.

    The pictures of each class are dealt out once at random: those for the test (where the set keeps pictures
    for it: those), for validation in selection and in the search, and the rest, which all roles train on.
    """

    images: str = _key("", "the image set (one of " + ", ".join(IMAGE_SETS) + ")", required=True, choices=IMAGE_SETS)
    path: str = _key("", "folder or file of the image set (relative to the .az file)", location=True)
    dataset: str | None = _key(None, "OpenML's name of the data set, for images=openml")
    train: int = _key(8000, "training examples of each task", 1, 100_000_000)
    valid: int = _key(1000, "validation examples of each task", 1, 100_000_000)
    test: float = _key(0.2, "share of the pictures kept for the test, where the set has no test pictures", 0.001, 0.9)
    select_tasks: int = _key(18, "fresh tasks on which the finalists are compared", 1, 100_000)
    test_tasks: int = _key(27, "fresh tasks on which the answer is scored once", 1, 100_000)
    test_valid: int | None = _key(None, "their validation examples (default: all that the classes have)", 1)
    features: int | None = _key(16, "numbers that a picture is projected to (F)", 1, MAX_FEATURES)


@dataclass(frozen=True)
class Projected(ImageTask):
    """Two classes told apart by a random projection of their pictures, as in AutoML-Zero.

    A task is a pair of classes and a Gaussian matrix that takes the pixels to ``features`` numbers, which are
    standardised by the training examples' mean and deviation. Labels are 0 for the first class and 1 for the second.
    """

    kind = "projected"
    summary = "pictures of two classes, projected at random to a few features"

    features: int = _key(16, "numbers that a picture is projected to (F)", 1, MAX_FEATURES)
    pairs: str | None = _key(None, 'pairs of classes of the search, such as "0-1 2-7" (default: all that are not held out)')
    held_out: str | None = _key(
        None, f'pairs of selection and test, or none: the search\'s (default: "{HELD_OUT}"; other than ten classes: a fifth)'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        both = set(pairs_of("pairs", self.pairs)) & set(pairs_of("held_out", self.held_out))
        if both:
            first, second = min(both)
            raise SettingsError("held_out", f"the pair {first}-{second} is in pairs too: what is held out is kept from the search")

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return "accuracy"


def pairs_of(key: str, text: str | None) -> tuple[tuple[int, int], ...]:
    """The pairs of classes in ``"0-1 2-7"``, each with the smaller first; none for None and ``none``. Raises ``SettingsError``."""
    if text is None or text == "none":
        return ()
    found = [re.fullmatch(r"(\d{1,5})-(\d{1,5})", word, re.ASCII) for word in re.split(r"[\s,]+", str(text).strip())]
    pairs = [(int(match[1]), int(match[2])) for match in found if match and int(match[1]) != int(match[2])]
    if len(pairs) < len(found):
        raise SettingsError(key, f'{key} must be pairs of different classes such as "0-1 2-7", not {text!r}')
    ordered = [(min(pair), max(pair)) for pair in pairs]
    if len(set(ordered)) < len(ordered):
        raise SettingsError(key, f"{key} names a pair twice: {text!r}")
    return tuple(ordered)


@dataclass(frozen=True)
class Images(ImageTask):
    """Many classes told apart by their pixels, or by a random projection of them; standardised."""

    kind = "images"
    summary = "pictures of several classes, as they are or projected at random"

    features: int | None = _key(None, "numbers that a picture is projected to (default: its pixels as they are)", 2, MAX_FEATURES)
    classes: str | None = _key(None, 'the classes, such as "0 1 7" (default: all)')

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(classes_of(self.classes))
        if self.features is not None and count > self.features:
            raise SettingsError("features", f"{count} classes need as many features, not {self.features}")

    @property
    def metric(self) -> Metric:
        """How the task is scored."""
        return "multiclass"


def classes_of(text: str | None) -> tuple[int, ...]:
    """The class numbers in ``"0 1 7"``; none for None. Raises ``SettingsError``."""
    if text is None:
        return ()
    words = re.split(r"[\s,]+", str(text).strip())
    if not all(re.fullmatch(r"\d{1,5}", word, re.ASCII) for word in words) or len(set(map(int, words))) < max(2, len(words)):
        raise SettingsError("classes", f'classes must be two or more different numbers such as "0 1 7", not {text!r}')
    return tuple(map(int, words))


TASKS: Mapping[str, type[Task]] = {
    task.kind: task for task in (Linear, Affine, TwoLayer, FileTask, SklearnTask, Projected, Images)
}
"""Task kinds that a file may name."""


def location_key(task: Task) -> str | None:
    """The key that says where the task's data are; None for a task without such."""
    return next((f.name for f in keys(task) if f.metadata.get("location")), None)


def located(task: Task, key: str, path: str) -> Task:
    """The task with another path of its data."""
    changes: dict[str, Any] = {key: path}
    return dataclasses.replace(task, **changes)


def relocated(task: Task | None, move: Callable[[str], str]) -> Task | None:
    """The task with the relative path of its data, if it has one, changed by ``move``."""
    key = location_key(task) if task else None
    if task is None or key is None:
        return task
    path: str = getattr(task, key)
    return located(task, key, move(path)) if path and not PurePath(path).is_absolute() else task
