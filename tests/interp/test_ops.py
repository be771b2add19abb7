"""Every deterministic op against an independent formula on NumPy arrays, bit for bit, in both precisions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from azdsl.ops import OPS, Kind, Role, elementary

SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, 1e308, -1e308, 1e-40, 3e38, 800.0)
INDEXES = (0.0, 0.3, 0.5, 0.999999, math.nextafter(1.0, 0.0))
DTYPES = (np.float64, np.float32)
DETERMINISTIC = [op for op in OPS if not op.random]


def total(x, axis=-1):
    return np.take(np.add.accumulate(x, axis=axis), -1, axis=axis)


def mean(x):
    return total(x) / x.dtype.type(x.shape[-1])


def norm(x, axis=-1):
    return np.sqrt(total(x * x, axis))


def std(x):
    return np.sqrt(mean(x * x) - mean(x) * mean(x))


def defined(name):
    """An elementary function: ``tests/ops`` holds it against true values."""
    return lambda a: a.dtype.type(getattr(elementary, name)(float(a)))


def matvec(a, b):
    return total(a * b[None, :], axis=1)


def matmul(a, b):
    return total(a[:, :, None] * b[None, :, :], axis=1)


def place(index, size):
    return min(int(np.floor(np.float32(size) * np.float32(index))), size - 1)


def set_entry(old, indexes, value):
    new = old.copy()
    new[tuple(place(index, len(old)) for index in indexes)] = value
    return new


ENTRYWISE = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "abs": np.abs,
    "reciprocal": lambda a: a.dtype.type(1) / a,
}

FORMULAS = {
    **{f"{kind}_{name}": f for kind in ("scalar", "vector", "matrix") for name, f in ENTRYWISE.items()},
    **{name: defined(name) for name in ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log")},
    "scalar_heaviside": lambda a: np.where(a >= 0, 1.0, 0.0),
    "vector_heaviside": lambda a: np.where(a > 0, 1.0, 0.0),
    "matrix_heaviside": lambda a: np.where(a > 0, 1.0, 0.0),
    "vector_scale": lambda a, b: a * b,
    "matrix_scale": lambda a, b: a * b,
    "vector_broadcast": lambda a: np.full(4, a),
    "column_broadcast": lambda a: np.tile(a[:, None], len(a)),
    "row_broadcast": lambda a: np.tile(a, (len(a), 1)),
    "vector_norm": norm,
    "matrix_norm": lambda a: norm(a.ravel()),
    "column_norm": lambda a: norm(a, axis=0),
    "row_norm": norm,
    "dot": lambda a, b: total(a * b),
    "outer": np.multiply.outer,
    "matvec": matvec,
    "matmul": matmul,
    "transpose": np.transpose,
    "scalar_minimum": lambda a, b: np.where(b < a, b, a),
    "vector_minimum": lambda a, b: np.where(b < a, b, a),
    "matrix_minimum": lambda a, b: np.where(a < b, a, b),
    "scalar_maximum": lambda a, b: np.where(a < b, b, a),
    "vector_maximum": lambda a, b: np.where(a < b, b, a),
    "matrix_maximum": lambda a, b: np.where(a > b, a, b),
    "vector_mean": mean,
    "matrix_mean": lambda a: mean(a.ravel()),
    "row_mean": mean,
    "row_std": std,
    "vector_std": std,
    "matrix_std": lambda a: std(a.ravel()),
}


def values(rng, dtype, shape):
    """Ordinary numbers, some of them special."""
    array = rng.normal(size=shape)
    special = rng.random(shape) < rng.choice([0.0, 0.3, 1.0])
    return np.where(special, rng.choice(SPECIAL, shape), array).astype(dtype)


def operands(op, dtype):
    rng = np.random.default_rng(op.code)
    if op.inputs and all(kind is Kind.SCALAR for kind in op.inputs):
        for numbers in itertools.product(np.array([*SPECIAL, 2.5, -0.7, 1e-5], dtype), repeat=len(op.inputs)):
            yield [np.asarray(number) for number in numbers]
    for _ in range(60):
        yield [values(rng, dtype, (4,) * "svm".index(kind.value)) for kind in op.inputs]


def bits(x, dtype):
    """Values with every NaN made equal."""
    array = np.asarray(x, dtype)
    return np.where(np.isnan(array), dtype(7.25e37), array).tobytes(), np.isnan(array).tobytes(), array.shape


def plain(array):
    """An array as the interpreter holds it: a number, a list, a list of rows; of Python or NumPy numbers."""
    if array.ndim:
        return [plain(np.asarray(part)) for part in array]
    return float(array) if array.dtype == np.float64 else array[()]


def leaves(x):
    return [leaf for part in x for leaf in leaves(part)] if isinstance(x, list) else [x]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", [op for op in DETERMINISTIC if op.inputs], ids=str)
def test_op_equals_formula(op, dtype):
    number = float if dtype is np.float64 else dtype
    with np.errstate(all="ignore"):
        for inputs in operands(op, dtype):
            context = {"features": 4} if "features" in op.context else {}
            result = op.semantics(*map(plain, inputs), **context)
            assert bits(result, dtype) == bits(FORMULAS[op.name](*inputs), dtype), inputs
            assert {type(leaf) for leaf in leaves(result)} == {number}


def test_every_op_with_inputs_has_a_formula():
    assert {op.name for op in DETERMINISTIC if op.inputs} == FORMULAS.keys() & {op.name for op in OPS}
    assert [op.name for op in DETERMINISTIC if not op.inputs] == ["noop", "const", "vector_set", "matrix_set"]


@pytest.mark.parametrize("size", [1, 2, 4, 7, 17])
@pytest.mark.parametrize("op", [op for op in DETERMINISTIC if op.updates], ids=str)
def test_set_changes_one_entry(op, size):
    indexes = op.constants.count(Role.INDEX)
    old = np.random.default_rng(size).normal(size=(size,) * indexes)
    for at in itertools.product(INDEXES, repeat=indexes):
        before = plain(old)
        assert bits(op.semantics(*at, -0.0, old=before), np.float64) == bits(set_entry(old, at, -0.0), np.float64)
        assert before == plain(old)  # the old value may be shared with another register


def test_reductions_start_from_the_first_term():
    by_name = {op.name: op.semantics for op in OPS}
    assert math.copysign(1.0, by_name["dot"]([-0.0], [1.0])) == -1.0
    assert math.copysign(1.0, by_name["vector_mean"]([-0.0, -0.0])) == -1.0
