"""Rewrite rules of values. A rule replaces an op by a value with the same bits (any NaN equals any NaN).

Algebraic identities that are not exact are excluded: ``x + 0`` turns -0.0 into 0.0, ``x - x`` is NaN for an infinity,
products and sums do not associate. No rule drops an operand that can vary, so live draws keep their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from azdsl.ir.value_graph import MATRIX_FILL, VECTOR_FILL, Builder, Rule, Value
from azdsl.ops import BY_NAME, Kind, Op

Inputs = tuple[Value, ...]
Constants = tuple[float, ...]

_WORDS = {kind.word for kind in Kind}


def family(op: Op | None) -> str:
    """The op's name without its kind, ``add`` for ``vector_add``; the empty string for None."""
    if op is None:
        return ""
    head, _, tail = op.name.partition("_")
    return tail if head in _WORDS and tail else op.name


def sibling(name: str, kind: Kind) -> Op:
    """The op of family ``name`` on ``kind``."""
    return BY_NAME[f"{kind.word}_{name}"]


EACH_ENTRY = frozenset(
    {"add", "subtract", "multiply", "divide", "abs", "reciprocal", "heaviside", "minimum", "maximum"}
)
_FUNCTIONS = frozenset({"sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log"})
_ANY_FILL = EACH_ENTRY | _FUNCTIONS | {"scale", "outer", "transpose"}
"""Families whose result has equal entries, independent of F, if each input has equal entries."""

_TESTED_SIZES = (1, 2, 3)
"""Values of F for which a folded result is required to be the same number in every entry."""


def folding(precision: int) -> Rule:
    """Constant folding in the arithmetic of ``precision`` bits (64 or 32)."""
    number: Callable[[float], Any] = float if precision == 64 else np.float32

    def fold(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
        fills = [value.fill for value in inputs]
        known = [fill for fill in fills if fill is not None]
        if not inputs or len(known) < len(fills) or op in (VECTOR_FILL, MATRIX_FILL) or op.context:
            return None
        if family(op) not in _ANY_FILL and op.name != "row_broadcast" and any(fill != 0.0 for fill in known):
            return None  # The rounding of a sum of equal numbers depends on F, unless they are zeros.
        results: set[str] = set()
        with np.errstate(all="ignore"):  # a constant above the range of float32 becomes infinity
            for size in _TESTED_SIZES:
                tensors = [_tensor(value.kind, number(fill), size) for value, fill in zip(inputs, known, strict=True)]
                results |= {repr(float(entry)) for entry in _entries(op.semantics(*tensors))}
        result = float(results.pop())
        assert op.output is not None
        return builder.fill(op.output, result) if not results and math.isfinite(result) else None

    return fold


def _tensor(kind: Kind, number: Any, size: int) -> Any:
    """The value of a register with ``size`` features and all entries ``number``."""
    if kind is Kind.SCALAR:
        return number
    return [number] * size if kind is Kind.VECTOR else [[number] * size] * size


def _entries(tensor: Any) -> list[Any]:
    """The numbers in a register's value."""
    return [entry for row in tensor for entry in _entries(row)] if isinstance(tensor, list) else [tensor]


def copy(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """minimum(x, x) and maximum(x, x) are x."""
    return inputs[0] if family(op) in ("minimum", "maximum") and inputs[0] is inputs[1] else None


def times_one(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """1 * x, x * 1 and x / 1 are x."""
    name = family(op)
    if name in ("multiply", "scale") and inputs[0].fill == 1.0:
        return inputs[1]
    if name in ("multiply", "divide") and inputs[1].fill == 1.0:
        return inputs[0]
    return None


def plus_nothing(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """Subtracting 0.0 or adding -0.0 changes nothing; adding 0.0 does: -0.0 becomes 0.0."""
    name = family(op)
    if name == "subtract" and inputs[1].is_zero:
        return inputs[0]
    if name == "add":
        for this, other in (inputs, inputs[::-1]):
            if str(other.fill) == "-0.0":
                return this
    return None


def same_again(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """Idempotence: abs of a non-negative value, heaviside of heaviside, minimum and maximum repeated with one operand."""
    if family(op) == "abs" and _not_negative(inputs[0]):
        return inputs[0]
    if op.name in ("vector_heaviside", "matrix_heaviside") and inputs[0].op is op:
        return inputs[0]
    limits = ("minimum", "maximum")
    if (
        family(op) in limits
        and op.output is not Kind.MATRIX
        and inputs[0].op is op
        and inputs[0].inputs[1] is inputs[1]
    ):
        return inputs[0]
    return None


def _not_negative(value: Value) -> bool:
    """Whether no entry can be negative or -0.0."""
    name = family(value.op)
    square = name == "multiply" and value.inputs[0] is value.inputs[1]
    return square or name in ("abs", "heaviside", "norm", "column_norm", "row_norm", "exp")


def transposed(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """The transpose of a transpose, of a broadcast or of an outer product."""
    if op.name != "transpose":
        return None
    inner = inputs[0]
    match inner.op.name if inner.op else "":
        case "transpose":
            return inner.inputs[0]
        case "column_broadcast":
            return builder.make(BY_NAME["row_broadcast"], inner.inputs)
        case "row_broadcast":
            return builder.make(MATRIX_FILL, inner.inputs)
        case "outer":
            return builder.make(BY_NAME["outer"], inner.inputs[::-1])
    return None


def reciprocal(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """1 / x as the op reciprocal."""
    if family(op) == "divide" and inputs[0].fill == 1.0:
        return builder.make(sibling("reciprocal", inputs[0].kind), inputs[1:])
    return None


def scaling(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """A product with a tensor of equal entries as a product with a scalar."""
    if family(op) != "multiply" or op.output is Kind.SCALAR:
        return None
    for factor, other in (inputs, inputs[::-1]):
        entry = _entry(factor)
        if entry is not None:
            return builder.make(sibling("scale", factor.kind), (entry, other))
    return None


def _entry(value: Value) -> Value | None:
    """The scalar that every entry of a tensor equals, or None."""
    if value.op is VECTOR_FILL:
        return value.inputs[0]
    if value.op in (MATRIX_FILL, BY_NAME["row_broadcast"]):
        return _entry(value.inputs[0])
    return None


def signs(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """-(-x) is x, x + -y is x - y, x - -y is x + y."""
    name = family(op)
    if name in ("multiply", "scale"):
        for factor, other in (inputs, inputs[::-1]):
            inner = _negated(other)
            if factor.fill == -1.0 and inner is not None and other.kind is op.output:
                return inner
    if name == "add":
        for this, other in (inputs, inputs[::-1]):
            inner = _negated(other)
            if inner is not None:
                return builder.make(sibling("subtract", this.kind), (this, inner))
    if name == "subtract":
        inner = _negated(inputs[1])
        if inner is not None:
            return builder.make(sibling("add", inner.kind), (inputs[0], inner))
    return None


def _negated(value: Value) -> Value | None:
    """X if ``value`` is -1 * x, else None."""
    if family(value.op) not in ("multiply", "scale"):
        return None
    for factor, other in (value.inputs, value.inputs[::-1]):
        if factor.fill == -1.0 and other.kind is value.kind:
            return other
    return None


def set_again(builder: Builder, op: Op, inputs: Inputs, constants: Constants) -> Value | None:
    """An entry set twice, or set to the value that it has."""
    if not op.updates:
        return None
    old = inputs[-1]
    if old.op is op and old.constants[:-1] == constants[:-1]:
        return builder.make(op, old.inputs, constants)
    if old.fill is not None and str(old.fill) == str(constants[-1]):
        return old
    return None


IDENTITIES: tuple[Rule, ...] = (
    copy,
    times_one,
    plus_nothing,
    same_again,
    transposed,
    reciprocal,
    scaling,
    signs,
    set_again,
)


def exact_rules(precision: int = 64) -> tuple[Rule, ...]:
    """All rules that are exact in the arithmetic of ``precision`` bits (64 or 32)."""
    return (folding(precision), *IDENTITIES)
