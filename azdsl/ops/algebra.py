"""Ops that combine shapes: products, broadcasts, reductions, transposition; and the one that does nothing.

A vector is a list of F numbers, a matrix a list of F rows. Derivatives take norms and deviations of zero to be
flat: 5e-324, the least positive number, keeps their quotients 0/0 from being NaN.
"""

from __future__ import annotations

from typing import Any

from azdsl.ops import numbers
from azdsl.ops.definition import op

Scalar = Any
Vector = list[Any]
Matrix = list[list[Any]]


@op(0, "->", "NoOp()")
def noop() -> None:
    """Nothing."""


@op(
    18,
    "s v -> v",
    "{out} = {a} * {b}",
    ("{da} * {b}", "{a} * {db}"),
    groups=("arithmetic", "linear_algebra", "network", "tables"),
)
def vector_scale(a: Scalar, b: Vector) -> Vector:
    """Scalar times vector."""
    return [a * x for x in b]


@op(
    29,
    "s m -> m",
    "{out} = {a} * {b}",
    ("{da} * {b}", "{a} * {db}"),
    groups=("arithmetic", "linear_algebra", "network", "tables"),
)
def matrix_scale(a: Scalar, b: Matrix) -> Matrix:
    """Scalar times matrix."""
    return [[a * x for x in row] for row in b]


@op(
    19,
    "s -> v",
    "{out} = bcast({a})",
    "bcast({da})",
    numpy="np.full(n, {a})",
    latex=r"[a] \, \mathbf{1}",
    groups=("broadcast",),
)
def vector_broadcast(a: Scalar, *, features: int) -> Vector:
    """Every entry is a."""
    return [a] * features


@op(
    32,
    "v -> m",
    "{out} = bcast({a}, axis=0)",
    "bcast({da}, axis=0)",
    numpy="np.tile({a}, (n, 1)).T",
    latex=r"[a] \, \mathbf{1}^{\top}",
    groups=("broadcast",),
)
def column_broadcast(a: Vector) -> Matrix:
    """m[i, j] = a[i]: every column is a."""
    return [[x] * len(a) for x in a]


@op(
    33,
    "v -> m",
    "{out} = bcast({a}, axis=1)",
    "bcast({da}, axis=1)",
    numpy="np.tile({a}, (n, 1))",
    latex=r"\mathbf{1} \, [a]^{\top}",
    groups=("broadcast",),
)
def row_broadcast(a: Vector) -> Matrix:
    """m[i, j] = a[j]: every row is a."""
    return [list(a) for _ in a]


@op(
    27,
    "v v -> s",
    "{out} = dot({a}, {b})",
    ("dot({da}, {b})", "dot({a}, {db})"),
    commutative=True,
    latex=r"[a]^{\top} [b]",
    groups=("linear_algebra", "network", "tables"),
)
def dot(a: Vector, b: Vector) -> Scalar:
    """Inner product, summed left to right."""
    return numbers.total([x * y for x, y in zip(a, b, strict=True)])


@op(
    28,
    "v v -> m",
    "{out} = outer({a}, {b})",
    ("outer({da}, {b})", "outer({a}, {db})"),
    latex=r"[a] \, [b]^{\top}",
    groups=("linear_algebra", "network", "tables"),
)
def outer(a: Vector, b: Vector) -> Matrix:
    """Outer product: m[i, j] = a[i] * b[j]."""
    return [[x * y for y in b] for x in a]


@op(
    31,
    "m v -> v",
    "{out} = dot({a}, {b})",
    ("dot({da}, {b})", "dot({a}, {db})"),
    latex=r"[a] \, [b]",
    groups=("linear_algebra", "network", "tables"),
)
def matvec(a: Matrix, b: Vector) -> Vector:
    """Matrix times vector, each row summed left to right."""
    return [dot(row, b) for row in a]


@op(
    43,
    "m m -> m",
    "{out} = matmul({a}, {b})",
    ("matmul({da}, {b})", "matmul({a}, {db})"),
    rank=3,
    numpy="np.dot({a}, {b})",
    latex=r"[a] \, [b]",
    groups=("linear_algebra",),
)
def matmul(a: Matrix, b: Matrix) -> Matrix:
    """Matrix product, each entry summed left to right."""
    columns = transpose(b)
    return [[dot(row, column) for column in columns] for row in a]


@op(
    37,
    "m -> m",
    "{out} = transpose({a})",
    "transpose({da})",
    latex=r"[a]^{\top}",
    groups=("linear_algebra", "network", "tables"),
)
def transpose(a: Matrix) -> Matrix:
    """Rows become columns."""
    return [list(column) for column in zip(*a, strict=True)]


def _entries(a: Matrix) -> Vector:
    """A matrix's entries, row after row: the order in which it is reduced."""
    return [x for row in a for x in row]


@op(
    21,
    "v -> s",
    "{out} = norm({a})",
    "dot({a}, {da}) / maximum({out}, 5e-324)",
    latex=r"\left\lVert {a} \right\rVert",
    groups=("linear_algebra", "tables"),
)
def vector_norm(a: Vector) -> Scalar:
    """Euclidean norm."""
    return numbers.norm(a)


@op(
    34,
    "m -> s",
    "{out} = norm({a})",
    "dot(dot({a} * {da}, bcast(1)), bcast(1)) / maximum({out}, 5e-324)",
    latex=r"\left\lVert {a} \right\rVert",
    groups=("linear_algebra",),
)
def matrix_norm(a: Matrix) -> Scalar:
    """Frobenius norm, summed row after row."""
    return numbers.norm(_entries(a))


@op(
    35,
    "m -> v",
    "{out} = norm({a}, axis=0)",
    "dot(transpose({a} * {da}), bcast(1)) / maximum({out}, 5e-324)",
    groups=("linear_algebra",),
)
def column_norm(a: Matrix) -> Vector:
    """v[j] = norm of column j."""
    return [numbers.norm(column) for column in transpose(a)]


@op(
    36,
    "m -> v",
    "{out} = norm({a}, axis=1)",
    "dot({a} * {da}, bcast(1)) / maximum({out}, 5e-324)",
    groups=("linear_algebra",),
)
def row_norm(a: Matrix) -> Vector:
    """v[i] = norm of row i."""
    return [numbers.norm(row) for row in a]


@op(50, "v -> s", "{out} = mean({a})", "mean({da})", groups=("statistics", "tables"))
def vector_mean(a: Vector) -> Scalar:
    """Mean of the entries."""
    return numbers.mean(a)


@op(51, "m -> s", "{out} = mean({a})", "mean({da})", groups=("statistics",))
def matrix_mean(a: Matrix) -> Scalar:
    """Mean of all entries, summed row after row."""
    return numbers.mean(_entries(a))


@op(52, "m -> v", "{out} = mean({a}, axis=1)", "mean({da}, axis=1)", groups=("statistics",))
def row_mean(a: Matrix) -> Vector:
    """v[i] = mean of row i."""
    return [numbers.mean(row) for row in a]


@op(
    53,
    "m -> v",
    "{out} = std({a}, axis=1)",
    "(mean({a} * {da}, axis=1) - mean({a}, axis=1) * mean({da}, axis=1)) / maximum({out}, 5e-324)",
    weight=2.0,
    groups=("statistics",),
)
def row_std(a: Matrix) -> Vector:
    """v[i] = standard deviation of row i: sqrt(mean(x²) - mean(x)²), unclamped."""
    return [numbers.std(row) for row in a]


@op(
    54,
    "v -> s",
    "{out} = std({a})",
    "(mean({a} * {da}) - mean({a}) * mean({da})) / maximum({out}, 5e-324)",
    weight=2.0,
    groups=("statistics", "tables"),
)
def vector_std(a: Vector) -> Scalar:
    """Standard deviation of the entries: sqrt(mean(x²) - mean(x)²), unclamped."""
    return numbers.std(a)


@op(
    55,
    "m -> s",
    "{out} = std({a})",
    "(mean({a} * {da}) - mean({a}) * mean({da})) / maximum({out}, 5e-324)",
    weight=2.0,
    groups=("statistics",),
)
def matrix_std(a: Matrix) -> Scalar:
    """Standard deviation of all entries: sqrt(mean(x²) - mean(x)²), unclamped."""
    return numbers.std(_entries(a))
