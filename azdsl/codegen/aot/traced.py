"""Functions of a model that also write down the result of every instruction, for a view of a program at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from azdsl.codegen.aot.frames import Frame, Functions, Registers, Spec
from azdsl.codegen.emitter import Value
from azdsl.codegen.protocol import Visit

_ALIGNMENT = 8
TRACE_FUNCTIONS = ("trace_setup", "trace")
"""The functions of a traced model: ``int trace_setup(model, seed, trace)`` and ``int trace(model, X, y, n, trace)``.

They do what ``setup`` and ``partial_fit`` do, for n checked examples, n at least 1. ``trace`` is an array of the layout below, which then
has the last result of each instruction.
"""


@dataclass(frozen=True)
class TraceLayout:
    """The array of results: at byte 0 the squashed prediction for the last example, as numbers of the model's type.

    ``places`` are the byte offsets of the results of the instructions of Setup, Predict and Learn, None for one without an output;
    ``size`` is in bytes.
    """

    places: tuple[int | None, ...]
    size: int


def trace_layout(spec: Spec) -> TraceLayout:
    """The layout for the live program of ``spec``."""
    places: list[int | None] = []
    at = _aligned(spec.outputs * spec.number_bytes)
    for instruction in spec.program.instructions:
        places.append(at if instruction.output else None)
        if instruction.output:
            at += _aligned(instruction.output.kind.size(spec.features) * spec.number_bytes)
    return TraceLayout(tuple(places), at)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


class TracedFunctions(Functions):
    """Setup, Predict and Learn that copy the result of every instruction to the array ``trace``; no result is deferred."""

    def __init__(self, spec: Spec, frame: Frame, visit: Visit, registers: Registers, trace: Value) -> None:
        super().__init__(spec, frame, visit, registers)
        self.trace = trace
        self.places = _places_by_function(spec)

    def emit_function(self, function: int) -> None:
        """Emit a function's instructions, each followed by a copy of its result."""
        frame, spec = self.frame, self.spec
        for at, instruction in enumerate(self.program.functions[function]):
            self._execute(instruction, self.ordinals[function][at], {}, False)
            place, out = self.places[function][at], instruction.output
            if place is not None and out is not None:
                size = out.kind.size(spec.features) * spec.number_bytes
                frame.copy(frame.offset(self.trace, place), self.slots[out], size)

    def reveal(self, squashed: Sequence[Value], y: Value) -> Value:
        """Also write down the squashed prediction."""
        for i, value in enumerate(squashed):
            self.frame.store(value, self.trace, i)
        return super().reveal(squashed, y)


def _places_by_function(spec: Spec) -> list[list[int | None]]:
    """The places of ``trace_layout`` by function."""
    places = iter(trace_layout(spec).places)
    return [[next(places) for _ in block] for block in spec.program.functions]
