"""The lowerings of the metrics: squash, validation, fitness and loss on lane values.

Each is written independently of its definition in ``azdsl.ir.metric``, with which tests compare its bits. A prediction is a list
of lane values: one of a scalar metric, C of a vector metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llvmlite import ir

from azdsl.codegen import elementary
from azdsl.codegen.emitter import F32, F64, Emitter, Value
from azdsl.ir import Metric, MetricName

Values = Sequence[Value]


@dataclass(frozen=True)
class MetricLowering:
    """The lowering of one metric.

    ``squash`` maps scores (a prediction as Predict leaves it) to the prediction that Learn reads. ``derivative`` maps a squashed
    prediction and the derivatives of its scores to its own derivatives. ``fails``, where there is one, maps scores to the lanes in
    which the squashed prediction is NaN; elsewhere it differs from the label by at most 1.
    ``gain`` maps the scores, the label and ``max_abs_error`` of a validation example to what the example adds to the total, and to
    the lanes whose validation fails, None if it cannot. ``fitness`` maps the total and the number of examples (int64) to the fitness in float64.
    ``loss`` maps the scores of an example, their derivatives and the label to the loss that ``azdsl tune`` minimizes, which is
    smooth where the fitness is not, and to its derivative.
    """

    squash: Callable[[Emitter, Values], Values]
    derivative: Callable[[Emitter, Values, Values], Values]
    fails: Callable[[Emitter, Values], Value] | None
    gain: Callable[[Emitter, Values, Value, Value], tuple[Value, Value | None]]
    fitness: Callable[[Emitter, Value, Value], Value]
    loss: Callable[[Emitter, Values, Values, Value], tuple[Value, Value]]


def too_far(e: Emitter, error: Value, limit: Value) -> Value:
    """The lanes in which the error is NaN or greater than the limit."""
    return e.builder.fcmp_unordered(">", e.intrinsic("fabs", error), limit)


def one_hot(e: Emitter, y: Value, number: int) -> Value:
    """1 in the lanes whose label is class ``number``, else 0."""
    b = e.builder
    return b.select(b.fcmp_ordered("==", y, e.constant(float(number))), e.constant(1.0), e.constant(0.0))


def _sum(e: Emitter, terms: Values) -> Value:
    """The sum of at least one term, from left to right."""
    total = terms[0]
    for term in terms[1:]:
        total = e.builder.fadd(total, term)
    return total


def _count(e: Emitter, right: Value) -> Value:
    """1 in the lanes of ``right``, else 0."""
    return e.builder.select(right, e.constant(1.0), e.constant(0.0))


def _share(e: Emitter, total: Value, count: Value) -> Value:
    """``total / count`` in float64."""
    b = e.builder
    rights = total if e.element == F64 else b.fpext(total, e.wide(F64))
    return b.fdiv(rights, e.splat(b.uitofp(count, F64)))


# Regression: no squash, squared errors


def _squared_error(e: Emitter, scores: Values, y: Value, limit: Value) -> tuple[Value, Value]:
    b = e.builder
    error = b.fsub(y, scores[0])
    return b.fmul(error, error), too_far(e, error, limit)


def _rmse_fitness(e: Emitter, total: Value, count: Value) -> Value:
    """1 - 2/π · arctan(RMSE). The RMSE has the type of the numbers."""
    b = e.builder
    root = e.intrinsic("sqrt", b.fdiv(total, e.splat(b.uitofp(count, e.element))))
    angle = elementary.apply(e, "arctan", root if e.element == F64 else b.fpext(root, e.wide(F64)))
    return b.fsub(e.constant(1.0, F64), b.fmul(e.constant(2.0 / math.pi, F64), angle))


def _squared_loss(e: Emitter, scores: Values, changes: Values, y: Value) -> tuple[Value, Value]:
    b = e.builder
    error = b.fsub(scores[0], y)
    return b.fmul(error, error), b.fmul(b.fmul(e.constant(2.0), error), changes[0])


# Two classes: sigmoid, cross-entropy


def sigmoid(e: Emitter, x: Value) -> Value:
    """``1 / (1 + exp(-x))``."""
    b = e.builder
    return b.fdiv(e.constant(1.0), b.fadd(e.constant(1.0), elementary.apply(e, "exp", b.fneg(x))))


def _sigmoid_derivative(e: Emitter, squashed: Values, changes: Values) -> Values:
    b = e.builder
    return [b.fmul(b.fmul(p, b.fsub(e.constant(1.0), p)), d) for p, d in zip(squashed, changes, strict=True)]


LEAST_POSITIVE = {F64: float.fromhex("0x1.8000000000001p-53"), F32: float.fromhex("0x1.800002p-24")}
"""The least score whose sigmoid is greater than a half: between 0 and it the sigmoid is rounded to a half."""


def _same_side(e: Emitter, scores: Values, y: Value, limit: Value) -> tuple[Value, None]:
    """Whether the probability and the label are on the same side of a half."""
    b, half = e.builder, e.constant(0.5)
    positive = b.fcmp_ordered(">=", scores[0], e.constant(LEAST_POSITIVE[e.element]))
    right = b.xor(b.xor(positive, b.fcmp_ordered(">", y, half)), e.constant(1, ir.IntType(1)))
    return _count(e, right), None


def _binary_loss(e: Emitter, scores: Values, changes: Values, y: Value) -> tuple[Value, Value]:
    """log(1 + exp(s)) - y s, written so that no exponential overflows."""
    b, one, score = e.builder, e.constant(1.0), scores[0]
    size = e.intrinsic("fabs", score)
    positive = b.fmul(e.constant(0.5), b.fadd(score, size))
    rest = elementary.apply(e, "log", b.fadd(one, elementary.apply(e, "exp", b.fneg(size))))
    loss = b.fsub(b.fadd(positive, rest), b.fmul(y, score))
    return loss, b.fmul(b.fsub(sigmoid(e, score), y), changes[0])


# C classes: softmax, cross-entropy


def softmax(e: Emitter, scores: Values) -> list[Value]:
    """Probabilities of scores: shifted by the first largest, summed left to right."""
    b = e.builder
    largest = scores[0]
    for score in scores[1:]:
        largest = b.select(b.fcmp_ordered("<", largest, score), score, largest)
    powers = [elementary.apply(e, "exp", b.fsub(score, largest)) for score in scores]
    total = _sum(e, powers)
    return [b.fdiv(power, total) for power in powers]


def _softmax_derivative(e: Emitter, squashed: Values, changes: Values) -> Values:
    b = e.builder
    mean = _sum(e, [b.fmul(p, d) for p, d in zip(squashed, changes, strict=True)])
    return [b.fmul(p, b.fsub(d, mean)) for p, d in zip(squashed, changes, strict=True)]


def _largest_score(e: Emitter, scores: Values, y: Value, limit: Value) -> tuple[Value, None]:
    """Whether the first largest score is that of the label; never if a score is NaN."""
    b = e.builder
    best, largest = e.constant(0.0), scores[0]
    number = b.fcmp_ordered("ord", largest, largest)
    for i, score in enumerate(scores[1:], 1):
        number = b.and_(number, b.fcmp_ordered("ord", score, score))
        greater = b.fcmp_ordered("<", largest, score)
        largest = b.select(greater, score, largest)
        best = b.select(greater, e.constant(float(i)), best)
    return _count(e, b.and_(number, b.fcmp_ordered("==", best, y))), None


def _class_loss(e: Emitter, scores: Values, changes: Values, y: Value) -> tuple[Value, Value]:
    b = e.builder
    shares = softmax(e, scores)
    hot = [one_hot(e, y, i) for i in range(len(shares))]
    right = _sum(e, [b.fmul(p, h) for p, h in zip(shares, hot, strict=True)])
    slopes = [b.fmul(b.fsub(p, h), d) for p, h, d in zip(shares, hot, changes, strict=True)]
    return b.fneg(elementary.apply(e, "log", right)), _sum(e, slopes)


LOWERINGS: Mapping[MetricName, MetricLowering] = {
    "rmse": MetricLowering(
        squash=lambda e, scores: scores,
        derivative=lambda e, squashed, changes: changes,
        fails=None,
        gain=_squared_error,
        fitness=_rmse_fitness,
        loss=_squared_loss,
    ),
    "accuracy": MetricLowering(
        squash=lambda e, scores: [sigmoid(e, score) for score in scores],
        derivative=_sigmoid_derivative,
        fails=lambda e, scores: e.builder.fcmp_unordered("uno", scores[0], scores[0]),
        gain=_same_side,
        fitness=_share,
        loss=_binary_loss,
    ),
    "multiclass": MetricLowering(
        squash=softmax,
        derivative=_softmax_derivative,
        fails=None,
        gain=_largest_score,
        fitness=_share,
        loss=_class_loss,
    ),
}
"""The lowering of each metric by its name."""


def lowering_of(metric: Metric) -> MetricLowering:
    """Return the lowering of ``metric``."""
    return LOWERINGS[metric.name]
