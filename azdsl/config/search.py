"""The schema of a search experiment: every key of ``task``, ``registers`` and ``search``, once.

The parser checks files against these dataclasses, the command line makes its options from them, the
documents list them. A field's metadata says what it means (``help``) and its least and greatest value.
"""

from __future__ import annotations

from dataclasses import dataclass

from azdsl.config.schema import Range as Range
from azdsl.config.schema import SettingsError as SettingsError
from azdsl.config.schema import check
from azdsl.config.schema import key as _key
from azdsl.config.schema import keys as keys
from azdsl.limits import MAX_HURDLES, MAX_INSTRUCTIONS, MAX_REGISTERS, MAX_SEED


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
    algorithm: str = _key(
        "regularized_evolution", "where candidates come from and which members they replace", choices=ALGORITHMS
    )
    init: str = _key(
        "seed",
        "initial population: the file's program, random programs or empty ones",
        choices=("seed", "random", "empty"),
    )
    setup: Range = _key(Range(1, 21), "instructions in Setup: a number or a range such as 1..21", 0, MAX_INSTRUCTIONS)
    predict: Range = _key(Range(1, 21), "instructions in Predict", 0, MAX_INSTRUCTIONS)
    learn: Range = _key(Range(1, 45), "instructions in Learn", 0, MAX_INSTRUCTIONS)
    seed: int = _key(0, "seed of everything random", 0, MAX_SEED)
    islands: int = _key(2, "separate populations that exchange programs; results depend on it", 1, 4096)
    migrants: float = _key(0.01, "share of each island replaced from another one after every epoch", 0.0, 1.0)
    exchange: str | None = _key(
        None,
        "where migrants come from: the island before (ring), a random partner (pairs), or each in turn (both); "
        "default: ring, and from 100 islands on both",
        choices=("ring", "pairs", "both"),
    )
    epoch: int | None = _key(None, "candidates of each island between exchanges (default: about a second's work)", 1)
    restart: int | None = _key(
        None, "candidates after which an island that has not reached the target starts afresh", 1
    )
    tasks_per_evaluation: int | None = _key(
        None, "tasks that a program is evaluated on, others from time to time (default: all)", 1
    )
    redraw: int | None = _key(
        None, "candidates of each island between draws of other tasks (default: ten populations)", 1
    )
    fec: bool = _key(True, "functional equivalence caching: programs with the same early errors share a fitness")
    fec_examples: int = _key(10, "training and validation examples that functional equivalence looks at", 1)
    hurdles: str | None = _key(
        None,
        'training examples after which a program that falls behind is stopped, "100, 1000"; of only so many tasks, "100x5"',
    )
    hurdle_percentile: float = _key(
        75.0, "programs below this percentile of the different scores at a hurdle stop there", 0.0, 100.0
    )
    hurdle_every: int = _key(
        1000, "programs that come to a hurdle before it is set anew by their scores", 1, 10_000_000
    )
    proxy: bool = _key(False, "go by a prediction of the final fitness at hurdles, learned during the search")
    cache: int = _key(
        20_000, "entries of each cache, least recently used dropped first; checkpoints hold them", 16, 2**30
    )
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
        if self.tasks_per_evaluation is not None and self.stages and self.hurdle_every >= self.draw_after:
            fewer = f"tasks are drawn after {self.draw_after} candidates, before so many could set a hurdle; take fewer, such as 100"
            raise SettingsError("hurdle_every", f"hurdle_every={self.hurdle_every}: {fewer}")
        if self.tournament > self.population:
            raise SettingsError(
                "tournament",
                f"tournament={self.tournament} is larger than population={self.population}; make it smaller",
            )

    @property
    def draw_after(self) -> int:
        """Candidates of an island after which other tasks are drawn: measuring its members anew is a tenth of the work."""
        return self.redraw or 10 * self.population

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
