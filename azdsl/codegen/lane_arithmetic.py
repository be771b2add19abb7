"""Arithmetic on lanes of float64 and of their bits, written as a formula is."""

from __future__ import annotations

from collections.abc import Sequence

from azdsl.codegen.emitter import F64, I64, Emitter, Value

_SIGN = -(1 << 63)
_HIGH_WORD = -(1 << 32)


class LaneArithmetic:
    """Arithmetic on lanes of float64 and of their bits, in the notation of a formula."""

    def __init__(self, e: Emitter) -> None:
        self.e, self.b = e, e.builder

    def number(self, value: float | Value) -> Value:
        """A constant in every lane, or the lanes themselves."""
        return self.e.constant(float(value), F64) if isinstance(value, int | float) else value

    def add(self, *terms: float | Value) -> Value:
        """A sum, left to right."""
        total = self.number(terms[0])
        for term in terms[1:]:
            total = self.b.fadd(total, self.number(term))
        return total

    def sub(self, *terms: float | Value) -> Value:
        """The first less the others, left to right."""
        total = self.number(terms[0])
        for term in terms[1:]:
            total = self.b.fsub(total, self.number(term))
        return total

    def mul(self, *factors: float | Value) -> Value:
        """A product, left to right."""
        total = self.number(factors[0])
        for factor in factors[1:]:
            total = self.b.fmul(total, self.number(factor))
        return total

    def div(self, a: float | Value, b: float | Value) -> Value:
        """A quotient."""
        return self.b.fdiv(self.number(a), self.number(b))

    def test(self, a: float | Value, predicate: str, b: float | Value) -> Value:
        """Where an ordered comparison holds: nowhere with a NaN."""
        return self.b.fcmp_ordered(predicate, self.number(a), self.number(b))

    def choose(self, mask: Value, then: float | Value, other: float | Value) -> Value:
        """``then`` where the mask is set, else ``other``."""
        return self.b.select(mask, self.number(then), self.number(other))

    def integer(self, value: int) -> Value:
        """A 64-bit integer in every lane."""
        return self.e.constant(value, I64)

    def bits(self, value: Value) -> Value:
        """The bits of numbers."""
        return self.b.bitcast(value, self.e.wide(I64))

    def floats(self, bits: Value) -> Value:
        """The numbers of bits."""
        return self.b.bitcast(bits, self.e.wide(F64))

    def top(self, value: Value) -> Value:
        """Numbers without the lower 32 bits of their mantissas."""
        return self.floats(self.b.and_(self.bits(value), self.integer(_HIGH_WORD)))

    def abs(self, value: Value) -> Value:
        """Absolute values."""
        return self.e.intrinsic("fabs", value)

    def with_sign(self, value: Value, sign: Value) -> Value:
        """Numbers that are not negative, with the signs of others."""
        return self.floats(self.b.or_(self.bits(value), self.b.and_(self.bits(sign), self.integer(_SIGN))))

    def negate_if(self, value: Value, bit: Value) -> Value:
        """Numbers, negated where the lowest bit of an integer is set."""
        return self.floats(self.b.xor(self.bits(value), self.b.shl(bit, self.integer(63))))

    def horner(self, coefficients: Sequence[float], x: Value) -> Value:
        """A polynomial, the constant term first, by Horner's rule."""
        value: float | Value = coefficients[-1]
        for coefficient in coefficients[-2::-1]:
            value = self.add(coefficient, self.mul(x, value))
        return value

    def estrin(self, coefficients: Sequence[float], x: Value) -> Value:
        """A polynomial, the constant term first, by Estrin's rule."""
        values: list[float | Value] = list(coefficients)
        while len(values) > 1:
            pairs = [self.add(a, self.mul(x, b)) for a, b in zip(values[::2], values[1::2], strict=False)]
            values, x = pairs + values[2 * len(pairs) :], self.mul(x, x)
        return values[0]

    def exact_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """A + b, and its rounding error (Knuth)."""
        total = self.add(a, b)
        part = self.sub(total, a)
        return total, self.add(self.sub(a, self.sub(total, part)), self.sub(b, part))

    def exact_difference(self, a: Value, b: Value) -> tuple[Value, Value]:
        """A - b, and its rounding error."""
        total = self.sub(a, b)
        part = self.sub(total, a)
        return total, self.sub(self.sub(a, self.sub(total, part)), self.add(b, part))
