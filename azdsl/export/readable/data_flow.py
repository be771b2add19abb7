"""The data flow of a program as the naming rules see it: what each value is made of, and what becomes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from azdsl.ir import FEATURES
from azdsl.ir.rewrite_rules import family
from azdsl.ir.value_graph import LEARN, PREDICT, SETUP, Graph, Value
from azdsl.ops import Kind

PRODUCTS = ("multiply", "scale", "dot", "matvec", "matmul", "outer")
SUMS = ("add", "subtract")


class Flow:
    """A graph's live values and where they go. All sets hold the numbers of values.

    ``label`` and ``features`` are given values; ``taught`` and ``data`` are computed from them within one example.
    ``forward`` is what the prediction is computed from. ``learned`` states depend on the label, directly or through
    other states.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values = graph.live()
        self.users: dict[int, list[Value]] = defaultdict(list)
        for value in self.values:
            for source in value.inputs:
                self.users[source.number].append(value)
        live = {value.number for value in self.values}
        self.states = {a: v for a, v in graph.states.items() if v.number in live}
        self.addresses = {state.number: address for address, state in self.states.items()}
        self.label = {v.number for v in self.values if v.given == graph.metric.label and v.place == LEARN}
        self.features = {v.number for v in self.values if v.given == FEATURES}
        self.taught = self.made_of(self.label)
        self.data = self.made_of(self.features)
        self.forward = self.needed_for(graph.root)
        self.updated = {graph.exits[PREDICT][a].number: v for a, v in self.states.items()}
        self.learned = self._learned()

    def made_of(self, sources: Iterable[int]) -> set[int]:
        """``sources`` and all values that are computed from them within one example."""
        found = set(sources)
        for value in self.values:
            if any(source.number in found for source in value.inputs):
                found.add(value.number)
        return found

    def needed_for(self, value: Value) -> set[int]:
        """``value`` and what it is computed from within one example."""
        found = {value.number}
        todo = [value]
        while todo:
            for source in todo.pop().inputs:
                if source.number not in found:
                    found.add(source.number)
                    todo.append(source)
        return found

    def next(self, state: Value) -> Value:
        """The value of a state for the next example."""
        return self.graph.exits[LEARN][self.addresses[state.number]]

    def state_of(self, value: Value) -> Value | None:
        """The state whose value before Predict or after Learn is ``value``."""
        if value.number in self.addresses:
            return self.states[self.addresses[value.number]]
        return next((state for state in self.states.values() if self.next(state) is value), None)

    def _learned(self) -> set[int]:
        found: set[int] = set()
        while True:
            more = {s.number for s in self.states.values() if self.needed_for(self.next(s)) & (self.label | found)}
            if more <= found:
                return found
            found |= more

    def set_once(self, state: Value) -> bool:
        """Whether a state is the same for all examples after the first."""
        return self.next(state).place == SETUP

    def terms(self, value: Value) -> set[int]:
        """``value`` and its summands, recursively, also those with a factor that depends neither on features nor on the label."""
        found: set[int] = set()
        todo = [value]
        while todo:
            value = todo.pop()
            if value.number in found:
                continue
            found.add(value.number)
            if family(value.op) in SUMS:
                todo += value.inputs
            elif family(value.op) in ("multiply", "scale"):
                for factor, part in (value.inputs, value.inputs[::-1]):
                    if factor.kind is Kind.SCALAR and factor.number not in self.data | self.taught:
                        todo.append(part)
        return found

    def is_prediction(self, value: Value) -> bool:
        """Whether ``value`` is the prediction, squashed or not."""
        return value is self.graph.after or value is self.graph.root

    @cached_property
    def predicted(self) -> set[int]:
        """The prediction and what Learn computes from it."""
        return self.made_of({self.graph.after.number, self.graph.root.number})

    def is_recomputed(self, value: Value, before: Value) -> bool:
        """Whether ``value`` is computed as ``before`` was, from updated states."""
        todo, seen = [(value, before)], set()
        while todo:
            new, old = todo.pop()
            pair = new.number, old.number
            if new is old or pair in seen or (old.number in self.addresses and new is self.next(old)):
                continue
            seen.add(pair)
            if new.op is None or new.op.random or (new.op, new.constants) != (old.op, old.constants):
                return False
            todo += zip(new.inputs, old.inputs, strict=True)
        return True

    def is_parameter(self, value: Value) -> bool:
        """Whether ``value`` is kept from example to example, or set in Setup."""
        return value.number in self.addresses or value.place == SETUP

    def carrier(self, value: Value) -> Value | None:
        """The vector or matrix parameter behind ``value``: without factors, transposes and what Predict adds to it."""
        if value.number not in self.data and value.number in self.updated:
            value = self.updated[value.number]
        if value.kind is Kind.SCALAR:
            return None
        if self.is_parameter(value):
            return value
        if family(value.op) == "transpose" or (family(value.op) == "scale" and value.inputs[0].number not in self.data):
            return self.carrier(value.inputs[-1])
        return None

    @cached_property
    def layers(self) -> list[tuple[Value, Value]]:
        """(product, parameter) of each product of data and a parameter on the way to the prediction."""
        found = []
        for value in self.values:
            if value.number in self.forward and family(value.op) in PRODUCTS:
                parameters = [parameter for v in value.inputs if (parameter := self.carrier(v))]
                if parameters and any(v.number in self.data for v in value.inputs):
                    found.append((value, parameters[0]))
        return found

    def is_last_layer(self, product: Value) -> bool:
        """Whether no other layer uses ``product``."""
        return not any(other is not product and product.number in self.needed_for(other) for other, _ in self.layers)

    @cached_property
    def after_layers(self) -> set[int]:
        """The products of layers and what is computed from them."""
        return self.made_of(product.number for product, _ in self.layers)

    def pairs(self, *families: str) -> Iterator[tuple[Value, Value, Value]]:
        """(value, one input, the other input) of each value of these families, with the inputs in both orders."""
        for value in self.values:
            if family(value.op) in families:
                first, second = value.inputs
                yield value, first, second
                yield value, second, first
