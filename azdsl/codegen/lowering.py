"""One lowering per op: from tensors of lane values to a tensor of lane values.

A tensor is a kind and a function from the index of an element to its value. Reading an element emits its computation. The VM reads
and stores every element; the jit backend can pass a tensor on unread, which fuses ops. Reductions are emitted when the lowering
runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from llvmlite import ir

from azdsl.codegen import elementary, philox
from azdsl.codegen.emitter import F64, I64, Emitter, Index, Value
from azdsl.ops import BY_NAME, OPS, Kind, Op

Element = Callable[..., Value]
"""Computes the lane value of an element: of (), (i) or (i, j) for a scalar, a vector or a matrix."""


Several = Callable[[Sequence[Index]], Sequence[Value]]
"""Computes the lane values of elements of a vector."""


@dataclass(frozen=True)
class Tensor:
    """A register's value. Elements are computed where they are read.

    ``several``, of a vector, computes several elements that share what they load.
    """

    kind: Kind
    at: Element
    several: Several | None = None


@dataclass(frozen=True)
class Draws:
    """The Philox key of an instruction's random numbers, and the words of its counter except the element."""

    key: tuple[Value, Value]
    draw: Value
    visit: Value
    task: Value


@dataclass(frozen=True)
class Operands:
    """The operands of an instruction. ``constants`` are lane values, ``places`` the entries (i64) that index constants name, ``old``
    is the output's value before the instruction.
    """

    inputs: Sequence[Tensor] = ()
    constants: Sequence[Value] = ()
    places: Sequence[Index] = ()
    old: Tensor | None = None
    draws: Draws | None = None


Lower = Callable[[Emitter, Operands], Element]


@dataclass(frozen=True)
class Lowering:
    """How an op becomes LLVM IR.

    ``pointwise``: element i of the output depends only on element i of inputs of the output's kind, so that the output may overwrite
    them. ``cheap``: an element takes a few operations, so that its only reader may compute it. ``once``: the op reads each element
    of its inputs once, so that it may be such a reader. ``several`` is ``Tensor.several`` of the output.
    """

    op: Op
    lower: Lower = field(repr=False)
    pointwise: bool
    cheap: bool
    once: bool
    several: Callable[[Emitter, Operands], Several] | None = None

    def __call__(self, e: Emitter, operands: Operands) -> Tensor:
        """The op's output as a tensor. Raises ``ValueError`` for an op without an output."""
        if self.op.output is None:
            raise ValueError(f"{self.op.name} has no output")
        return Tensor(self.op.output, self.lower(e, operands), self.several and self.several(e, operands))


_TABLE: dict[int, Lowering] = {}


def lowering(
    *names: str,
    pointwise: bool = False,
    cheap: bool = False,
    once: bool = False,
    several: Callable[[Emitter, Operands], Several] | None = None,
) -> Callable[[Lower], Lower]:
    """Register a function as the lowering of the ops with these names."""

    def register(function: Lower) -> Lower:
        for name in names:
            op = BY_NAME[name]
            if op.code in _TABLE:
                raise ValueError(f"{name} has two lowerings")
            _TABLE[op.code] = Lowering(op, function, pointwise, cheap, once, several)
        return function

    return register


# Entry by entry


def _step(e: Emitter, predicate: str, a: Value) -> Value:
    test = e.builder.fcmp_ordered(predicate, a, e.constant(0.0))
    return e.builder.select(test, e.constant(1.0), e.constant(0.0))


def _choose(e: Emitter, predicate: str, left: Value, right: Value, then: Value, other: Value) -> Value:
    """``then`` where the comparison holds, else ``other``.

    The fence keeps LLVM from simplifying max(x, max(x, y)) to max(x, y), which is wrong for some orders of the arguments when y is
    NaN.
    """
    chosen = e.builder.select(e.builder.fcmp_ordered(predicate, left, right), then, other)
    return e.intrinsic("arithmetic.fence", chosen)


def _elementary(name: str, e: Emitter, a: Value) -> Value:
    return elementary.apply(e, name, a)


_ENTRYWISE: dict[str, Callable[..., Value]] = {
    "scalar_add vector_add matrix_add": lambda e, a, b: e.builder.fadd(a, b),
    "scalar_subtract vector_subtract matrix_subtract": lambda e, a, b: e.builder.fsub(a, b),
    "scalar_multiply vector_multiply matrix_multiply": lambda e, a, b: e.builder.fmul(a, b),
    "scalar_divide vector_divide matrix_divide": lambda e, a, b: e.builder.fdiv(a, b),
    "scalar_abs vector_abs matrix_abs": lambda e, a: e.intrinsic("fabs", a),
    "scalar_reciprocal vector_reciprocal matrix_reciprocal": lambda e, a: e.builder.fdiv(e.constant(1.0), a),
    **{name: partial(_elementary, name) for name in elementary.FUNCTIONS},
    "scalar_heaviside": lambda e, a: _step(e, ">=", a),
    "vector_heaviside matrix_heaviside": lambda e, a: _step(e, ">", a),
    "scalar_minimum vector_minimum": lambda e, a, b: _choose(e, "<", b, a, b, a),
    "matrix_minimum": lambda e, a, b: _choose(e, "<", a, b, a, b),
    "scalar_maximum vector_maximum": lambda e, a, b: _choose(e, "<", a, b, b, a),
    "matrix_maximum": lambda e, a, b: _choose(e, ">", a, b, a, b),
}


def _entrywise(function: Callable[..., Value]) -> Lower:
    def lower(e: Emitter, o: Operands) -> Element:
        return lambda *place: function(e, *(tensor.at(*place) for tensor in o.inputs))

    return lower


for _names, _function in _ENTRYWISE.items():
    lowering(*_names.split(), pointwise=True, cheap=True, once=True)(_entrywise(_function))


@lowering("vector_scale", "matrix_scale", pointwise=True, cheap=True, once=True)
def _scale(e: Emitter, o: Operands) -> Element:
    a, b = o.inputs
    factor = a.at()
    return lambda *place: e.builder.fmul(factor, b.at(*place))


# Shapes


@lowering("vector_broadcast", cheap=True)
def _broadcast(e: Emitter, o: Operands) -> Element:
    value = o.inputs[0].at()
    return lambda i: value


@lowering("column_broadcast", cheap=True)
def _columns(e: Emitter, o: Operands) -> Element:
    return lambda i, j: o.inputs[0].at(i)


@lowering("row_broadcast", cheap=True)
def _rows(e: Emitter, o: Operands) -> Element:
    return lambda i, j: o.inputs[0].at(j)


@lowering("outer", cheap=True)
def _outer(e: Emitter, o: Operands) -> Element:
    a, b = o.inputs
    return lambda i, j: e.builder.fmul(a.at(i), b.at(j))


@lowering("transpose", cheap=True)
def _transpose(e: Emitter, o: Operands) -> Element:
    return lambda i, j: o.inputs[0].at(j, i)


# Reductions


def _product(e: Emitter, count: int, a: Element, b: Element) -> Value:
    return e.total(count, lambda k: [e.builder.fmul(a(k), b(k))])[0]


@lowering("dot", once=True)
def _dot(e: Emitter, o: Operands) -> Element:
    a, b = o.inputs
    value = _product(e, e.features, a.at, b.at)
    return lambda: value


def _rows_together(e: Emitter, o: Operands) -> Several:
    """Rows of a matrix times a vector, each element of which is loaded once for all of them."""
    m, v = o.inputs

    def rows(places: Sequence[Index]) -> Sequence[Value]:
        def terms(j: Index) -> list[Value]:
            factor = v.at(j)
            return [e.builder.fmul(m.at(i, j), factor) for i in places]

        return e.total(e.features, terms)

    return rows


@lowering("matvec", several=_rows_together)
def _matvec(e: Emitter, o: Operands) -> Element:
    m, v = o.inputs
    return lambda i: _product(e, e.features, lambda j: m.at(i, j), v.at)


@lowering("matmul")
def _matmul(e: Emitter, o: Operands) -> Element:
    a, b = o.inputs
    return lambda i, j: _product(e, e.features, lambda k: a.at(i, k), lambda k: b.at(k, j))


def _mean(e: Emitter, count: int, total: Value) -> Value:
    return e.builder.fdiv(total, e.constant(float(count)))


def _norm_of(e: Emitter, count: int, x: Element) -> Value:
    return e.intrinsic("sqrt", _product(e, count, x, x))


def _mean_of(e: Emitter, count: int, x: Element) -> Value:
    return _mean(e, count, e.total(count, lambda k: [x(k)])[0])


def _std_of(e: Emitter, count: int, x: Element) -> Value:
    def terms(k: Index) -> list[Value]:
        value = x(k)
        return [value, e.builder.fmul(value, value)]

    first, second = e.total(count, terms)
    centre = _mean(e, count, first)
    spread = e.builder.fsub(_mean(e, count, second), e.builder.fmul(centre, centre))
    return e.intrinsic("sqrt", spread)


Reduce = Callable[[Emitter, int, Element], Value]


def _of_vector(reduce: Reduce) -> Lower:
    def lower(e: Emitter, o: Operands) -> Element:
        value = reduce(e, e.features, o.inputs[0].at)
        return lambda: value

    return lower


def _of_matrix(reduce: Reduce) -> Lower:
    """Over all entries, row by row: entry k is (k / F, k mod F)."""

    def lower(e: Emitter, o: Operands) -> Element:
        m = o.inputs[0]

        def at(k: Index) -> Value:
            if isinstance(k, int):
                return m.at(*divmod(k, e.features))
            f = ir.Constant(I64, e.features)
            return m.at(e.builder.udiv(k, f), e.builder.urem(k, f))

        value = reduce(e, e.features**2, at)
        return lambda: value

    return lower


def _of_rows(reduce: Reduce) -> Lower:
    return lambda e, o: lambda i: reduce(e, e.features, lambda j: o.inputs[0].at(i, j))


def _of_columns(reduce: Reduce) -> Lower:
    return lambda e, o: lambda j: reduce(e, e.features, lambda i: o.inputs[0].at(i, j))


lowering("vector_norm", once=True)(_of_vector(_norm_of))
lowering("vector_mean", once=True)(_of_vector(_mean_of))
lowering("vector_std", once=True)(_of_vector(_std_of))
lowering("matrix_norm", once=True)(_of_matrix(_norm_of))
lowering("matrix_mean", once=True)(_of_matrix(_mean_of))
lowering("matrix_std", once=True)(_of_matrix(_std_of))
lowering("row_norm", once=True)(_of_rows(_norm_of))
lowering("row_mean", once=True)(_of_rows(_mean_of))
lowering("row_std", once=True)(_of_rows(_std_of))
lowering("column_norm", once=True)(_of_columns(_norm_of))


# Constants and random numbers


@lowering("const")
def _const(e: Emitter, o: Operands) -> Element:
    return lambda: o.constants[0]


def _old(o: Operands) -> Tensor:
    if o.old is None:
        raise ValueError("an op that updates its output needs the old value")
    return o.old


def _same(e: Emitter, places: Sequence[Index], wanted: Sequence[Index]) -> Value:
    """Whether two indices of elements are equal."""
    tests = [e.builder.icmp_unsigned("==", e.index(p), e.index(w)) for p, w in zip(places, wanted, strict=True)]
    return tests[0] if len(tests) == 1 else e.builder.and_(*tests)


@lowering("vector_set", "matrix_set", pointwise=True)
def _set(e: Emitter, o: Operands) -> Element:
    old, value = _old(o), o.constants[-1]
    return lambda *place: e.builder.select(_same(e, place, o.places), value, old.at(*place))


def _draw(e: Emitter, o: Operands, name: str, number: Callable[[Emitter, list[Value]], Value]) -> Element:
    """The random numbers of an instruction, by element."""
    if o.draws is None:
        raise ValueError("a random op needs a source of draws")
    draws = o.draws

    def at(*place: Index) -> Value:
        value = philox.draw(e, name, number, draws.key, (e.index(e.flat(*place)), draws.draw, draws.visit, draws.task))
        return value if e.element == F64 else e.builder.fptrunc(value, e.type)

    return at


@lowering("scalar_uniform", "vector_uniform", "matrix_uniform")
def _uniform(e: Emitter, o: Operands) -> Element:
    b = e.builder
    c0, c1 = o.constants
    swapped = b.fcmp_ordered("<", c1, c0)
    low, high = b.select(swapped, c1, c0), b.select(swapped, c0, c1)
    draw = _draw(e, o, "uniform", philox.uniform)
    return lambda *place: b.fadd(low, b.fmul(b.fsub(high, low), draw(*place)))


@lowering("scalar_gaussian", "vector_gaussian", "matrix_gaussian")
def _gaussian(e: Emitter, o: Operands) -> Element:
    b = e.builder
    mean, std = o.constants
    draw = _draw(e, o, "normal", philox.normal)
    return lambda *place: b.fadd(mean, b.fmul(std, draw(*place)))


LOWERINGS: dict[int, Lowering] = dict(sorted(_TABLE.items()))
"""The lowering of every op with an output, by code."""

if list(LOWERINGS) != [op.code for op in OPS if op.output]:
    missing = sorted({op.name for op in OPS if op.output} - {BY_NAME[x.op.name].name for x in LOWERINGS.values()})
    raise AssertionError(f"ops without a lowering: {', '.join(missing)}")
