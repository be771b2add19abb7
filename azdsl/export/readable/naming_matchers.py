"""The tests of the naming rules: each yields the values that its rule names, and the word for ``{of}`` or nothing.

``names`` has the names that earlier rules gave, by the numbers of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from azdsl.export.readable.data_flow import PRODUCTS, SUMS, Flow
from azdsl.ir.rewrite_rules import family
from azdsl.ir.value_graph import CONST, LEARN, SETUP, Value
from azdsl.ops import Kind

Names = Mapping[int, str]
Found = Iterator[tuple[Value, str]]

NONLINEAR = (
    *("maximum", "minimum", "heaviside", "abs", "reciprocal"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log"),
)


# Errors


def _differences(of: Callable[[Flow, Value, Value], bool]) -> Callable[[Flow, Names], Found]:
    """The test for differences whose two inputs are ``of`` some kind."""

    def test(flow: Flow, names: Names) -> Found:
        return ((v, "") for v in flow.values if family(v.op) == "subtract" and of(flow, *v.inputs))

    return test


label_minus_prediction = _differences(lambda flow, a, b: a.number in flow.label and flow.is_prediction(b))
prediction_minus_label = _differences(lambda flow, a, b: flow.is_prediction(a) and b.number in flow.label)
label_minus_new_prediction = _differences(
    lambda flow, a, b: a.number in flow.label and flow.is_recomputed(b, flow.graph.root)
)
new_prediction_minus_label = _differences(
    lambda flow, a, b: b.number in flow.label and flow.is_recomputed(a, flow.graph.root)
)


# Random numbers


def _drawn(flow: Flow) -> Iterator[Value]:
    return (value for value in flow.values if value.op and value.op.random)


def drawn_in_setup(flow: Flow, names: Names) -> Found:
    """Draws of Setup."""
    return ((value, "") for value in _drawn(flow) if value.place == SETUP)


def drawn_for_every_example(flow: Flow, names: Names) -> Found:
    """Draws of Predict and Learn."""
    return ((value, "") for value in _drawn(flow) if value.place != SETUP)


def _noisy(flow: Flow) -> Iterator[tuple[Value, Value]]:
    """(draw, sum) of each sum of features and a draw."""
    for value, _ in drawn_for_every_example(flow, {}):
        for user in flow.users[value.number]:
            if family(user.op) in SUMS and any(v.number in flow.features for v in user.inputs):
                yield value, user


def noise_of_features(flow: Flow, names: Names) -> Found:
    """Draws that are added to the features."""
    return ((value, "") for value, _ in _noisy(flow))


def features_with_noise(flow: Flow, names: Names) -> Found:
    """Sums of features and a draw."""
    return ((user, "") for _, user in _noisy(flow))


# Weights


def _weights(flow: Flow) -> Iterator[tuple[Value, Value]]:
    """(product, parameter) of each layer whose parameter is learned."""
    return ((product, parameter) for product, parameter in flow.layers if parameter.number in flow.learned)


def fixed_weights(flow: Flow, names: Names) -> Found:
    """Parameters of layers that no state holds."""
    return ((parameter, "") for _, parameter in flow.layers if parameter.number not in flow.addresses)


def last_of_several_weights(flow: Flow, names: Names) -> Found:
    """Learned parameters of the last of several layers."""
    return ((p, "") for product, p in _weights(flow) if len(flow.layers) > 1 and flow.is_last_layer(product))


def only_weights(flow: Flow, names: Names) -> Found:
    """The learned parameter of the only layer."""
    return ((parameter, "") for _, parameter in _weights(flow) if len(flow.layers) == 1)


def weights_below(flow: Flow, names: Names) -> Found:
    """Learned parameters of layers below another layer."""
    return ((parameter, "") for product, parameter in _weights(flow) if not flow.is_last_layer(product))


def learned_factor(flow: Flow, names: Names) -> Found:
    """Learned scalars that multiply data on the way to the prediction."""
    for value, this, other in flow.pairs("multiply", "scale"):
        scalar = this.kind is Kind.SCALAR and this.number in flow.learned
        if scalar and value.number in flow.forward and other.number in flow.data:
            yield this, ""


# Activations


def _activations(flow: Flow) -> Iterator[tuple[Value, Value, bool]]:
    """(value, argument, whether it is a ReLU) of each nonlinear function of a layer on the way to the prediction."""
    for value in flow.values:
        if value.number in flow.forward and value is not flow.graph.root and family(value.op) in NONLINEAR:
            inner = [v for v in value.inputs if v.number in flow.after_layers]
            if inner:
                yield value, inner[0], family(value.op) == "maximum" and any(v.is_zero for v in value.inputs)


def relu(flow: Flow, names: Names) -> Found:
    """Maxima of a layer and zero."""
    return ((value, "") for value, _, is_relu in _activations(flow) if is_relu)


def relu_derivative(flow: Flow, names: Names) -> Found:
    """Steps of the argument of a ReLU."""
    for _, argument, is_relu in _activations(flow):
        if is_relu:
            yield from ((user, "") for user in flow.users[argument.number] if family(user.op) == "heaviside")


def nonlinear(flow: Flow, names: Names) -> Found:
    """Other nonlinear functions of a layer."""
    return ((value, family(value.op)) for value, _, is_relu in _activations(flow) if not is_relu)


def before_nonlinear(flow: Flow, names: Names) -> Found:
    """Arguments of nonlinear functions."""
    return ((argument, "") for _, argument, _ in _activations(flow))


def step_after_layer(flow: Flow, names: Names) -> Found:
    """Steps of what is computed from layers."""
    for value in flow.values:
        if family(value.op) == "heaviside" and value.inputs[0].number in flow.after_layers:
            yield value, ""


# Biases


def _biases(flow: Flow) -> Iterator[tuple[Value, Value, bool]]:
    """(sum, state, whether it is subtracted from the features) of each learned state added on the way to the prediction."""
    for value, this, other in flow.pairs(*SUMS):
        if value.number in flow.forward and this.number in flow.learned and other.number in flow.data:
            yield value, this, family(value.op) == "subtract" and other.number in flow.features


def _below(flow: Flow, value: Value) -> bool:
    return any(value.number in flow.needed_for(product) for product, _ in flow.layers)


def subtracted_from_features(flow: Flow, names: Names) -> Found:
    """Learned states that are subtracted from the features."""
    return ((this, "") for _, this, centered in _biases(flow) if centered)


def bias_below_layer(flow: Flow, names: Names) -> Found:
    """Learned states that are added below a layer."""
    return ((this, "") for value, this, centered in _biases(flow) if not centered and _below(flow, value))


def bias_of_several_layers(flow: Flow, names: Names) -> Found:
    """Learned states that are added after the last of several layers."""
    return ((this, "") for _, this, centered in _biases(flow) if not centered and len(flow.layers) > 1)


def bias(flow: Flow, names: Names) -> Found:
    """Learned states that are added after the only layer."""
    return ((this, "") for _, this, centered in _biases(flow) if not centered)


# Factors of updates


def _factors(flow: Flow) -> Iterator[tuple[Value, Value, Value]]:
    """(product, scalar parameter, other input) of each product that is computed for every example."""
    for value, this, other in flow.pairs("multiply", "scale"):
        if value.place != SETUP and this.kind is Kind.SCALAR and flow.is_parameter(this):
            yield value, this, other


def _decays(flow: Flow, value: Value, other: Value) -> bool:
    """Whether a product is what remains of a state for the next example."""
    return other.number in flow.addresses and value.number in flow.terms(flow.next(other))


def decay(flow: Flow, names: Names) -> Found:
    """Factors from Setup of what a state keeps."""
    return ((this, "") for value, this, other in _factors(flow) if this.op and _decays(flow, value, other))


def _rates(flow: Flow) -> Iterator[tuple[Value, Value, Value]]:
    """(product, factor from Setup, other input) of each factor of what is computed from the label."""
    for value, this, other in _factors(flow):
        if this.op and not this.op.random and other.number in flow.taught and not _decays(flow, value, other):
            yield value, this, other


def rate_from_setup(flow: Flow, names: Names) -> Found:
    """Factors from Setup of what is computed from the label."""
    return ((this, "") for _, this, _ in _rates(flow))


def scaled_error(flow: Flow, names: Names) -> Found:
    """Scalars from the label times a learning rate."""
    return ((value, "") for value, _, other in _rates(flow) if other.kind is Kind.SCALAR)


def changing_rate(flow: Flow, names: Names) -> Found:
    """States that multiply what is computed from the label, and nothing on the way to the prediction."""
    for _, this, other in _factors(flow):
        state = this.number in flow.addresses and this.number not in flow.forward
        if this.op is None and state and other.number in flow.taught:
            yield this, ""


def rate_set_once(flow: Flow, names: Names) -> Found:
    """The same, for states that Learn sets to a constant."""
    return ((state, "") for state, _ in changing_rate(flow, names) if flow.set_once(state))


# Gradients


def error_carried_back(flow: Flow, names: Names) -> Found:
    """Products in Learn of output_weights and what is computed from the label."""
    for value in flow.values:
        if value.number in flow.taught and family(value.op) in PRODUCTS and value.place == LEARN:
            states = [flow.state_of(source) for source in value.inputs]
            if any(state and names.get(state.number) == "output_weights" for state in states):
                yield value, ""


def added_to_named_state(flow: Flow, names: Names) -> Found:
    """What is computed from the label and added to a state that has a name."""
    for state in flow.states.values():
        new = flow.next(state)
        if state.number in names and family(new.op) in SUMS:
            yield from ((part, names[state.number]) for part in new.inputs if part.number in flow.taught)


# Norms


def _norms(flow: Flow, of: set[int]) -> Found:
    return ((v, "") for v in flow.values if family(v.op) == "norm" and v.inputs[0].number in of)


def _quotients(flow: Flow, of: set[int]) -> Found:
    return ((v, "") for v in flow.values if (source := _divided_by_norm(v)) and source.number in of)


def _divided_by_norm(value: Value) -> Value | None:
    """x, if ``value`` is x divided by the norm of x."""
    for this, other in (value.inputs, value.inputs[::-1]) if len(value.inputs) == 2 else ():
        norm = other
        while family(norm.op) in ("reciprocal", "broadcast", "column_broadcast", "row_broadcast"):
            norm = norm.inputs[0]
        if norm is not other and family(norm.op) == "norm" and norm.inputs[0] is this and this.kind is value.kind:
            return this
    return None


def norm_of_features(flow: Flow, names: Names) -> Found:
    """Norms of the features."""
    return _norms(flow, flow.features)


def norm_of_gradient(flow: Flow, names: Names) -> Found:
    """Norms of what is computed from the label."""
    return _norms(flow, flow.taught)


def features_over_norm(flow: Flow, names: Names) -> Found:
    """Features divided by their norm."""
    return _quotients(flow, flow.features)


def gradient_over_norm(flow: Flow, names: Names) -> Found:
    """What is computed from the label, divided by its norm."""
    return _quotients(flow, flow.taught)


# Other states


def any_state(flow: Flow, names: Names) -> Found:
    """Every state but the prediction."""
    return ((state, "") for address, state in flow.states.items() if address != flow.graph.metric.prediction)


def set_once(flow: Flow, names: Names) -> Found:
    """States that Learn sets to a constant."""
    return ((state, "") for state, _ in any_state(flow, names) if flow.set_once(state))


def _added_gradients(flow: Flow, names: Names) -> Iterator[tuple[Value, Value]]:
    """(state, other) of each state that is computed from the label and added to a learned ``other`` that has a name."""
    for state, _ in any_state(flow, names):
        if flow.next(state).number in flow.taught:
            for other in flow.states.values():
                named = other.number in names and other.number in flow.learned & flow.forward
                if other is not state and named:
                    parts = flow.terms(flow.next(other))
                    if other.number in parts and parts & {state.number, flow.next(state).number}:
                        yield state, other
                        break


def momentum(flow: Flow, names: Names) -> Found:
    """Gradients that contain the gradient of the last example."""
    return ((s, "") for s, _ in _added_gradients(flow, names) if s.number in flow.terms(flow.next(s)))


def added_next_time(flow: Flow, names: Names) -> Found:
    """Gradients whose last value is added to a parameter."""
    for state, other in _added_gradients(flow, names):
        if state.number in flow.terms(flow.next(other)):
            yield state, names[other.number]


def added_and_kept(flow: Flow, names: Names) -> Found:
    """Other gradients in states."""
    return ((state, names[other.number]) for state, other in _added_gradients(flow, names))


def _growing(flow: Flow) -> Iterator[tuple[Value, Value]]:
    """(state, next value) of each state that something is added to or subtracted from."""
    for state, _ in any_state(flow, {}):
        new = flow.next(state)
        if family(new.op) in SUMS and state in new.inputs:
            yield state, new


def counter(flow: Flow, names: Names) -> Found:
    """States that grow by a constant."""
    return ((state, "") for state, new in _growing(flow) if all(v is state or v.op is CONST for v in new.inputs))


def label_total(flow: Flow, names: Names) -> Found:
    """States that add up labels, and neither features nor predictions."""
    for state, new in _growing(flow):
        if new.number in flow.taught and not flow.needed_for(new) & (flow.features | flow.predicted):
            yield state, ""


def _of_features(flow: Flow) -> Iterator[tuple[Value, Value]]:
    """(state, next value) of each state that is computed from features and not from the label."""
    for state, _ in any_state(flow, {}):
        new = flow.next(state)
        if new.number in flow.data and new.number not in flow.taught:
            yield state, new


def gathers_features(flow: Flow, names: Names) -> Found:
    """States that combine the features of many examples."""
    return ((state, "") for state, new in _of_features(flow) if state.number in flow.needed_for(new))


def features_of_last_example(flow: Flow, names: Names) -> Found:
    """States that are computed from the features of one example."""
    return ((state, "") for state, _ in _of_features(flow))
