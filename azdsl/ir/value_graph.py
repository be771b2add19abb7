"""Value numbering: a program as a graph of values in SSA form, without registers.

Setup, Predict and Learn are read in this order as one sequence of single assignments. Learn reads the values of Predict,
because training runs both on the same example. A register that changes from example to example has a ``state`` value
before Predict. A register that never changes after Setup is replaced by the value of Setup. Equal values are merged.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from azdsl.ir.metric import RMSE, Metric
from azdsl.ir.program import FEATURES, Address, Block, Program
from azdsl.ops import BY_NAME, Kind, Op

SETUP, PREDICT, LEARN = range(3)

CONST, VECTOR_FILL, MATRIX_FILL = (BY_NAME[name] for name in ("const", "vector_broadcast", "column_broadcast"))


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """The result of an op on values or, with ``op`` None, the content of register ``given`` before a function runs.

    ``place`` is the number of the function that computes it. An op that updates has the old value as its last input.
    """

    number: int
    kind: Kind
    place: int
    op: Op | None = None
    inputs: tuple[Value, ...] = ()
    constants: tuple[float, ...] = ()
    given: Address | None = None

    @property
    def fill(self) -> float | None:
        """The constant that every entry equals; None if the entries are not all one constant."""
        if self.op is CONST:
            return self.constants[0]
        return self.inputs[0].fill if self.op in (VECTOR_FILL, MATRIX_FILL) else None

    @property
    def is_zero(self) -> bool:
        """Whether every entry is 0.0 (not -0.0), as in a register that was never written."""
        return str(self.fill) == "0.0"


Rule = Callable[["Builder", Op, tuple[Value, ...], tuple[float, ...]], Value | None]
"""A rewrite rule: another value with the same bits as the op's result, or None if the rule does not apply."""


@dataclass
class Builder:
    """Creates values and merges equal ones. ``fired`` counts the applications of each rule, of merging and of hoisting."""

    rules: tuple[Rule, ...] = ()
    fired: Counter[str] = field(default_factory=Counter)
    place: int = SETUP
    _known: dict[tuple[object, ...], Value] = field(default_factory=dict)
    _count: int = 0

    def make(self, op: Op, inputs: tuple[Value, ...] = (), constants: tuple[float, ...] = ()) -> Value:
        """The value of ``op``: the result of the first rule that applies, else the op itself."""
        for rule in self.rules:
            value = rule(self, op, inputs, constants)
            if value is not None:
                self.fired[rule.__name__] += 1
                return value
        before = self._count
        value = self._plain(op, inputs, constants)
        if self._count == before:
            self.fired["merge"] += 1
        elif value.place != self.place:
            self.fired["hoist"] += 1
        return value

    def _plain(self, op: Op, inputs: tuple[Value, ...], constants: tuple[float, ...]) -> Value:
        """The value of ``op`` without rules, merged with an equal value if there is one."""
        numbers = [value.number for value in inputs]
        if op.commutative:
            numbers.sort()
        key = (op.code, *numbers, struct.pack(f"{len(constants)}d", *constants), self._count if op.random else None)
        if key in self._known:
            return self._known[key]
        hoisted = not op.random and all(value.place == SETUP for value in inputs)
        assert op.output is not None
        value = Value(self._next(), op.output, SETUP if hoisted else self.place, op, inputs, constants)
        self._known[key] = value
        return value

    def given(self, address: Address, place: int) -> Value:
        """A new value for the content of ``address`` before the function ``place``."""
        return Value(self._next(), address.kind, place, given=address)

    def fill(self, kind: Kind, number: float) -> Value:
        """The value with every entry equal to ``number``."""
        scalar = self._plain(CONST, (), (number,))
        if kind is Kind.SCALAR:
            return scalar
        vector = self._plain(VECTOR_FILL, (scalar,), ())
        return vector if kind is Kind.VECTOR else self._plain(MATRIX_FILL, (vector,), ())

    def _next(self) -> int:
        self._count += 1
        return self._count


@dataclass(frozen=True)
class Graph:
    """A program's values.

    ``states`` maps each register that changes from example to example to its value before Predict. ``exits`` maps
    registers to their values after Setup, after Predict and after Learn. ``after`` is the prediction that Learn reads,
    which the metric has squashed.
    """

    metric: Metric
    states: Mapping[Address, Value]
    exits: tuple[Mapping[Address, Value], Mapping[Address, Value], Mapping[Address, Value]]
    after: Value
    fired: Counter[str]

    @property
    def root(self) -> Value:
        """The prediction."""
        return self.exits[PREDICT][self.metric.prediction]

    def live(self) -> list[Value]:
        """The values that can reach a prediction, in topological order."""
        registers = {state.number: address for address, state in self.states.items()}
        found: dict[int, Value] = {}
        todo = [self.root]
        while todo:
            value = todo.pop()
            if value.number in found:
                continue
            found[value.number] = value
            todo += value.inputs
            if value.number in registers:
                todo += [exits[registers[value.number]] for exits in self.exits]
        return [found[number] for number in sorted(found)]


class _Environment:
    """The values of the registers at a point of a function."""

    def __init__(self, builder: Builder, held: Mapping[Address, Value]) -> None:
        self._builder = builder
        self.held = dict(held)

    def __getitem__(self, address: Address) -> Value:
        if address not in self.held:
            self.held[address] = self._builder.fill(address.kind, 0.0)
        return self.held[address]

    def run(self, block: Block) -> None:
        for instruction in block:
            if instruction.output is not None:
                inputs = tuple(self[address] for address in instruction.reads)
                self.held[instruction.output] = self._builder.make(instruction.op, inputs, instruction.constants)


def build(program: Program, metric: Metric = RMSE, rules: tuple[Rule, ...] = ()) -> Graph:
    """The graph of ``program``.

    An optimistic fixed point: at first every register is assumed to keep its value of Setup. Registers that violate the
    assumption become states, and the graph is built again until no register does.
    """
    varying: frozenset[Address] = frozenset()
    while True:
        graph = _build(program, metric, varying, rules)
        changed = frozenset(_changed(graph, varying))
        if not changed:
            return graph
        varying |= changed


def _changed(graph: Graph, varying: frozenset[Address]) -> Iterator[Address]:
    """Registers that were assumed to keep their value of Setup but change."""
    setup, predict, learn = graph.exits
    for address in setup:
        if address not in varying and not setup[address] is predict[address] is learn[address]:
            yield address


def _build(program: Program, metric: Metric, varying: frozenset[Address], rules: tuple[Rule, ...]) -> Graph:
    builder = Builder(rules)
    prediction = metric.prediction
    carried = sorted({*program.registers, prediction} - metric.given, key=str)
    setup = _Environment(builder, {})
    setup.run(program.setup)
    init = {address: setup[address] for address in carried}

    builder.place = PREDICT
    states = {address: builder.given(address, PREDICT) for address in carried if address in varying}
    features = builder.given(FEATURES, PREDICT)
    predict = _Environment(builder, init | states | {FEATURES: features})
    predict.run(program.predict)

    builder.place = LEARN
    after = builder.given(prediction, LEARN)
    seen = {address: predict[address] for address in carried}
    learn = _Environment(
        builder, seen | {FEATURES: features, metric.label: builder.given(metric.label, LEARN), prediction: after}
    )
    learn.run(program.learn)
    exits = init, seen, {address: learn[address] for address in carried}
    return Graph(metric, states, exits, after, builder.fired)
