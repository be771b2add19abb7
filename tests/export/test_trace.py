"""A traced model writes the interpreter's result of every instruction, and learns what an ordinary model learns."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
from tracing import ExpectedTrace

from azdsl.codegen.aot.frames import VISITS
from azdsl.codegen.aot.models import TRACE_FUNCTIONS, Spec, compile_models, trace_layout
from azdsl.codegen.target import load_object

sys.path.insert(0, str(Path(__file__).parent))
from machine import same
from model_cases import cases, specs_of

FLOATS = {32: np.float32, 64: np.float64}


class Native:
    """The traced models of this machine."""

    def __init__(self, specs: list[Spec]) -> None:
        self.loaded = load_object(compile_models(specs, "0", traced=True).object_code())

    def call(self, spec: Spec, name: str, *arguments: int | np.ndarray) -> int:
        values = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
        kinds = [ctypes.c_void_p if isinstance(a, np.ndarray) else ctypes.c_size_t for a in arguments]
        return ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(self.loaded.address(spec.prefix + name))(*values)

    def memory(self, spec: Spec) -> np.ndarray:
        size = self.call(spec, "size")
        room = np.zeros(size + 64, np.uint8)
        return room[-room.ctypes.data % 64 :][:size]


def results(spec: Spec, trace: np.ndarray) -> list[np.ndarray | None]:
    found: list[np.ndarray | None] = []
    for instruction, place in zip(spec.program.instructions, trace_layout(spec).places, strict=True):
        if place is None or instruction.output is None:
            found.append(None)
            continue
        size = instruction.output.kind.size(spec.features) * spec.number_bytes
        found.append(trace[place : place + size].view(FLOATS[spec.precision]).astype(float))
    return found


def test_every_result_is_the_interpreters() -> None:
    made = cases()[::4]
    specs = specs_of(made)
    native = Native(specs)
    setup, learn = TRACE_FUNCTIONS
    compared = stopped = 0
    for spec, case in zip(specs, made, strict=True):
        memory, plain = native.memory(spec), native.memory(spec)
        trace = np.zeros(trace_layout(spec).size, np.uint8)
        assert native.call(spec, setup, memory, spec.seed, trace) == 0
        native.call(spec, "setup", plain, spec.seed)
        expected = ExpectedTrace(spec)
        for rows in (slice(0, 1), slice(1, None)):
            X, y = np.ascontiguousarray(case.X[rows]), np.ascontiguousarray(case.y[rows])
            code = native.call(spec, learn, memory, X, y, len(y), trace)
            assert native.call(spec, "partial_fit", plain, X, y, len(y)) == code
            assert code == (0 if expected.learn(X, y) else 1)
            visits = memory[VISITS : VISITS + 8].view(np.uint64)[0]
            assert visits == expected.visits
            assert same(*(bits[16 : spec.state_bytes].view(FLOATS[spec.precision]) for bits in (memory, plain)))
            for found, wanted in zip(results(spec, trace), expected.results, strict=True):
                if wanted is not None:
                    assert found is not None and same(found, wanted), spec.source
                    compared += 1
            if code:
                stopped += 1
                break
    assert compared > 150 and stopped
