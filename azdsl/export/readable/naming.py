"""What values are for, read off the data flow: weights, bias, error, learning rate, … each with its reason.

A rule looks at what a value is made of and what is made of it; the first rule that fits gives the name.
Nothing comes from the names in a file, so nothing in a file can reach what is generated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from azdsl.ir import FEATURES, Address
from azdsl.ir.rewrite_rules import family
from azdsl.ir.value_graph import CONST, LEARN, PREDICT, SETUP, Graph, Value
from azdsl.ops import Kind

PRODUCTS = ("multiply", "scale", "dot", "matvec", "matmul", "outer")
NONLINEAR = (
    "maximum",
    "minimum",
    "heaviside",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "exp",
    "log",
    "abs",
    "reciprocal",
)
_KEPT = ("error", "pre_activation", "hidden", "relu_gradient", "active", "hidden_gradient")


@dataclass(frozen=True, slots=True)
class Role:
    """A value's name and why it is that. ``kept`` marks values worth a line of their own."""

    name: str
    reason: str
    kept: bool = False


class Flow:
    """A graph's values and where they go. Values are told apart by their numbers."""

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
        label = Address(Kind.VECTOR, 1) if graph.multiclass else Address(Kind.SCALAR, 0)
        self.label = {v.number for v in self.values if v.given == label and v.place == LEARN}
        features = {v.number for v in self.values if v.given == FEATURES}
        self.features = features
        self.taught = self.made_of(self.label)
        self.data = self.made_of(features)
        self.forward = self.needed_for(graph.root)
        self.updated = {graph.exits[PREDICT][a].number: v for a, v in self.states.items()}
        self.learned = self._learned()

    def made_of(self, sources: Iterable[int]) -> set[int]:
        """``sources`` and all that is computed from them within one example."""
        found = set(sources)
        for value in self.values:
            if any(source.number in found for source in value.inputs):
                found.add(value.number)
        return found

    def needed_for(self, value: Value) -> set[int]:
        """A value and what it is computed from within one example."""
        found = {value.number}
        todo = [value]
        while todo:
            for source in todo.pop().inputs:
                if source.number not in found:
                    found.add(source.number)
                    todo.append(source)
        return found

    def next(self, state: Value) -> Value:
        """What a state is for the next example."""
        return self.graph.exits[LEARN][self.addresses[state.number]]

    def _learned(self) -> set[int]:
        """States that are made from the label, at once or through other states."""
        found: set[int] = set()
        while True:
            more = {s.number for s in self.states.values() if self.needed_for(self.next(s)) & (self.label | found)}
            if more <= found:
                return found
            found |= more

    def set_once(self, state: Value) -> bool:
        """Whether a state is the same for all examples but the first."""
        return self.next(state).place == SETUP

    def terms(self, value: Value) -> set[int]:
        """``value`` and what it is a sum of; numbers that come from no example are looked through as factors."""
        found: set[int] = set()
        todo = [value]
        while todo:
            value = todo.pop()
            if value.number in found:
                continue
            found.add(value.number)
            if family(value.op) in ("add", "subtract"):
                todo += value.inputs
            elif family(value.op) in ("multiply", "scale"):
                for factor, part in (value.inputs, value.inputs[::-1]):
                    if factor.kind is Kind.SCALAR and factor.number not in self.data | self.taught:
                        todo.append(part)
        return found

    def is_prediction(self, value: Value) -> bool:
        """Whether ``value`` is what Predict said."""
        return value is self.graph.after or value is self.graph.root

    def again(self, value: Value, before: Value) -> bool:
        """Whether ``value`` is ``before`` computed once more, with what states have become since."""
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

    def parameter(self, value: Value) -> bool:
        """Whether ``value`` is kept from example to example, or set in Setup."""
        return value.number in self.addresses or value.place == SETUP

    def carrier(self, value: Value) -> Value | None:
        """The parameter that ``value`` is, but for a factor, a transpose or what Predict adds to it."""
        if value.number not in self.data and value.number in self.updated:
            value = self.updated[value.number]
        if value.kind is Kind.SCALAR:
            return None
        if self.parameter(value):
            return value
        if family(value.op) == "transpose" or (family(value.op) == "scale" and value.inputs[0].number not in self.data):
            return self.carrier(value.inputs[-1])
        return None

    def layers(self) -> Iterator[tuple[Value, Value, bool]]:
        """(product, parameter, last) of each product of data and a parameter on the way to the prediction."""
        found = []
        for value in self.values:
            if value.number in self.forward and family(value.op) in PRODUCTS:
                data = [v for v in value.inputs if v.number in self.data]
                parameters = [parameter for v in value.inputs if (parameter := self.carrier(v))]
                if data and parameters:
                    found.append((value, parameters[0]))
        for value, parameter in found:
            yield (
                value,
                parameter,
                not any(other is not value and value.number in self.needed_for(other) for other, _ in found),
            )


def infer(graph: Graph) -> dict[int, Role]:
    """The roles of ``graph``'s live values, by number; a state's is that of its value before Predict."""
    flow = Flow(graph)
    roles: dict[int, Role] = {}
    for find in (_errors, _noise, _weights, _activations, _biases, _rates, _gradients, _normalized, _memories):
        for value, name, reason in find(flow, roles):
            if value.given is None or value.number in flow.addresses:
                roles.setdefault(value.number, Role(name, reason, name in _KEPT))
    return roles


Found = Iterator[tuple[Value, str, str]]
Roles = dict[int, Role]


def _errors(flow: Flow, roles: Roles) -> Found:
    for value in flow.values:
        if family(value.op) == "subtract":
            first, second = value.inputs
            if first.number in flow.label and flow.is_prediction(second):
                yield value, "error", "label minus prediction"
            elif flow.is_prediction(first) and second.number in flow.label:
                yield value, "error", "prediction minus label"
            elif first.number in flow.label and flow.again(second, flow.graph.root):
                yield value, "error", "label minus what is predicted after this step's updates"
            elif second.number in flow.label and flow.again(first, flow.graph.root):
                yield value, "error", "what is predicted after this step's updates minus label"


def _noise(flow: Flow, roles: Roles) -> Found:
    for value in flow.values:
        if value.op is None or not value.op.random:
            continue
        if value.place == SETUP:
            yield value, "random_start", "drawn once, in Setup"
            continue
        for user in flow.users[value.number]:
            if family(user.op) in ("add", "subtract") and any(v.number in flow.features for v in user.inputs):
                yield value, "input_noise", "drawn anew and added to the features"
                yield user, "noisy_features", "features plus input_noise"
        yield value, "noise", "drawn anew for every example"


def _weights(flow: Flow, roles: Roles) -> Found:
    layers = list(flow.layers())
    for _, parameter, last in layers:
        if parameter.number not in flow.addresses:
            yield parameter, "fixed_weights", "multiplied with what comes from the features, and never updated"
        elif parameter.number not in flow.learned:
            continue
        elif last:
            name = "output_weights" if len(layers) > 1 else "weights"
            what = "the hidden units" if len(layers) > 1 else "the features"
            yield parameter, name, f"learned, and multiplied with {what} to predict"
        else:
            yield parameter, "hidden_weights", "learned, and multiplied with the features below another layer"
    for value in flow.values:
        if value.number in flow.forward and family(value.op) in ("multiply", "scale"):
            for this, other in (value.inputs, value.inputs[::-1]):
                if this.kind is Kind.SCALAR and this.number in flow.learned and other.number in flow.data:
                    yield this, "scale", "learned, and multiplies on the way to the prediction"


def _activations(flow: Flow, roles: Roles) -> Found:
    layers = {value.number for value, _, _ in flow.layers()}
    made = flow.made_of(layers)
    for value in flow.values:
        if (
            value.number not in flow.forward
            or value.number == flow.graph.root.number
            or family(value.op) not in NONLINEAR
        ):
            continue
        inner = [v for v in value.inputs if v.number in made]
        if not inner:
            continue
        yield inner[0], "pre_activation", "what the nonlinear function is applied to"
        if family(value.op) == "maximum" and any(v.is_zero for v in value.inputs):
            yield value, "hidden", "ReLU of pre_activation"
            for step in flow.users[inner[0].number]:
                if family(step.op) == "heaviside":
                    yield step, "relu_gradient", "1 where pre_activation is positive: the derivative of ReLU"
        else:
            yield value, "hidden", f"{family(value.op)} of pre_activation"
    for value in flow.values:
        if family(value.op) == "heaviside" and value.inputs[0].number in made:
            yield value, "active", "1 where its argument is positive"


def _biases(flow: Flow, roles: Roles) -> Found:
    layers = list(flow.layers())
    for value in flow.values:
        if value.number not in flow.forward or family(value.op) not in ("add", "subtract"):
            continue
        for this, other in (value.inputs, value.inputs[::-1]):
            if this.number not in flow.learned or other.number not in flow.data:
                continue
            if family(value.op) == "subtract" and other.number in flow.features:
                yield this, "center", "learned, and subtracted from the features"
            else:
                below = any(value.number in flow.needed_for(product) for product, _, _ in layers)
                name = "hidden_bias" if below else "output_bias" if len(layers) > 1 else "bias"
                yield this, name, "learned, and added on the way to the prediction"


def _rates(flow: Flow, roles: Roles) -> Found:
    for value in flow.values:
        if value.place == SETUP or family(value.op) not in ("multiply", "scale"):
            continue
        for this, other in (value.inputs, value.inputs[::-1]):
            if this.kind is not Kind.SCALAR or not flow.parameter(this):
                continue
            if this.op and other.number in flow.addresses and value.number in flow.terms(flow.next(other)):
                yield this, "decay", "multiplies what is kept from the last example"
            elif other.number in flow.taught and this.op and not this.op.random:
                yield this, "learning_rate", "scales what is learned from the error"
                if other.kind is Kind.SCALAR:
                    yield value, "step", "the error times learning_rate"
            elif other.number not in flow.taught or this.number not in flow.addresses or this.number in flow.forward:
                continue
            elif flow.set_once(this):
                yield (
                    this,
                    "learning_rate",
                    "scales what is learned from the error; the same for all examples but the first",
                )
            else:
                yield this, "adaptive_rate", "kept from example to example; scales what is learned from the error"


def _gradients(flow: Flow, roles: Roles) -> Found:
    for value in flow.values:
        if value.number in flow.taught and family(value.op) in PRODUCTS and value.place == LEARN:
            for source in value.inputs:
                role = roles.get(flow.graph.states[a].number) if (a := _state_of(flow, source)) else None
                if role and role.name == "output_weights":
                    yield value, "hidden_gradient", "the error carried back through output_weights"
    for address, state in flow.states.items():
        new = flow.graph.exits[LEARN][address]
        role = roles.get(state.number)
        if role and family(new.op) in ("add", "subtract"):
            for part in new.inputs:
                if part.number in flow.taught:
                    yield part, f"{role.name}_gradient", f"made from the error, and added to {role.name}"


def _state_of(flow: Flow, value: Value) -> Address | None:
    """The state whose value before Predict or after Learn ``value`` is."""
    if value.number in flow.addresses:
        return flow.addresses[value.number]
    return next((a for a in flow.states if flow.graph.exits[LEARN][a] is value), None)


def _normalized(flow: Flow, roles: Roles) -> Found:
    for value in flow.values:
        if family(value.op) == "norm":
            source = value.inputs[0]
            if source.number in flow.features:
                yield value, "features_norm", "length of the features"
            elif source.number in flow.taught:
                yield value, "gradient_norm", "length of what is learned from the error"
        if _length_of(value):
            source = next(v for v in value.inputs if v.kind is value.kind and v is _length_of(value))
            if source.number in flow.features:
                yield value, "normalized_features", "features divided by their length"
            elif source.number in flow.taught:
                yield value, "normalized_gradient", "what is learned from the error, divided by its length"


def _length_of(value: Value) -> Value | None:
    """x, if ``value`` is x divided by the norm of x."""
    for this, other in (value.inputs, value.inputs[::-1]) if len(value.inputs) == 2 else ():
        norm = other
        while family(norm.op) in ("reciprocal", "broadcast", "column_broadcast", "row_broadcast"):
            norm = norm.inputs[0]
        if norm is not other and family(norm.op) == "norm" and norm.inputs[0] is this and this.kind is value.kind:
            return this
    return None


def _memories(flow: Flow, roles: Roles) -> Found:
    predicted = flow.made_of({flow.graph.after.number, flow.graph.root.number})
    for address, state in flow.states.items():
        if address == flow.graph.prediction:
            continue
        new = flow.next(state)
        sources = flow.needed_for(new)
        grows = family(new.op) in ("add", "subtract") and state in new.inputs
        if flow.set_once(state):
            yield state, "setting", "the same for all examples but the first"
        elif new.number in flow.taught and (target := _taught_by(flow, state, roles)):
            if state.number in flow.terms(new):
                yield state, "momentum", "carries what was learned from one example to the next"
            elif state.number in flow.terms(flow.next(target)):
                yield (
                    state,
                    "delayed_gradient",
                    f"made from the error, and added to {roles[target.number].name} with the next example",
                )
            else:
                yield (
                    state,
                    "gradient",
                    f"made from the error, added to {roles[target.number].name}, and kept for the next example",
                )
        elif grows and all(v is state or v.op is CONST for v in new.inputs):
            yield state, "counter", "grows by the same amount with every example"
        elif grows and new.number in flow.taught and not sources & (flow.features | predicted):
            yield state, "label_total", "adds up what is made from the labels"
        elif new.number in flow.data and new.number not in flow.taught:
            if state.number in sources:
                yield state, "running_average", "gathers the features over the examples"
            else:
                yield state, "last_features", "made from the features of the last example"
        else:
            yield state, "memory", "kept from example to example"


def _taught_by(flow: Flow, state: Value, roles: Roles) -> Value | None:
    """The parameter that ``state``, or what becomes of it, is added to."""
    for other in flow.states.values():
        if other is not state and other.number in roles and other.number in flow.learned & flow.forward:
            parts = flow.terms(flow.next(other))
            if other.number in parts and parts & {state.number, flow.next(state).number}:
                return other
    return None
