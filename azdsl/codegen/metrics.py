"""Activations on lane values: sigmoid, softmax, and the test of the error that stops training."""

from __future__ import annotations

from collections.abc import Sequence

from azdsl.codegen import elementary
from azdsl.codegen.emitter import Emitter, Value


def sigmoid(e: Emitter, x: Value) -> Value:
    """``1 / (1 + exp(-x))``."""
    b = e.builder
    return b.fdiv(e.constant(1.0), b.fadd(e.constant(1.0), elementary.apply(e, "exp", b.fneg(x))))


def softmax(e: Emitter, scores: Sequence[Value]) -> list[Value]:
    """Probabilities of scores: shifted by the first largest, summed left to right."""
    b = e.builder
    largest = scores[0]
    for score in scores[1:]:
        largest = b.select(b.fcmp_ordered("<", largest, score), score, largest)
    powers = [elementary.apply(e, "exp", b.fsub(score, largest)) for score in scores]
    total = powers[0]
    for power in powers[1:]:
        total = b.fadd(total, power)
    return [b.fdiv(power, total) for power in powers]


def too_far(e: Emitter, error: Value, limit: Value) -> Value:
    """The lanes in which the error is NaN or greater than the limit."""
    return e.builder.fcmp_unordered(">", e.intrinsic("fabs", error), limit)
