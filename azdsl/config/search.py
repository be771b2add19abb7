"""The keys of the statements ``registers``, ``search``, ``island`` and ``stage``: types, defaults, bounds and help.

The parser validates files against these dataclasses, and the command line makes its options from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from azdsl.config.quantities import count
from azdsl.config.schema import Range as Range
from azdsl.config.schema import SettingsError as SettingsError
from azdsl.config.schema import key as _key
from azdsl.config.schema import key_of, validate
from azdsl.config.schema import keys as keys
from azdsl.limits import MAX_COUNT, MAX_HURDLES, MAX_INSTRUCTIONS, MAX_REGISTERS, MAX_SEED


@dataclass(frozen=True)
class Hurdle:
    """Where a hurdle stands: after ``train`` examples of each of the first ``tasks`` tasks (None: of all tasks).

    A file writes ``800`` or ``800x5``.
    """

    train: int
    tasks: int | None = None

    def __str__(self) -> str:
        return str(self.train) if self.tasks is None else f"{self.train}x{self.tasks}"

    @classmethod
    def parse(cls, text: str) -> Hurdle:
        """Read ``800`` or ``800x5``. Raises ``ValueError`` for other text."""
        train, times, tasks = text.strip().partition("x")
        hurdle = cls(count(train), count(tasks) if times else None)
        if not all(1 <= number <= MAX_COUNT for number in (hurdle.train, hurdle.tasks) if number is not None):
            raise ValueError("a hurdle needs at least one example and one task")
        return hurdle


@dataclass(frozen=True)
class Registers:
    """``registers(scalars=4, vectors=3, matrices=1)``: how many registers of each kind evolved programs may use."""

    scalars: int = _key(20, "scalar registers, including s0 (label) and s1 (prediction)", 2, MAX_REGISTERS)
    vectors: int = _key(20, "vector registers, including v0 (features)", 1, MAX_REGISTERS)
    matrices: int = _key(20, "matrix registers", 0, MAX_REGISTERS)

    def __post_init__(self) -> None:
        validate(self)


ALGORITHMS = ("regularized_evolution", "nonregularized_evolution", "hill_climbing", "random_search", "reinforce")
"""The search algorithms. Compiled code numbers them by their place here."""

BLIND_MUTATIONS = ("alter", "randomize_instruction", "randomize_function", "insert", "remove", "trade")
"""The kinds of mutation that do not look at what instructions are for."""

MUTATIONS = (*BLIND_MUTATIONS, "graft", "accumulate", "parameter", "rewire", "bypass", "transplant")
"""The kinds of mutation. Compiled code numbers them by their place here."""

DATA_FLOW_MUTATIONS = ("alter", "insert", "remove", "graft", "accumulate", "parameter")
"""The default for tables: kinds that extend what a program computes already, most of them knowing what an instruction is for."""


@dataclass(frozen=True)
class Search:
    """``search(population=1000, …)``: how the search runs and when it stops."""

    population: int = _key(1000, "individuals of each island", 2, 10_000_000)
    tournament: int = _key(10, "individuals drawn for a tournament, whose best becomes the parent", 1, 10_000_000)
    parsimony: float = _key(
        1e-5,
        "price of each instruction that affects predictions, in fitness, when parents are chosen (0: size does not matter)",
        0.0,
        1.0,
    )
    mutation: float = _key(0.9, "probability that a child is mutated rather than an exact copy", 0.0, 1.0)
    tune: float = _key(
        0.1, "share of the full evaluations that tune the constants of elites, a local search (0: none)", 0.0, 0.9
    )
    tune_finalists: int = _key(
        0,
        "evaluations that tune the constants of each of the best finalists at the end of the run (0: none)",
        0,
        MAX_COUNT,
    )
    edits: float = _key(0.0, "probability that a mutated child is mutated once more, again and again", 0.0, 0.95)
    algorithm: str = _key("regularized_evolution", "search algorithm", choices=ALGORITHMS)
    init: str = _key(
        "seed",
        "initial population: copies of the seed program, random programs or empty programs",
        choices=("seed", "random", "empty"),
    )
    setup: Range = _key(Range(1, 21), "instructions in Setup: a number, or a range such as 1..21", 0, MAX_INSTRUCTIONS)
    predict: Range = _key(Range(1, 21), "instructions in Predict: a number or a range", 0, MAX_INSTRUCTIONS)
    learn: Range = _key(Range(1, 45), "instructions in Learn: a number or a range", 0, MAX_INSTRUCTIONS)
    seed: int = _key(0, "random seed of the run", 0, MAX_SEED)
    islands: int = _key(2, "islands (populations that exchange individuals); changes the result", 1, 4096)
    migrants: float = _key(0.01, "share of each island's population replaced by immigrants at an exchange", 0.0, 1.0)
    exchange: str | None = _key(
        None,
        "source of immigrants: the previous island (ring), a random partner (pairs), or both in turn "
        "(default: ring below 100 islands, else both)",
        choices=("ring", "pairs", "both"),
    )
    epoch: int | None = _key(
        None, "candidates of each island between two exchanges (default: estimated to take half a second)", 1, MAX_COUNT
    )
    restart: int | None = _key(
        None,
        "candidates of each island after which populations restart if the target is not reached (default: never)",
        1,
        MAX_COUNT,
    )
    restart_from: str = _key(
        "initial",
        "populations after a restart: the initial one again, copies of the best program on the selection tasks, or both in turn",
        choices=("initial", "best", "both"),
    )
    tasks_per_evaluation: int | None = _key(
        None,
        "tasks of one evaluation; other tasks are drawn every redraw candidates (default: all tasks)",
        1,
        MAX_COUNT,
    )
    redraw: int | None = _key(
        None, "candidates of each island between two draws of tasks (default: ten times the population)", 1, MAX_COUNT
    )
    fec: bool = _key(True, "use the functional equivalence cache: programs with equal early errors share a fitness")
    fec_examples: int = _key(
        10,
        "training examples, and validation examples, that identify a program in that cache; with 10, about one hit in "
        "1,000 gets the fitness of a program that differs later",
        1,
        MAX_COUNT,
    )
    hurdles: str | None = _key(
        None,
        'training examples after which weak programs are stopped, such as "100, 1000", or "100x5" for five tasks '
        "(default: none)",
    )
    hurdle_percentile: float = _key(
        75.0, "percentile of the different scores at a hurdle below which programs are stopped", 0.0, 100.0
    )
    hurdle_every: int = _key(1000, "programs between two updates of a hurdle's threshold", 1, 10_000_000)
    proxy: bool = _key(False, "stop programs at hurdles by a learned prediction of their final fitness")
    cache: int = _key(20_000, "entries of each fitness cache; the least recently used is replaced", 16, 2**30)
    policy_rate: float = _key(0.1, "learning rate of the policy of algorithm=reinforce", 0.0, 1e6)
    policy_entropy: float = _key(0.1, "weight of the entropy in the objective of algorithm=reinforce", 0.0, 1e6)
    budget: float = _key(
        2.0, "largest cost of a program, in costs of a two-layer network; above it the fitness is 0 (0: no limit)", 0.0
    )
    max_abs_error: float = _key(
        100.0, "absolute error of a prediction above which training on a task stops (inf: no limit)", 0.0
    )
    combine: str = _key("mean", "how fitness is combined over tasks", choices=("mean", "median"))
    precision: int = _key(
        64, "bits of floating-point numbers in the search; finalists are compared in 64 bits", choices=(32, 64)
    )
    choose: str = _key(
        "smallest",
        "final program: of the finalists better than the seed program by two standard errors on the selection tasks, the smallest "
        "within one of the best; or the best",
        choices=("smallest", "best"),
    )
    finalists: int = _key(10, "best programs of the search that are compared on the selection tasks", 1, 10_000)
    target: float = _key(2.0, "stop when the fitness on the selection tasks reaches this (above 1: never)", 0.0)
    max_evals: int | None = _key(
        None, "stop after this many candidates, all islands together (default: no limit)", 1, MAX_COUNT
    )
    timeout: float | None = _key(
        None,
        "stop after this time, in seconds or such as 5m or 1h30m, resumed parts included; inf is no limit (default: no limit)",
        0.0,
        duration=True,
    )
    patience: int | None = _key(
        None, "stop after this many candidates without an improvement (default: no limit)", 1, MAX_COUNT
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.timeout == math.inf:
            object.__setattr__(self, "timeout", None)
        if len(self.hurdle_list) > MAX_HURDLES:
            raise SettingsError("hurdles", f"hurdles={self.hurdles!r}: at most {MAX_HURDLES} hurdles are possible")
        if self.proxy and not self.hurdle_list:
            raise SettingsError("proxy", 'proxy=true needs hurdles, such as hurdles="100"')
        if self.redraw is not None and self.tasks_per_evaluation is None:
            raise SettingsError("redraw", "redraw has no effect without tasks_per_evaluation: set that too")
        if self.tasks_per_evaluation is not None and self.hurdle_list and self.hurdle_every >= self.draw_after:
            raise SettingsError(
                "hurdle_every",
                f"hurdle_every={self.hurdle_every} is too large: tasks are redrawn every {self.draw_after} candidates, "
                "before the first update of a threshold; use a smaller one, such as 100",
            )
        if self.tournament > self.population:
            raise SettingsError(
                "tournament",
                f"tournament={self.tournament} is larger than population={self.population}; make it smaller",
            )

    @property
    def draw_after(self) -> int:
        """Candidates of an island between two draws of tasks: reevaluating its individuals is a tenth of the work."""
        return self.redraw or 10 * self.population

    @property
    def hurdle_list(self) -> tuple[Hurdle, ...]:
        """The hurdles, in the order in which programs reach them."""
        try:
            return tuple(map(Hurdle.parse, self.hurdles.split(","))) if self.hurdles else ()
        except ValueError:
            wanted = 'training examples such as "100, 1000", or examples and tasks such as "100x5, 1000x10"'
            raise SettingsError("hurdles", f"hurdles must be {wanted}, not {self.hurdles!r}") from None


@dataclass(frozen=True)
class IslandSettings:
    """``island(0, tournament=20, …)``: keys that some islands override; None is the value of ``search``."""

    population: int | None = key_of(Search, "population")
    epoch: int | None = key_of(Search, "epoch")
    tournament: int | None = key_of(Search, "tournament")
    mutation: float | None = key_of(Search, "mutation")

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class StageSettings:
    """``stage(target=0.97, restart=200_000, …)``: what ends a stage, and keys that it overrides; None is the value of ``search``.

    ``target``, ``max_evals`` and ``patience`` are those of the stage alone: None is no such end.
    """

    target: float | None = key_of(Search, "target")
    max_evals: int | None = key_of(Search, "max_evals")
    patience: int | None = key_of(Search, "patience")
    tournament: int | None = key_of(Search, "tournament")
    parsimony: float | None = key_of(Search, "parsimony")
    mutation: float | None = key_of(Search, "mutation")
    edits: float | None = key_of(Search, "edits")
    restart: int | None = key_of(Search, "restart")
    restart_from: str | None = key_of(Search, "restart_from")
    missed: str | None = _key(
        None,
        "what follows a stage that ends without its target: the next stage, or the first one with a new initial population (default: next)",
        choices=("next", "first"),
    )
    attempts: int = _key(
        1,
        "how often the stage is searched until its target is reached; if never, the next one starts from the answers of all",
        1,
        10_000,
    )

    def __post_init__(self) -> None:
        validate(self)


STAGE_ENDS = ("target", "max_evals", "patience")
"""The keys of ``StageSettings`` that end a stage."""
