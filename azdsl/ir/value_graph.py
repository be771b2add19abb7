"""A program as a graph of values: what is computed from what, without registers.

The three functions are read as one line of single assignments. Training runs Predict and Learn on one
example, so Learn sees the values of Predict; what a register carries from one example to the next is a
``state`` value, and a register that keeps what Setup gave it is that value itself. Equal values are one.
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
    """A value: an op on values, or (``op`` None) what stands in register ``given`` before a function runs.

    ``place`` is the function that computes it. An op that updates takes the old value as its last input.
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
        """The number that all entries are, if the program says which."""
        if self.op is CONST:
            return self.constants[0]
        return self.inputs[0].fill if self.op in (VECTOR_FILL, MATRIX_FILL) else None

    @property
    def is_zero(self) -> bool:
        """Whether every entry is 0.0 (not -0.0): what a register holds that nothing wrote."""
        return str(self.fill) == "0.0"


Rule = Callable[["Builder", Op, tuple[Value, ...], tuple[float, ...]], Value | None]
"""Another value that is the op's result bit for bit, or None."""


@dataclass
class Builder:
    """Makes values, each once. ``fired`` counts how often each rule, or the merging of equals, has changed something."""

    rules: tuple[Rule, ...] = ()
    fired: Counter[str] = field(default_factory=Counter)
    place: int = SETUP
    _known: dict[tuple[object, ...], Value] = field(default_factory=dict)
    _count: int = 0

    def make(self, op: Op, inputs: tuple[Value, ...] = (), constants: tuple[float, ...] = ()) -> Value:
        """The value of ``op``, by a rule if one applies, else as it is."""
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
        """The value as an op, merged with an equal one."""
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
        """What stands in ``address`` before the function ``place``; made anew on every call."""
        return Value(self._next(), address.kind, place, given=address)

    def fill(self, kind: Kind, number: float) -> Value:
        """The value whose entries all are ``number``."""
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

    ``states`` maps each register that carries something from example to example to its value before
    Predict; ``exits`` holds what registers hold after Setup, Predict and Learn. ``after`` is the value of
    the prediction that Learn sees (squashed, where the task says so).
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
        """The values that can reach a prediction, in an order in which they can be computed."""
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
    """What registers hold while a function is read."""

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

    First every register is taken to keep what Setup gave it; those that do not are states, and so on until
    the assumption holds for the others.
    """
    varying: frozenset[Address] = frozenset()
    while True:
        graph = _build(program, metric, varying, rules)
        changed = frozenset(_changed(graph, varying))
        if not changed:
            return graph
        varying |= changed


def _changed(graph: Graph, varying: frozenset[Address]) -> Iterator[Address]:
    """Registers taken to be constant that are not."""
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
