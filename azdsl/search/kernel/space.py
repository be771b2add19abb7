"""The search space as arrays for compiled code: ops, registers, lengths and mutations.

All of it is derived from the op table and an ``Experiment``. Registers have consecutive numbers: scalars, then vectors, then
matrices, then ``none`` (the output of an op without one) and ``sink`` (the input in place of an absent one).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azdsl.config.experiment import Experiment
from azdsl.config.search import ALGORITHMS, MUTATIONS, Range, Registers, Search, SettingsError
from azdsl.ir import FUNCTIONS, LABEL, Address, Metric, Program
from azdsl.ir.program import READ_ONLY
from azdsl.limits import MAX_REGISTERS
from azdsl.ops import BY_NAME, OPS, Kind, Op, Role
from azdsl.search.kernel.hash_salts import hash_salts
from azdsl.search.kernel.hurdles import STOPPED_BELOW
from azdsl.taskset import TaskSet

ROLES = tuple(Role)
"""Roles of constants, in the order of their numbers in ``OP_TABLE``; -1 means no constant."""

OP_TABLE = np.dtype(
    [
        # for hashing: each bit is that of the kind's register 0, or 0 if the op has no such operand
        ("out_bit", "u8"),
        ("a_bit", "u8"),
        ("b_bit", "u8"),
        ("old_bit", "u8"),  # the output's bit if the op reads the output's old value
        ("salt", "u8"),
        ("number", "u8"),  # all ones if the op has a constant
        ("costs", "f8", 3),  # contribution to the cost of one evaluation, in each function
        ("out_base", "u1"),  # number of the kind's register 0
        ("a_base", "u1"),
        ("b_base", "u1"),
        ("commutative", "u1"),
        ("random", "u1"),
        ("updates", "u1"),
        ("special", "u1"),  # random, updating or with more than one constant
        ("constants", "i1"),
        # for mutation
        ("inputs", "i2"),
        ("has_output", "i2"),
        ("a_count", "i2"),  # registers to draw an input from; 1 if the op has no such input
        ("b_count", "i2"),
        ("out_first", "i2"),  # index of the first writable register
        ("out_count", "i2"),
        ("low", "i2"),  # indices of the constants that must be in order, or -1
        ("high", "i2"),
        ("roles", "i2", 3),
        ("unused", "i2", 13),  # to 128 bytes
    ],
    align=True,
)

FUNCTION_TABLE = np.dtype(
    [
        ("offset", "i8"),  # start of the function in a row
        ("least", "i8"),  # limits of its length
        ("most", "i8"),
        ("first_op", "i8"),  # ops to draw from: ops[first_op : first_op + op_count]
        ("op_count", "i8"),
    ]
)

KIND_TABLE = np.dtype(
    [
        ("base", "i8"),  # number of the kind's register 0
        ("all", "u8"),  # the kind's registers, one bit each
        ("writable", "u8"),
    ]
)

MAX_EXPRESSION = 6
"""Instructions that one mutation can insert into a function."""

BASELINE = (
    ("const", "vector_gaussian", "matrix_gaussian"),
    ("matvec", "vector_maximum", "dot"),
    (
        "scalar_subtract",
        "scalar_multiply",
        "vector_scale",
        "vector_scale",
        "vector_heaviside",
        "vector_multiply",
        "outer",
        "matrix_add",
        "vector_add",
    ),
)
"""The ops of a two-layer network trained by gradient descent. The train budget is a multiple of its cost."""


class Space(NamedTuple):
    """The candidates that can be bred and the settings of their evaluation. All fields are arrays or numbers.

    ``table`` has one record per op (``OP_TABLE``), ``functions`` one per function (``FUNCTION_TABLE``). uint64[3, R], for every
    function and register: ``starts`` are hashes of the register's value at the start of the function, ``names`` salts of the
    register at its end. ``ops`` are the allowed ops, function by function. ``evolvable`` lists the functions that can be mutated,
    ``mutations`` the allowed kinds as indices into ``config.search.MUTATIONS``. ``given`` is the set of registers that the
    evaluation writes, ``prediction`` that of the prediction register. ``budget`` is the greatest allowed cost. ``parsimony`` is the price of a live
    instruction, in fitness. ``tune`` is the share of the full evaluations that tune an elite. ``hurdles`` is the
    number of hurdles. Only a fitness above ``floor`` enters the finalists. ``algorithm`` is an index into
    ``config.search.ALGORITHMS``. The first ``initial_population`` candidates of a population have no parent.
    """

    table: NDArray[np.void]
    functions: NDArray[np.void]
    kinds: NDArray[np.void]
    starts: NDArray[np.uint64]
    names: NDArray[np.uint64]
    ops: NDArray[np.int64]
    evolvable: NDArray[np.int64]
    mutations: NDArray[np.int64]
    given: np.uint64
    prediction: np.uint64
    label: np.uint64
    budget: float
    mutation: float
    edits: float
    tournament: int
    parsimony: float
    tune: float
    median: bool
    fec: bool
    hurdles: int
    percentile: float
    proxy: bool
    floor: float
    algorithm: int
    initial_population: int
    policy_rate: float
    policy_entropy: float

    @property
    def capacity(self) -> int:
        """Capacity of a row, in instructions."""
        return int(self.functions["most"].sum())


def make_space(experiment: Experiment, tasks: TaskSet) -> Space:
    """The search space of ``experiment`` on ``tasks``. Raises ``SettingsError`` when it is empty or its settings conflict."""
    search, registers = experiment.search, experiment.registers
    check_seeds(experiment)
    for program in experiment.seed_programs:
        check_registers(program, registers, tasks.metric_definition)
    lengths = [_lengths(experiment, f) for f in range(3)]
    allowed = [_allowed(experiment, f) for f in range(3)]
    evolvable = [f for f in range(3) if allowed[f] and lengths[f].most]
    if not evolvable:
        raise SettingsError(
            "ops", "no function can evolve: each is frozen, has no ops or has length 0; allow ops and a length for one"
        )
    bank = _bank(registers)
    table = _table(bank, tasks)
    return Space(
        table=table,
        functions=_functions(lengths, [len(ops) for ops in allowed]),
        kinds=_kinds(bank),
        starts=_starts(bank, tasks.metric_definition),
        names=np.stack([hash_salts(f"name {name}", bank.total) for name in FUNCTIONS]),
        ops=np.array([op.code for ops in allowed for op in ops], np.int64),
        evolvable=np.array(evolvable, np.int64),
        mutations=_mutations(experiment, [lengths[f] for f in evolvable]),
        given=bank.flags(*tasks.metric_definition.given),
        prediction=bank.flags(tasks.metric_definition.prediction),
        label=bank.flags(tasks.metric_definition.label),
        budget=_budget(search, table),
        mutation=float(search.mutation),
        edits=float(search.edits),
        tournament=search.tournament,
        parsimony=float(search.parsimony),
        tune=float(search.tune),
        median=search.combine == "median",
        fec=search.fec,
        hurdles=len(search.hurdle_list),
        percentile=float(search.hurdle_percentile),
        proxy=search.proxy,
        floor=STOPPED_BELOW if search.hurdle_list else -1.0,
        algorithm=ALGORITHMS.index(search.algorithm),
        initial_population=_initial_population(search),
        policy_rate=float(search.policy_rate),
        policy_entropy=float(search.policy_entropy),
    )


class Bank:
    """Consecutive numbers of all registers, followed by ``none`` and ``sink``."""

    def __init__(self, registers: Registers) -> None:
        self.sizes = {Kind.SCALAR: registers.scalars, Kind.VECTOR: registers.vectors, Kind.MATRIX: registers.matrices}
        self.base = dict(zip(Kind, np.cumsum([0, *self.sizes.values()]).tolist(), strict=False))
        self.none = sum(self.sizes.values())
        self.sink = self.none + 1
        self.total = self.none + 2

    def number(self, address: Address) -> int:
        """A register's number."""
        return int(self.base[address.kind]) + address.index

    def writable(self, kind: Kind) -> tuple[int, int]:
        """Index of the first writable register of ``kind``, and the number of writable registers."""
        first = sum(address.kind is kind for address in READ_ONLY)
        return first, max(0, self.sizes[kind] - first)

    def flags(self, *addresses: Address) -> np.uint64:
        """A set of registers as a bit mask."""
        return np.uint64(sum(1 << self.number(address) for address in addresses))

    def bit(self, kind: Kind | None) -> int:
        """The bit of register 0 of ``kind``; 0 if there is none."""
        return 1 << self.base[kind] if kind and self.sizes[kind] else 0


def _bank(registers: Registers) -> Bank:
    """The numbers of ``registers``. Raises ``SettingsError`` for more than ``MAX_REGISTERS``."""
    bank = Bank(registers)
    if bank.none > MAX_REGISTERS:
        held = ", ".join(f"{key}={value}" for key, value in vars(registers).items())
        raise SettingsError(
            "registers",
            f"{held}: {bank.none} registers in total, but a search can use at most {MAX_REGISTERS}; allow fewer",
        )
    return bank


def _budget(search: Search, table: NDArray[np.void]) -> float:
    """The greatest allowed cost: ``search.budget`` times the cost of ``BASELINE``; infinity if that is 0."""
    baseline = sum(table["costs"][BY_NAME[name].code, f] for f in range(3) for name in BASELINE[f])
    return float(search.budget * baseline) if search.budget else float("inf")


def check_registers(program: Program, registers: Registers, metric: Metric) -> None:
    """Raise ``SettingsError`` when the program or the metric needs registers that do not exist."""
    sizes = Bank(registers).sizes
    if metric.vector and sizes[Kind.VECTOR] <= metric.prediction.index:
        raise SettingsError(
            "vectors",
            f"vectors={registers.vectors}: multi-class tasks predict in {metric.prediction}; allow at least 3 vectors",
        )
    for address in program.registers:
        if address.index >= sizes[address.kind]:
            key = {Kind.SCALAR: "scalars", Kind.VECTOR: "vectors", Kind.MATRIX: "matrices"}[address.kind]
            held = f"{key}={sizes[address.kind]}"
            raise SettingsError(key, f"the program uses {address}, but {held}; allow at least {address.index + 1}")


def check_seeds(experiment: Experiment) -> None:
    """Raise ``SettingsError`` for several seed programs that no population can start from."""
    if not experiment.further_seeds:
        return
    if experiment.search.init != "seed":
        raise SettingsError(
            "init", f"init={experiment.search.init} starts from no seed program: give one, or set init=seed"
        )
    for name in sorted(experiment.frozen):
        at = FUNCTIONS.index(name)
        if len({program.functions[at] for program in experiment.seed_programs}) > 1:
            raise SettingsError(
                "seed", f"{name} is frozen, but differs between the seed programs: make it equal in all"
            )


def _lengths(experiment: Experiment, function: int) -> Range:
    """The allowed lengths of a function; for a frozen function its length in the seed program."""
    name = FUNCTIONS[function]
    written = max(len(program.functions[function]) for program in experiment.seed_programs)
    if name in experiment.frozen:
        return Range(written, written)
    lengths: Range = getattr(experiment.search, name.lower())
    if experiment.search.init == "seed" and written > lengths.most:
        raise SettingsError(
            name.lower(), f"{name} has {written} instructions, but {name.lower()}={lengths}; allow as many"
        )
    return lengths


def _allowed(experiment: Experiment, function: int) -> list[Op]:
    """The ops that a function draws from: the allowed ops whose registers exist; none for a frozen function."""
    if FUNCTIONS[function] in experiment.frozen:
        return []
    bank = Bank(experiment.registers)
    ops = experiment.allowed_ops[function]
    legal = [
        op
        for op in ops
        if all(bank.sizes[kind] for kind in op.inputs) and (op.output is None or bank.writable(op.output)[1])
    ]
    if ops and not legal:
        raise SettingsError(
            "ops",
            f"none of the ops of {FUNCTIONS[function]} can be used: their registers do not exist; allow more registers",
        )
    return legal


def _mutations(experiment: Experiment, lengths: list[Range]) -> NDArray[np.int64]:
    """The allowed kinds of mutation, without those that the lengths make impossible."""
    varies = any(r.least < r.most for r in lengths)
    wanted = experiment.default_mutations if experiment.mutations is None else experiment.mutations
    unknown = [name for name in wanted if name not in MUTATIONS]
    if unknown:
        raise SettingsError("mutations", f"unknown mutation {unknown[0]!r}; choose from {', '.join(MUTATIONS)}")
    possible = [name for name in wanted if varies or name not in ("insert", "remove")]
    if not possible:
        raise SettingsError(
            "mutations", "no mutation is possible: insert and remove need a range of lengths, such as setup=1..21"
        )
    return np.array([MUTATIONS.index(name) for name in possible], np.int64)


def _initial_population(search: Search) -> int:
    """The number of an island's candidates that form its initial population; 0 where no candidate has a parent."""
    return {"random_search": 0, "reinforce": 0, "hill_climbing": 1}.get(search.algorithm, search.population)


def _functions(lengths: list[Range], op_counts: list[int]) -> NDArray[np.void]:
    """One record per function."""
    functions = np.zeros(3, FUNCTION_TABLE)
    functions["least"], functions["most"] = [r.least for r in lengths], [r.most for r in lengths]
    functions["op_count"] = op_counts
    for field, sizes in (("offset", functions["most"]), ("first_op", functions["op_count"])):
        functions[field] = np.cumsum(sizes) - sizes
    return functions


def _table(bank: Bank, tasks: TaskSet) -> NDArray[np.void]:
    """One record per op."""
    table = np.zeros(len(OPS), OP_TABLE)
    runs = np.array(tasks.runs)
    table["salt"] = hash_salts("op", len(OPS))
    for op, record in zip(OPS, table, strict=True):
        first, count = bank.writable(op.output) if op.output else (0, 1)
        roles = [ROLES.index(role) for role in op.constants]
        record["inputs"], record["has_output"], record["constants"] = len(op.inputs), op.output is not None, len(roles)
        for at, slot in enumerate("ab"):
            kind = op.inputs[at] if at < len(op.inputs) else None
            record[f"{slot}_count"] = bank.sizes[kind] if kind else 1
            record[f"{slot}_base"] = bank.base[kind] if kind else bank.sink
            record[f"{slot}_bit"] = bank.bit(kind)
        record["out_first"], record["out_count"] = first, count
        record["out_base"] = bank.base[op.output] if op.output else bank.none
        record["out_bit"] = bank.bit(op.output)
        record["old_bit"] = bank.bit(op.output) if op.updates else 0
        record["roles"] = [*roles, -1, -1, -1][:3]
        record["low"], record["high"] = (
            op.constants.index(r) if r in op.constants else -1 for r in (Role.LOW, Role.HIGH)
        )
        record["commutative"], record["random"], record["updates"] = op.commutative, op.random, op.updates
        record["number"] = 2**64 - 1 if roles else 0
        record["special"] = len(roles) > 1 or op.random or op.updates
        record["costs"] = runs * op.cost(tasks.features)
    return table


def _kinds(bank: Bank) -> NDArray[np.void]:
    """One record per kind of register."""
    kinds = np.zeros(len(Kind), KIND_TABLE)
    for record, kind in zip(kinds, Kind, strict=True):
        first, count = bank.writable(kind)
        base = int(bank.base[kind])
        record["base"], record["all"] = base, ((1 << bank.sizes[kind]) - 1) << base
        record["writable"] = ((1 << count) - 1) << (base + first)
    return kinds


def _starts(bank: Bank, metric: Metric) -> NDArray[np.uint64]:
    """Hashes of the registers' values at the start of each function.

    Before Setup all memory is 0. In Predict the label registers are 0.
    """
    zero = dict(zip(Kind, hash_salts("zero", len(Kind)), strict=True))
    values = np.stack([hash_salts("value", bank.total)] * 3)
    for kind in Kind:
        values[0, bank.base[kind] : bank.base[kind] + bank.sizes[kind]] = zero[kind]
    values[1, bank.number(LABEL)] = zero[Kind.SCALAR]
    if metric.vector:
        values[1, bank.number(metric.label)] = zero[Kind.VECTOR]
        values[2, bank.number(LABEL)] = zero[Kind.SCALAR]
    return values
