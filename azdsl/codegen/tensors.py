"""Loading registers as tensors, and storing tensors."""

from __future__ import annotations

from azdsl.codegen.emitter import Emitter, Index, Value
from azdsl.codegen.lowering import Tensor
from azdsl.ops import Kind

UNROLLED_ROWS = 4
"""The loop over the rows of a matrix is unrolled for at most this many rows."""


def memory_tensor(e: Emitter, kind: Kind, pointer: Value) -> Tensor:
    """The register whose lane values start at ``pointer``."""

    def at(*place: Index) -> Value:
        return e.load(pointer, e.slot(*place))

    return Tensor(kind, at)


def store_tensor(e: Emitter, tensor: Tensor, pointer: Value) -> None:
    """Compute every element and store it from ``pointer`` on."""
    if tensor.kind is Kind.SCALAR:
        e.put(tensor.at(), pointer)
    elif tensor.several and e.together > 1:
        several, count = tensor.several, e.together

        def group(turn: Index) -> None:
            start = e.builder.mul(e.index(turn), e.index(count))
            places = [e.builder.add(start, e.index(at)) for at in range(count)]
            for place, value in zip(places, several(places), strict=True):
                e.store(value, pointer, place)

        e.each(e.features // count, group, unroll=1)
    elif tensor.kind is Kind.VECTOR:
        e.spread(e.features, lambda i: e.store(tensor.at(i), pointer, i))
    else:

        def row(i: Index) -> None:
            e.each(e.features, lambda j: e.store(tensor.at(i, j), pointer, e.slot(i, j)))

        e.spread(e.features, row, unroll=UNROLLED_ROWS)
