"""Predicting several rows at once, one in each lane, where rows do not depend on each other."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from azdsl.codegen.aot.frames import Frame, Spec
from azdsl.codegen.emitter import F64, I32, I64, Value
from azdsl.ir import FEATURES, LABEL

WIDE_BYTES = 1 << 16
"""Rows are predicted together if their intermediate values take at most this many bytes."""


def rows_at_once(spec: Spec, vector_bytes: int) -> int:
    """How many rows to predict at once; 1 if a row depends on the previous one."""
    chosen = [i.output for i, keep in zip(spec.program.predict, spec.predicting, strict=True) if keep and i.output]
    numbers = sum(a.kind.size(spec.features) for a in {*chosen, FEATURES, LABEL})
    wide = spec.rows_independent and numbers * vector_bytes <= WIDE_BYTES
    return vector_bytes // spec.number_bytes if wide else 1


def column(frame: Frame, first: Value, i: Value) -> Value:
    """Feature ``i`` of one row in each lane, as float64; ``first`` is the address of the first row."""
    b = frame.builder
    value = ir.Constant(frame.wide(F64), ir.Undefined)
    for lane in range(frame.lanes):
        place = b.add(frame.index(i), ir.Constant(I64, lane * frame.features))
        number = b.load(b.gep(first, [place], source_etype=F64), align=8, typ=F64)
        value = b.insert_element(value, number, ir.Constant(I32, lane))
    return value


def scatter(frame: Frame, outputs: Sequence[Value], target: Value) -> None:
    """Store the outputs of a group of rows, row by row."""
    b = frame.builder
    wide = [value if frame.element == F64 else b.fpext(value, frame.wide(F64)) for value in outputs]
    if len(wide) == 1:
        b.store(wide[0], target, align=8)
        return
    for i, value in enumerate(wide):
        for lane in range(frame.lanes):
            place = b.gep(target, [ir.Constant(I64, lane * len(wide) + i)], source_etype=F64)
            b.store(frame.lane(value, lane), place, align=8)
