"""Choosing the faster backend for an evaluation: the virtual machine, or compiling the program first.

The cost model predicts both times. Where compiling seems to pay, the VM runs the first examples: the probe finds programs whose
training stops at once, and corrects the model. Both backends compute the same bits, so a wrong choice costs only time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from azdsl.codegen.autoselect.cost_model import Costs, Prediction, predict, vm_times
from azdsl.ir import Program, pack_live, remove_dead_code
from azdsl.taskset import TaskSet

NUMBA_START = 10.0
"""Importing numba, which the VM needs, takes as long as compiling this many programs of one instruction."""

MARGIN = 0.85
"""A program is compiled when that is predicted to take less than this share of the VM's time: the prediction is less certain."""

LEAST_PROBED, MOST_PROBED = 16, 512
"""Least and most examples of each task that the probe runs. Long trainings get more, so that the start of one hardly counts."""

Probe = Callable[[Program, TaskSet], tuple[float, bool]]
"""Runs a program on the VM: the seconds that it takes, and whether every task stopped early."""


@dataclass(frozen=True)
class Candidate:
    """A live program for which compiling may pay, and its predicted times."""

    program: Program
    predicted: Prediction

    @property
    def compiles(self) -> bool:
        """Whether compiling is predicted to be faster than the VM."""
        return self.predicted.jit < MARGIN * self.predicted.vm


def choose(
    programs: Sequence[Program],
    tasks: TaskSet,
    costs: Costs,
    precision: int = 64,
    probe: Probe | None = None,
) -> NDArray[np.bool_]:
    """Whether to compile each of P programs, bool[P]. ``probe`` is called where it may change the choice."""
    start = 0.0 if "numba" in sys.modules else NUMBA_START * costs.compiling[0]
    candidates = _candidates(programs, tasks, costs, precision, start)
    compiled = np.zeros(len(programs), np.bool_)
    for at, candidate in candidates.items():
        compiled[at] = candidate.compiles
    if start and len(candidates) == len(programs) and _avoids_numba(list(candidates.values()), start):
        return np.ones(len(programs), np.bool_)
    if probe is not None and tasks.steps > 4 * LEAST_PROBED:
        count = max(LEAST_PROBED, min(MOST_PROBED, tasks.steps // 64))
        first = tasks.first(count, count)
        for at, candidate in candidates.items():
            # an evaluation much shorter than compiling stays on the VM; in any other a few examples cost little
            if candidate.predicted.vm > candidate.predicted.compiling / 2:
                seconds, stopped = probe(programs[at], first)
                correction = seconds / predict(candidate.program, first, costs, precision).vm
                compiled[at] = (
                    not stopped and Candidate(candidate.program, candidate.predicted.scaled(correction)).compiles
                )
    return compiled


def _candidates(
    programs: Sequence[Program], tasks: TaskSet, costs: Costs, precision: int, start: float
) -> dict[int, Candidate]:
    """The programs whose evaluation on the VM, with ``start`` seconds for starting it, takes longer than compiling one instruction."""
    vm = vm_times([pack_live(program, tasks.metric_definition) for program in programs], tasks, costs, precision)
    live = {
        at: remove_dead_code(programs[at], tasks.metric_definition)
        for at in np.flatnonzero(vm + start > costs.compiling[0]).tolist()
    }
    return {at: Candidate(program, predict(program, tasks, costs, precision)) for at, program in live.items()}


def _avoids_numba(candidates: Sequence[Candidate], start: float) -> bool:
    """Whether compiling all programs is faster than starting the VM, in ``start`` seconds, for those that are not compiled."""
    others = [candidate.predicted for candidate in candidates if not candidate.compiles]
    return sum(p.vm for p in others) + start > sum(p.jit for p in others)
