"""The language's own exp, log, sin, cos, tan, arcsin, arccos and arctan in LLVM IR, on lanes of float64.

Each gives the bits of its definition in ``ops.elementary``; the two share the coefficients alone. Where a definition branches
on data, both sides are computed here and one is selected, but for the reduction of large arguments of sin, cos and tan: those are
rare, and a function of the module reduces them lane after lane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from llvmlite import ir

from azdsl.codegen.emitter import F64, I32, I64, Emitter, Value
from azdsl.codegen.lane_arithmetic import LaneArithmetic
from azdsl.ops import coefficients as table

_MANTISSA = (1 << 52) - 1
_LOW = (1 << 32) - 1
_BIAS = 1023
_WORD = 64


def _exp(m: LaneArithmetic, x: Value) -> Value:
    nan = m.b.fcmp_unordered("uno", x, x)
    bounded = m.choose(m.test(x, ">", table.EXP_LEAST), x, table.EXP_LEAST)
    bounded = m.choose(m.test(bounded, "<", table.EXP_MOST), bounded, table.EXP_MOST)
    shifted = m.add(m.mul(bounded, table.INVERSE_LN2), table.ROUND)
    k = m.sub(shifted, table.ROUND)
    high, low = m.sub(bounded, m.mul(k, table.LN2_HIGH)), m.mul(k, table.LN2_LOW)
    r = m.sub(high, low)
    error = m.sub(high, r, low)
    value = m.add(1.0, m.add(r, m.add(m.mul(r, r, m.estrin(table.EXP, r)), error)))
    # the lowest bits of ``shifted`` are k + 2**51; 2048 more make it positive for the shift
    whole = m.b.and_(m.b.add(m.bits(shifted), m.integer(2048)), m.integer(0xFFFF))
    half = m.b.lshr(whole, m.integer(1))
    first = m.b.add(half, m.integer(_BIAS - 1024))
    second = m.b.add(m.b.sub(whole, half), m.integer(_BIAS - 1024))
    for power in (first, second):
        value = m.mul(value, m.floats(m.b.shl(power, m.integer(52))))
    return m.choose(nan, x, value)


def _log(m: LaneArithmetic, x: Value) -> Value:
    subnormal = m.test(x, "<", 2.0**-1022)
    scaled = m.choose(subnormal, m.mul(x, 2.0**54), x)
    bits = m.b.add(m.bits(scaled), m.integer((_BIAS << 52) - table.SQRT_HALF_BITS))
    # an integer below 2**52 as a number: the mantissa of 2**52 plus it
    raised = m.floats(m.b.or_(m.b.lshr(bits, m.integer(52)), m.bits(m.number(2.0**52))))
    k = m.sub(m.sub(raised, 2.0**52), m.choose(subnormal, 1023.0 + 54.0, 1023.0))
    mantissa = m.b.and_(bits, m.integer(_MANTISSA))
    f = m.sub(m.floats(m.b.add(mantissa, m.integer(table.SQRT_HALF_BITS))), 1.0)
    s = m.div(f, m.add(2.0, f))
    z = m.mul(s, s)
    w = m.mul(z, z)
    series = m.add(m.mul(w, m.horner(table.LOG_EVEN, w)), m.mul(z, m.horner(table.LOG_ODD, w)))
    half_square = m.mul(0.5, f, f)
    lower = m.add(m.mul(s, m.add(half_square, series)), m.mul(k, table.LN2_LOW))
    value = m.add(m.sub(lower, half_square), f, m.mul(k, table.LN2_HIGH))
    value = m.choose(m.test(x, "<", math.inf), value, x)  # an infinity or NaN stays
    value = m.choose(m.test(x, "<", 0.0), math.nan, value)
    return m.choose(m.test(x, "==", 0.0), -math.inf, value)


def _reduce(m: LaneArithmetic, x: Value) -> tuple[Value, Value, Value]:
    """Quadrant (its two lowest bits count) and the rest as a sum."""
    e, b = m.e, m.b
    shifted = m.add(m.mul(x, table.TWO_OVER_PI), table.ROUND)
    n = m.sub(shifted, table.ROUND)
    first = m.sub(x, m.mul(n, table.PIO2[0]))
    second, second_error = m.exact_difference(first, m.mul(n, table.PIO2[1]))
    third, third_error = m.exact_difference(second, m.mul(n, table.PIO2[2]))
    tail = m.sub(m.add(second_error, third_error), m.mul(n, table.PIO2[3]))
    high = m.add(third, tail)
    low = m.add(m.sub(third, high), tail)
    size = m.abs(x)
    large = b.and_(m.test(size, ">=", table.LARGE), m.test(size, "<", math.inf))
    slots = [e.variable(e.wide(I64), m.bits(shifted)), e.variable(e.wide(F64), high), e.variable(e.wide(F64), low)]
    mask = e.bits(large)
    with b.if_then(b.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0)), likely=False):
        reduce_large = _large_reduction(e)
        given: list[list[Value]] = []
        safe = m.choose(large, x, table.LARGE)
        for at in range(e.lanes):
            found = b.call(reduce_large, [e.lane(safe, at)])
            given.append([b.extract_value(found, field) for field in range(3)])
        for field, slot in enumerate(slots):
            kind = I64 if field == 0 else F64
            slow = ir.Constant(e.wide(kind), ir.Undefined)
            for at in range(e.lanes):
                one = given[at][field]
                slow = one if e.lanes == 1 else b.insert_element(slow, one, ir.Constant(I32, at))
            b.store(b.select(large, slow, b.load(slot, typ=e.wide(kind))), slot)
    quadrant, high, low = (b.load(slot, typ=e.wide(kind)) for slot, kind in zip(slots, (I64, F64, F64), strict=True))
    return quadrant, high, low


def _large_reduction(e: Emitter) -> ir.Function:
    """The module's function that reduces one large finite number: quadrant, high and low part."""
    module, name = e.builder.module, "az_reduce_large"
    if name in module.globals:
        return module.globals[name]
    result = ir.LiteralStructType([I64, F64, F64])
    function = ir.Function(module, ir.FunctionType(result, [F64]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    m = LaneArithmetic(Emitter(ir.IRBuilder(function.append_basic_block("entry")), e.features, 1))
    b, x = m.b, function.args[0]
    bits = m.bits(x)
    exponent = b.and_(b.lshr(bits, m.integer(52)), m.integer(0x7FF))
    mantissa = b.or_(b.and_(bits, m.integer(_MANTISSA)), m.integer(1 << 52))
    start = b.add(exponent, m.integer(62 - 1075))
    limbs = _product_limbs(m, mantissa, _window_limbs(m, start))
    top = limbs[5]
    doubled = [
        b.or_(b.shl(limb, m.integer(2)), b.lshr(lower, m.integer(30)))
        for limb, lower in zip(limbs[:0:-1], limbs[-2::-1], strict=True)
    ]
    doubled = [b.and_(limb, m.integer(_LOW)) for limb in doubled]
    negative = b.lshr(doubled[0], m.integer(31))
    quadrant = b.add(b.lshr(top, m.integer(30)), negative)
    leading = b.sub(doubled[0], b.shl(negative, m.integer(32)))
    parts = [m.mul(b.sitofp(limb, F64), 2.0 ** (-32 * at)) for at, limb in enumerate([leading, *doubled[1:]], 1)]
    first, rest = m.exact_sum(parts[0], parts[1])
    second, rest = m.exact_sum(rest, parts[2])
    third, rest = m.exact_sum(rest, parts[3])
    fourth = m.add(rest, parts[4])
    high, rest = m.exact_sum(first, second)
    middle, rest_of_middle = m.exact_sum(rest, third)
    high, low = m.exact_sum(high, middle)
    low = m.add(low, m.add(rest_of_middle, fourth))
    value, error = _exact_product(m, high, m.number(table.PIO2_HIGH))
    error = m.add(error, m.add(m.mul(high, table.PIO2_LOW), m.mul(low, table.PIO2_HIGH)))
    total = m.add(value, error)
    remainder = m.add(m.sub(value, total), error)
    sign = b.lshr(bits, m.integer(63))
    quadrant = b.select(b.trunc(sign, ir.IntType(1)), b.neg(quadrant), quadrant)
    found = ir.Constant(result, ir.Undefined)
    for at, field in enumerate((quadrant, m.negate_if(total, sign), m.negate_if(remainder, sign))):
        found = b.insert_value(found, field, at)
    b.ret(found)
    return function


def _window_limbs(m: LaneArithmetic, start: Value) -> list[Value]:
    """192 bits of 2/π from bit ``start``, as six integers of 32 bits, the lowest first."""
    b, module, name = m.b, m.b.module, "az_two_over_pi"
    words = table.TWO_OVER_PI_LENGTH // _WORD
    values = [0, *(table.TWO_OVER_PI_BITS >> _WORD * (words - 1 - at) & (1 << _WORD) - 1 for at in range(words))]
    kind = ir.ArrayType(I64, len(values))
    bits = ir.GlobalVariable(module, kind, name)
    bits.linkage, bits.global_constant = "internal", True
    bits.initializer = ir.Constant(kind, values)
    place = b.gep(b.bitcast(bits, ir.PointerType()), [b.lshr(start, m.integer(6))], source_etype=I64)
    shift = b.and_(start, m.integer(_WORD - 1))
    found = [b.load(b.gep(place, [m.integer(at)], source_etype=I64), typ=I64) for at in range(4)]
    limbs: list[Value] = []
    for upper, lower in zip(found[2::-1], found[:0:-1], strict=True):
        beside = b.lshr(b.lshr(lower, m.integer(1)), b.sub(m.integer(_WORD - 1), shift))
        word = b.or_(b.shl(upper, shift), beside)
        limbs += [b.and_(word, m.integer(_LOW)), b.lshr(word, m.integer(32))]
    return limbs


def _product_limbs(m: LaneArithmetic, mantissa: Value, window: Sequence[Value]) -> list[Value]:
    """Mantissa times window modulo 2**192, in integers of 32 bits, the lowest first."""
    b, limbs = m.b, [m.integer(0)] * len(window)
    for offset, factor in enumerate((b.and_(mantissa, m.integer(_LOW)), b.lshr(mantissa, m.integer(32)))):
        carry = m.integer(0)
        for at in range(offset, len(window)):
            product = b.add(b.add(b.mul(window[at - offset], factor), limbs[at]), carry)
            limbs[at], carry = b.and_(product, m.integer(_LOW)), b.lshr(product, m.integer(32))
    return limbs


def _exact_product(m: LaneArithmetic, x: Value, y: Value) -> tuple[Value, Value]:
    """X · y, and its rounding error (Dekker)."""
    total = m.mul(x, y)
    halves: list[Value] = []
    for value in (x, y):
        scaled = m.mul(table.SPLIT, value)
        high = m.sub(scaled, m.sub(scaled, value))
        halves += [high, m.sub(value, high)]
    x_high, x_low, y_high, y_low = halves
    error = m.add(m.sub(m.mul(x_high, y_high), total), m.mul(x_high, y_low), m.mul(x_low, y_high))
    return total, m.add(error, m.mul(x_low, y_low))


def _kernels(m: LaneArithmetic, high: Value, low: Value) -> tuple[Value, Value]:
    """Sine and cosine of a sum from -π/4 to π/4."""
    z = m.mul(high, high)
    cube = m.mul(z, high)
    inner = m.sub(m.mul(0.5, low), m.mul(cube, m.horner(table.SIN[1:], z)))
    sine = m.sub(high, m.sub(m.sub(m.mul(z, inner), low), m.mul(cube, table.SIN[0])))
    w = m.mul(z, z)
    series = m.add(m.mul(z, m.horner(table.COS[:3], z)), m.mul(w, w, m.horner(table.COS[3:], z)))
    half = m.mul(0.5, z)
    value = m.sub(1.0, half)
    cosine = m.add(value, m.add(m.sub(m.sub(1.0, value), half), m.sub(m.mul(z, series), m.mul(high, low))))
    return sine, cosine


def _odd(m: LaneArithmetic, quadrant: Value) -> Value:
    return m.b.icmp_unsigned("!=", m.b.and_(quadrant, m.integer(1)), m.integer(0))


def _sin(m: LaneArithmetic, x: Value) -> Value:
    quadrant, high, low = _reduce(m, x)
    sine, cosine = _kernels(m, high, low)
    value = m.choose(_odd(m, quadrant), cosine, sine)
    value = m.negate_if(value, m.b.lshr(quadrant, m.integer(1)))
    return m.choose(m.test(x, "==", 0.0), x, value)


def _cos(m: LaneArithmetic, x: Value) -> Value:
    quadrant, high, low = _reduce(m, x)
    sine, cosine = _kernels(m, high, low)
    value = m.choose(_odd(m, quadrant), sine, cosine)
    return m.negate_if(value, m.b.lshr(m.b.add(quadrant, m.integer(1)), m.integer(1)))


def _tan(m: LaneArithmetic, x: Value) -> Value:
    quadrant, given_high, given_low = _reduce(m, x)
    odd = _odd(m, quadrant)
    sign = m.choose(odd, -1.0, 1.0)
    far = m.test(m.abs(given_high), ">=", table.TAN_NEAR)
    negative = m.b.lshr(m.bits(given_high), m.integer(63))
    size, size_low = m.negate_if(given_high, negative), m.negate_if(given_low, negative)
    turned_high = m.add(m.sub(table.PIO4_HIGH, size), m.sub(table.PIO4_LOW, size_low))
    high, low = m.choose(far, turned_high, given_high), m.choose(far, 0.0, given_low)
    z = m.mul(high, high)
    w = m.mul(z, z)
    cube = m.mul(z, high)
    series = m.add(m.horner(table.TAN[1::2], w), m.mul(z, m.horner(table.TAN[2::2], w)))
    rest = m.add(low, m.mul(z, m.add(m.mul(cube, series), low)), m.mul(cube, table.TAN[0]))
    value = m.add(high, rest)
    quotient = m.div(m.choose(far, m.mul(value, value), -1.0), m.choose(far, m.add(value, sign), value))
    turned = m.sub(sign, m.mul(2.0, m.add(high, m.sub(rest, quotient))))
    turned = m.negate_if(turned, negative)
    value_top, inverse_top = m.top(value), m.top(quotient)
    inner = m.add(m.add(1.0, m.mul(inverse_top, value_top)), m.mul(inverse_top, m.sub(rest, m.sub(value_top, high))))
    inverse = m.add(inverse_top, m.mul(quotient, inner))
    near = m.choose(odd, inverse, value)
    return m.choose(m.test(x, "==", 0.0), x, m.choose(far, turned, near))


def _arctan(m: LaneArithmetic, x: Value) -> Value:
    a = m.abs(x)
    above, below, high, low = a, m.number(1.0), m.number(0.0), m.number(0.0)
    others = (
        (m.sub(m.mul(2.0, a), 1.0), m.add(2.0, a)),
        (m.sub(a, 1.0), m.add(a, 1.0)),
        (m.sub(a, 1.5), m.add(1.0, m.mul(1.5, a))),
        (m.number(-1.0), a),
    )
    for bound, (top, bottom), at_high, at_low in zip(
        table.ATAN_BOUNDS, others, table.ATAN_HIGH[1:], table.ATAN_LOW[1:], strict=True
    ):
        beyond = m.test(a, ">=", bound)
        above, below = m.choose(beyond, top, above), m.choose(beyond, bottom, below)
        high, low = m.choose(beyond, at_high, high), m.choose(beyond, at_low, low)
    t = m.div(above, below)
    z = m.mul(t, t)
    w = m.mul(z, z)
    series = m.add(m.mul(z, m.horner(table.ATAN_EVEN, w)), m.mul(w, m.horner(table.ATAN_ODD, w)))
    value = m.sub(high, m.sub(m.sub(m.mul(t, series), low), t))
    return m.with_sign(m.abs(value), x)


def _asin_rest(m: LaneArithmetic, z: Value) -> Value:
    return m.div(m.mul(z, m.horner(table.ASIN_NUMERATOR, z)), m.horner(table.ASIN_DENOMINATOR, z))


def _half_angle(m: LaneArithmetic, x: Value) -> tuple[Value, Value, Value, Value, Value]:
    """|x|, where it is below 1/2, z = x² there and (1 - |x|) / 2 elsewhere, its root, and the rest of arcsin's series at z."""
    a = m.abs(x)
    near = m.test(a, "<", 0.5)
    z = m.choose(near, m.mul(x, x), m.mul(m.sub(1.0, a), 0.5))
    return a, near, z, m.e.intrinsic("sqrt", z), _asin_rest(m, z)


def _root_correction(m: LaneArithmetic, z: Value, s: Value) -> tuple[Value, Value]:
    """A root's upper bits, and what they miss of it; nothing where it is 0."""
    top = m.top(s)
    missing = m.div(m.sub(z, m.mul(top, top)), m.add(s, top))
    return top, m.choose(m.test(z, "==", 0.0), 0.0, missing)


def _arcsin(m: LaneArithmetic, x: Value) -> Value:
    a, near, z, s, r = _half_angle(m, x)
    top, c = _root_correction(m, z, s)
    inner = m.sub(m.mul(2.0, s, r), m.sub(table.PIO2_LOW, m.mul(2.0, c)))
    middle = m.sub(table.PIO4_HIGH, m.sub(inner, m.sub(table.PIO4_HIGH, m.mul(2.0, top))))
    edge = m.sub(table.PIO2_HIGH, m.sub(m.mul(2.0, m.add(s, m.mul(s, r))), table.PIO2_LOW))
    far = m.with_sign(m.choose(m.test(a, ">=", table.ASIN_NEAR_ONE), edge, middle), x)
    value = m.choose(near, m.add(x, m.mul(x, r)), far)
    return m.choose(m.test(a, "<=", 1.0), value, math.nan)


def _arccos(m: LaneArithmetic, x: Value) -> Value:
    a, near, z, s, r = _half_angle(m, x)
    top, c = _root_correction(m, z, s)
    central = m.sub(table.PIO2_HIGH, m.sub(x, m.sub(table.PIO2_LOW, m.mul(x, r))))
    left = m.mul(2.0, m.sub(table.PIO2_HIGH, m.add(s, m.sub(m.mul(r, s), table.PIO2_LOW))))
    right = m.mul(2.0, m.add(top, m.add(m.mul(r, s), c)))
    value = m.choose(near, central, m.choose(m.test(x, "<", 0.0), left, right))
    return m.choose(m.test(a, "<=", 1.0), value, math.nan)


FUNCTIONS: dict[str, Callable[[LaneArithmetic, Value], Value]] = {
    "exp": _exp,
    "log": _log,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "arcsin": _arcsin,
    "arccos": _arccos,
    "arctan": _arctan,
}
"""The eight functions by the names of their ops."""


def apply(e: Emitter, name: str, value: Value) -> Value:
    """A function of numbers of the emitter's type or of float64, computed in float64 and rounded to the values' type."""
    element = value.type.element if isinstance(value.type, ir.VectorType) else value.type
    if element == F64:
        return FUNCTIONS[name](LaneArithmetic(e), value)
    result = FUNCTIONS[name](LaneArithmetic(e), e.builder.fpext(value, e.wide(F64)))
    return e.builder.fptrunc(result, e.wide(element))
