"""Philox 4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405) in LLVM IR, one stream for each lane.

Key and counter are those of ``docs/semantics.md``: the key is the seed, the counter is (element, draw, visit, task).
Each 32-bit word is held in a 64-bit integer, so that the high half of a product is one shift away.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llvmlite import ir

from azdsl.codegen import elementary
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


def uniform(e: Emitter, x: list[Value]) -> Value:
    """A float64 in [0, 1) of output words."""
    return _fraction(e, x[0], x[1])


def normal(e: Emitter, x: list[Value]) -> Value:
    """Box and Muller's standard normal float64 of output words."""
    u1, u2 = _fraction(e, x[0], x[1]), _fraction(e, x[2], x[3])
    b = e.builder
    log = elementary.apply(e, "log", b.fsub(e.constant(1.0, F64), u1))
    radius = e.intrinsic("sqrt", b.fmul(e.constant(-2.0, F64), log))
    return b.fmul(radius, elementary.apply(e, "cos", b.fmul(e.constant(2.0 * math.pi, F64), u2)))


def draw(
    e: Emitter,
    name: str,
    of_words: Callable[[Emitter, list[Value]], Value],
    key: tuple[Value, Value],
    counter: tuple[Value, ...],
) -> Value:
    """``of_words`` of a draw: a call of the function ``name`` of the module, which is emitted at the first call.

    In the counter, element, draw and visit are scalars and the task is a lane value. Inlined, the ten rounds and the calls of the
    C library would be most of a VM's code and of its compile time.
    """
    wide = e.wide(I64)
    function = e.declare(name, e.wide(F64), [I64] * 5 + [wide])
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.add("noinline")
        inner = Emitter(ir.IRBuilder(function.append_basic_block("entry")), e.features, e.lanes)
        *scalars, task = function.args
        keys, places = scalars[:2], [inner.splat(place) for place in scalars[2:]]
        inner.builder.ret(of_words(inner, words(inner, (keys[0], keys[1]), (places[0], places[1], places[2], task))))
    return e.builder.call(function, [*key, *counter])
