"""Philox 4x32-10 (Salmon et al. 2011) in LLVM IR, one stream for each lane.

Key and counter are laid out as ``docs/design.md`` says: key = the seed; counter = (element, draw, visit,
task). Words travel as 64-bit integers holding 32 bits, so that a product's halves are one shift apart.
"""

from __future__ import annotations

import math

from llvmlite import ir

from azdsl.codegen.emitter import F64, I64, Emitter, Value

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = 0xFFFFFFFF


def words(e: Emitter, key: tuple[Value, Value], counter: tuple[Value, Value, Value, Value]) -> list[Value]:
    """The four output words for a key (two i64 scalars) and a counter (four lane values of i64)."""
    b = e.builder
    low = e.constant(_LOW, I64)
    x = list(counter)
    for turn in range(_ROUNDS):
        keys = [
            e.splat(b.and_(b.add(k, ir.Constant(I64, turn * w & _LOW)), ir.Constant(I64, _LOW)))
            for k, w in zip(key, _WEYL, strict=True)
        ]
        products = [b.mul(word, e.constant(m, I64)) for word, m in zip((x[0], x[2]), _MULTIPLIERS, strict=True)]
        high = [b.lshr(p, e.constant(32, I64)) for p in products]
        x = [
            b.xor(b.xor(high[1], x[1]), keys[0]),
            b.and_(products[1], low),
            b.xor(b.xor(high[0], x[3]), keys[1]),
            b.and_(products[0], low),
        ]
    return x


def _fraction(e: Emitter, low: Value, high: Value) -> Value:
    """53 random bits of two words as a float64 in [0, 1)."""
    b = e.builder
    word = b.or_(low, b.shl(high, e.constant(32, I64)))
    scaled = b.uitofp(b.lshr(word, e.constant(11, I64)), e.wide(F64))
    return b.fmul(scaled, e.constant(2.0**-53, F64))


def fractions(e: Emitter, key: tuple[Value, Value], counter: tuple[Value, Value, Value, Value]) -> tuple[Value, Value]:
    """u1 and u2 of a counter, float64 in [0, 1)."""
    x = words(e, key, counter)
    return _fraction(e, x[0], x[1]), _fraction(e, x[2], x[3])


def standard_normal(e: Emitter, u1: Value, u2: Value) -> Value:
    """Box and Muller's normal number of two uniform ones, float64."""
    b = e.builder
    log = e.library("log", b.fsub(e.constant(1.0, F64), u1))
    radius = e.intrinsic("sqrt", b.fmul(e.constant(-2.0, F64), log))
    return b.fmul(radius, e.library("cos", b.fmul(e.constant(2.0 * math.pi, F64), u2)))
