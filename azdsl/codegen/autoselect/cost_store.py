"""This machine's costs: measured once, and kept on disk beside compiled code."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from azdsl.codegen.autoselect.cost_model import CLASSES, COMPILED, TYPICAL, Costs, vm_times
from azdsl.codegen.target import cached_object
from azdsl.ir import Program, pack_live
from azdsl.taskset import TaskSet

WORTH_SECONDS = 2.0
"""The machine is measured for evaluations that typically take longer than this on the VM."""


def stored_costs(announce: Callable[[], None] = lambda: None) -> Costs:
    """This machine's costs, from disk or measured now; ``announce`` is called before measuring."""

    def make() -> bytes:
        from azdsl.codegen.autoselect.calibration import calibrate  # imports numba, which few starts need

        return json.dumps(asdict(calibrate())).encode()

    # keyed, checked and written as objects are: a truncated file is measured again, concurrent starts do no harm
    return _decoded(cached_object("costs", make, announce)) or _decoded(make()) or _failed()


def costs_for(
    programs: Sequence[Program], tasks: TaskSet, precision: int = 64, announce: Callable[[], None] = lambda: None
) -> Costs:
    """This machine's costs; ``TYPICAL`` when they are not measured yet and the evaluation is too short for measuring."""

    def absent() -> bytes:
        raise LookupError

    try:
        return _decoded(cached_object("costs", absent)) or stored_costs(announce)
    except LookupError:
        packed = [pack_live(program, tasks.metric_definition) for program in programs]
        short = float(vm_times(packed, tasks, TYPICAL, precision).sum()) < WORTH_SECONDS
        return TYPICAL if short else stored_costs(announce)


def _decoded(data: bytes) -> Costs | None:
    """Costs from JSON; None when they are invalid."""
    try:
        fields: dict[str, Any] = json.loads(data)
        costs = Costs(**{name: tuple(map(float, values)) for name, values in fields.items()})
    except (ValueError, TypeError, AttributeError):
        return None
    lengths = [len(values) for values in vars(costs).values()]
    good = lengths == [len(CLASSES)] * 4 + [len(COMPILED)]
    good = good and all(math.isfinite(v) and v >= 0.0 for values in vars(costs).values() for v in values)
    return costs if good and costs.compiling[0] > 0.0 else None


def _failed() -> Costs:
    raise RuntimeError("the calibration gave no usable costs")
