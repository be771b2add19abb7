"""Names of values, inferred from the data flow: weights, bias, error, learning rate and others, each with its reason.

``RULES`` is a table; the first rule that matches a value gives its name. Names in a file are not read, so
that no text of a file can reach generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from azdsl.export.readable import naming_matchers as match
from azdsl.export.readable.data_flow import Flow
from azdsl.ir.value_graph import Graph, Value


@dataclass(frozen=True, slots=True)
class Role:
    """The name of a value and its reason. ``kept`` values get a line of their own."""

    name: str
    reason: str
    kept: bool = False


Test = Callable[[Flow, Mapping[int, str]], Iterator[tuple[Value, str]]]
"""Yields the values that a rule names, given the names so far by number; and the word for ``{of}`` in name and reason."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A name, its reason, the test for values that get it, and an example.

    ``example`` has the statements of Setup, Predict and Learn, separated by ``|`` and ``;``, of a program in which this
    rule names a value.
    """

    name: str
    reason: str
    test: Test
    example: str
    kept: bool = False


_SETUP = "s2 = 0.1"
_LINEAR = "s1 = dot(v0, v1)"
_UPDATE = "s3 = s0 - s1; s3 = s3 * s2; v2 = s3 * v0; v1 = v1 + v2"
_SGD = f"{_SETUP} | {_LINEAR} | {_UPDATE}"
_NETWORK = (
    "s2 = 0.1; v1 = gaussian(0, 1) | v2 = dot(m0, v0); v2 = v2 + v3; v4 = maximum(v2, v5); s1 = dot(v4, v1); s1 = s1 + s4 | "
    "s3 = s0 - s1; s3 = s3 * s2; s4 = s4 + s3; v6 = heaviside(v2, 1.0); v6 = s3 * v6; v7 = v6 * v1; v3 = v3 + v7; "
    "m1 = outer(v7, v0); m0 = m0 + m1; v8 = s3 * v4; v1 = v1 + v8"
)

RULES: tuple[Rule, ...] = (
    # Errors
    Rule("error", "label minus prediction", match.label_minus_prediction, _SGD, kept=True),
    Rule(
        "error",
        "prediction minus label",
        match.prediction_minus_label,
        f"{_SETUP} | {_LINEAR} | s3 = s1 - s0; s3 = s3 * s2; v2 = s3 * v0; v1 = v1 - v2",
        kept=True,
    ),
    Rule(
        "error",
        "label minus the prediction after this step's updates",
        match.label_minus_new_prediction,
        f"{_SETUP} | {_LINEAR} | v1 = v1 + v2; s4 = dot(v0, v1); s3 = s0 - s4; s3 = s3 * s2; v2 = s3 * v0",
        kept=True,
    ),
    Rule(
        "error",
        "prediction after this step's updates minus label",
        match.new_prediction_minus_label,
        f"{_SETUP} | {_LINEAR} | v1 = v1 - v2; s4 = dot(v0, v1); s3 = s4 - s0; s3 = s3 * s2; v2 = s3 * v0",
        kept=True,
    ),
    # Random numbers
    Rule(
        "random_start",
        "drawn once, in Setup",
        match.drawn_in_setup,
        "s2 = uniform(0, 1) | s3 = norm(v0); s1 = s2 * s3 |",
    ),
    Rule(
        "input_noise",
        "drawn for every example and added to the features",
        match.noise_of_features,
        f"{_SETUP} | v3 = gaussian(0, 1); v4 = v0 + v3; s1 = dot(v4, v1) | {_UPDATE}",
    ),
    Rule(
        "noisy_features",
        "features plus input_noise",
        match.features_with_noise,
        f"{_SETUP} | v3 = gaussian(0, 1); v4 = v0 + v3; s1 = dot(v4, v1) | {_UPDATE}",
    ),
    Rule(
        "noise",
        "drawn for every example",
        match.drawn_for_every_example,
        "| s2 = gaussian(0, 1); s3 = norm(v0); s1 = s2 * s3 |",
    ),
    # Weights
    Rule(
        "fixed_weights",
        "multiplied with values computed from the features, and never updated",
        match.fixed_weights,
        "s2 = 0.3; v2 = bcast(s2) | s1 = dot(v0, v2) |",
    ),
    Rule(
        "output_weights",
        "learned, and multiplied with the hidden units to predict",
        match.last_of_several_weights,
        _NETWORK,
    ),
    Rule("weights", "learned, and multiplied with the features to predict", match.only_weights, _SGD),
    Rule(
        "hidden_weights",
        "learned, and multiplied with the features in a layer below another",
        match.weights_below,
        _NETWORK,
    ),
    Rule(
        "scale",
        "learned, and a factor of the prediction",
        match.learned_factor,
        f"{_SETUP} | s4 = norm(v0); s1 = s5 * s4 | s3 = s0 - s1; s3 = s3 * s2; s3 = s3 * s4; s5 = s5 + s3",
    ),
    # Activations
    Rule("hidden", "ReLU of pre_activation", match.relu, _NETWORK, kept=True),
    Rule(
        "relu_gradient",
        "1 where pre_activation is positive: the derivative of ReLU",
        match.relu_derivative,
        _NETWORK,
        kept=True,
    ),
    Rule(
        "hidden",
        "{of} of pre_activation",
        match.nonlinear,
        f"{_SETUP} | s4 = dot(v0, v1); s4 = sin(s4); s1 = s4 * s4 | {_UPDATE}",
        kept=True,
    ),
    Rule("pre_activation", "input of the nonlinear function", match.before_nonlinear, _NETWORK, kept=True),
    Rule(
        "active",
        "1 where its argument is positive",
        match.step_after_layer,
        f"{_SETUP} | s4 = dot(v0, v1); s1 = s4 * s4 | s3 = s0 - s1; s4 = heaviside(s4, 1.0); s3 = s3 * s4; v2 = s3 * v0; v1 = v1 + v2",
        kept=True,
    ),
    # Biases
    Rule(
        "center",
        "learned, and subtracted from the features",
        match.subtracted_from_features,
        "| v3 = v0 - v1; s1 = dot(v3, v3) | v3 = s0 * v3; v1 = v1 + v3",
    ),
    Rule("hidden_bias", "learned, and added to compute the prediction", match.bias_below_layer, _NETWORK),
    Rule("output_bias", "learned, and added to compute the prediction", match.bias_of_several_layers, _NETWORK),
    Rule(
        "bias",
        "learned, and added to compute the prediction",
        match.bias,
        f"{_SETUP} | s1 = dot(v0, v1); s1 = s1 + s4 | {_UPDATE}; s4 = s4 + s3",
    ),
    # Factors of updates
    Rule(
        "decay",
        "factor of the value kept from the last example",
        match.decay,
        f"{_SETUP}; s6 = 0.9 | {_LINEAR} | v1 = s6 * v1; {_UPDATE}",
    ),
    Rule("learning_rate", "scales the update from the error", match.rate_from_setup, _SGD),
    Rule("step", "the error times learning_rate", match.scaled_error, _SGD),
    Rule(
        "learning_rate",
        "scales the update from the error; the same for all examples after the first",
        match.rate_set_once,
        f"s4 = 0.2 | {_LINEAR} | s3 = s0 - s1; s3 = s3 * s2; v2 = s3 * v0; v1 = v1 + v2; s2 = s4",
    ),
    Rule(
        "adaptive_rate",
        "kept from example to example; scales the update from the error",
        match.changing_rate,
        f"s4 = 0.2 | {_LINEAR} | s3 = s0 - s1; s3 = s3 * s2; v2 = s3 * v0; v1 = v1 + v2; s2 = s2 + s4",
    ),
    # Gradients
    Rule(
        "hidden_gradient",
        "the error propagated back through output_weights",
        match.error_carried_back,
        _NETWORK,
        kept=True,
    ),
    Rule("{of}_gradient", "computed from the error, and added to {of}", match.added_to_named_state, _SGD),
    # Norms
    Rule(
        "features_norm",
        "norm of the features",
        match.norm_of_features,
        f"{_SETUP} | s4 = norm(v0); s4 = 1 / s4; v3 = s4 * v0; s1 = dot(v3, v1) | {_UPDATE}",
    ),
    Rule(
        "gradient_norm",
        "norm of the update from the error",
        match.norm_of_gradient,
        f"{_SETUP} | {_LINEAR} | s3 = s0 - s1; v2 = s3 * v0; s4 = norm(v2); s4 = s4 * s2; v1 = s4 * v1",
    ),
    Rule(
        "normalized_features",
        "features divided by their norm",
        match.features_over_norm,
        f"| s4 = norm(v0); v3 = bcast(s4); v3 = v0 / v3; s1 = dot(v3, v1) | {_UPDATE}",
    ),
    Rule(
        "normalized_gradient",
        "the update from the error, divided by its norm",
        match.gradient_over_norm,
        f"| {_LINEAR} | s3 = s0 - s1; v2 = s3 * v0; s4 = norm(v2); v3 = bcast(s4); v3 = v2 / v3; v2 = v3 * v0; v1 = v1 + v2",
    ),
    # Other states
    Rule(
        "setting",
        "the same for all examples after the first",
        match.set_once,
        f"{_SETUP}; s7 = 0.3 | s5 = dot(v0, v1); s1 = s5 * s6 | {_UPDATE}; s6 = 0.3",
    ),
    Rule(
        "momentum",
        "carries updates from one example to the next",
        match.momentum,
        f"{_SETUP}; s6 = 0.9 | {_LINEAR} | s3 = s0 - s1; s3 = s3 * s2; v2 = s3 * v0; v3 = s6 * v3; v3 = v3 + v2; v1 = v1 + v3",
    ),
    Rule(
        "delayed_gradient",
        "computed from the error, and added to {of} in the next example",
        match.added_next_time,
        f"{_SETUP} | {_LINEAR} | v1 = v1 + v2; s3 = s0 - s1; s3 = s3 * s2; v2 = s3 * v0",
    ),
    Rule(
        "gradient",
        "computed from the error, added to {of}, and kept for the next example",
        match.added_and_kept,
        f"{_SETUP} | v2 = v2 + v2; {_LINEAR} | s3 = s0 - s1; s3 = s3 * s2; v2 = v2 + v0; v2 = s3 * v2; v1 = v1 + v2",
    ),
    Rule(
        "counter",
        "grows by the same amount with every example",
        match.counter,
        "s5 = 1 | s3 = norm(v0); s1 = s3 * s6 | s6 = s6 + s5",
    ),
    Rule(
        "label_total",
        "sum of values computed from the labels",
        match.label_total,
        "s6 = 1 | v3 = v0 - v1; s1 = dot(v3, v3) | s6 = s6 + s0; s5 = s0 / s6; v3 = s5 * v3; v1 = v1 + v3",
    ),
    Rule(
        "running_average",
        "accumulates the features of all examples",
        match.gathers_features,
        "| s1 = dot(v0, v2) | v2 = v2 + v0",
    ),
    Rule(
        "last_features",
        "computed from the features of the last example",
        match.features_of_last_example,
        "| s1 = dot(v0, v2) | v2 = abs(v0)",
    ),
    Rule(
        "memory",
        "kept from example to example",
        match.any_state,
        "s5 = 0.5 | s3 = norm(v0); s1 = s3 * s6 | s6 = sin(s6); s6 = s6 + s5",
    ),
)
"""The rules, in order."""


def infer(graph: Graph) -> dict[int, Role]:
    """The roles of ``graph``'s live values, by number; a state has the number of its value before Predict."""
    flow = Flow(graph)
    roles: dict[int, Role] = {}
    names: dict[int, str] = {}
    for rule in RULES:
        for value, of in list(rule.test(flow, names)):
            if value.number not in roles and (value.given is None or value.number in flow.addresses):
                roles[value.number] = Role(rule.name.format(of=of), rule.reason.format(of=of), rule.kept)
                names[value.number] = roles[value.number].name
    return roles
